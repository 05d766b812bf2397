"""The outcome of a comparison: a table to print, and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """The table to print, and whether the counts are what they must be."""

    text: str
    agrees: bool


def align_columns(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of equal length as a table: numbers to the right.

    The first two columns and the last are texts, to the left.
    """
    last = len(lines[0]) - 1
    widths = [max(len(line[i]) for line in lines) for i in range(last + 1)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in (0, 1, last) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
