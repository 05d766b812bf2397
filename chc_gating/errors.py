"""Errors that are the data's or the configuration's fault; everything else is a bug."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ChcError(Exception):
    """Parent of every error that is the fault of the user's data or configuration (exit code 2)."""


class RawFileError(ChcError):
    """A fault inside a raw file: missing, truncated, unreadable, or lacking what the panel needs.

    Under ``--record-faults`` it becomes a result (``status: not_counted``), so that one bad file
    stops no other draw.
    """


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in the user's configuration: where, what, and what to do.

    ``row`` is the line in the file as an editor or Excel numbers it (the header is row 1).
    """

    file: str
    problem: str
    remedy: str
    row: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        place = self.file
        if self.row is not None:
            place += f", row {self.row}"
        if self.column is not None:
            place += f", {self.column}"
        shown = "" if self.value is None else f" (it says {self.value!r})"
        return f"{place}: {self.problem}{shown}; {self.remedy}"


class ConfigError(ChcError):
    """Faults of sheets, panels, gates or settings, all of them at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
