"""cutoffs.json: the cuts that the controls of a control set give a gates file."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from chc_gating.model.acquisition import AppliedCut, InputFile, Status
from chc_gating.model.record import Record


class Cutoffs(Record):
    """cutoffs.json: a cut for each marker that the gates take from a control.

    ``inputs`` hold the controls' raw files by kind and marker. ``cuts`` is empty where a control
    gave none, for ``reason``.
    """

    schema_: str = Field(default="chc_gating/cutoffs/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Mapping[str, str | int | float | bool | None]
    panel: str
    gates: str
    status: Status = "counted"
    reason: str | None = None
    cuts: tuple[AppliedCut, ...] = ()
