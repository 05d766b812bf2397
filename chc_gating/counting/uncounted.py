"""What of a batch was not counted: judged once, for the closing lines, the pages and strict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chc_gating.model.count import CountRow

NO_REASON = "no reason was recorded"


@dataclass(frozen=True)
class Uncounted:
    """A draw without a count, or one modality, panel, gates and lot of a draw that has one.

    row : a row of what was not counted.
    is_partial : other rows of the draw are counted.
    """

    row: CountRow
    reason: str
    is_partial: bool

    def describe(self) -> str:
        """Return the draw, what of it was not counted, and why, in one line."""
        if not self.is_partial:
            return f"{self.row.draw} was NOT COUNTED: {self.reason}"
        return f"{self.row.draw} was PARTLY COUNTED; not {describe_group(self.row)}: {self.reason}"


def list_uncounted(rows: Iterable[CountRow]) -> tuple[Uncounted, ...]:
    """Return what was not counted, in the rows' order: whole draws, and parts of others.

    A draw is counted where one of its rows is; each other modality, panel, gates and lot of it is
    then a part that was not.
    """
    all_rows = tuple(rows)
    counted = {row.draw for row in all_rows if row.status == "counted"}
    found: dict[str, list[CountRow]] = {}
    for row in list_uncounted_groups(all_rows):
        found.setdefault(row.draw, []).append(row)
    return tuple(
        one
        for draw, parts in found.items()
        for one in (_name_parts(parts) if draw in counted else [_name_draw(parts)])
    )


def list_uncounted_groups(rows: Iterable[CountRow]) -> tuple[CountRow, ...]:
    """Return one row of each draw, modality, panel, gates and lot that was not counted."""
    found: dict[tuple[str | None, ...], CountRow] = {}
    for row in rows:
        if row.status != "counted":
            key = (row.draw, row.modality, row.panel, row.gates, row.lot)
            found.setdefault(key, row)
    return tuple(found.values())


def _name_parts(parts: Iterable[CountRow]) -> list[Uncounted]:
    return [Uncounted(row, row.reason or NO_REASON, is_partial=True) for row in parts]


def _name_draw(parts: list[CountRow]) -> Uncounted:
    reasons = dict.fromkeys(row.reason for row in parts if row.reason)
    return Uncounted(parts[0], "; ".join(reasons) or NO_REASON, is_partial=False)


def describe_group(row: CountRow) -> str:
    """Return the modality, panel, gates and lot of a row in words."""
    parts = (("panel", row.panel), ("gates", row.gates), ("lot", row.lot))
    return ", ".join([row.modality or "", *(f"{word} {value}" for word, value in parts if value)])
