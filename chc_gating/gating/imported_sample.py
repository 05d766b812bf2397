"""What a sample of another program's workspace brings."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.model.gates import Gates
from chc_gating.model.spillover import Spillover


@dataclass(frozen=True)
class ImportedSample:
    """A sample's gates, its spillover (None: the workspace has none), and what is to be known."""

    gates: Gates
    spillover: Spillover | None
    notes: tuple[str, ...]
