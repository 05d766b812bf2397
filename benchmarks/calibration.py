"""Tables of simulated studies: what a cell is, what is claimed of it, how it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

ERRORS = 3.0
"""Monte Carlo errors by which a cell may miss its claim: one of 700 would by chance."""


@dataclass(frozen=True)
class Row:
    """One setting: a share (coverage, false alarms, power) for each column.

    at_least, at_most : claimed of every cell; mean_at_least: of their mean. None: no claim.
    """

    setting: str
    shares: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None
    mean_at_least: float | None = None

    @property
    def mean(self) -> float:
        """The mean over the cells."""
        return sum(self.shares) / len(self.shares)

    def list_misses(self, studies: int) -> list[str]:
        """Return the claims that do not hold beyond the Monte Carlo error."""
        misses = []
        if self.at_least is not None:
            margin = ERRORS * sqrt(self.at_least * (1 - self.at_least) / studies)
            if min(self.shares) < self.at_least - margin:
                misses.append(f"{self.setting}: {min(self.shares):.4f}, below {self.at_least}")
        if self.at_most is not None:
            margin = ERRORS * sqrt(self.at_most * (1 - self.at_most) / studies)
            if max(self.shares) > self.at_most + margin:
                misses.append(f"{self.setting}: {max(self.shares):.4f}, above {self.at_most}")
        if self.mean_at_least is not None and self.mean < self.mean_at_least:
            misses.append(f"{self.setting}: mean {self.mean:.4f}, below {self.mean_at_least}")
        return misses

    @property
    def claim(self) -> str:
        """The claim in words."""
        words = [
            f"at least {self.at_least:g}" if self.at_least is not None else "",
            f"at most {self.at_most:g}" if self.at_most is not None else "",
            f"mean at least {self.mean_at_least:g}" if self.mean_at_least is not None else "",
        ]
        return ", ".join(filter(None, words)) or "none"


@dataclass(frozen=True)
class Section:
    """One table: a heading, a sentence, the columns' name and values, the rows."""

    heading: str
    text: str
    axis: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())

    def render(self) -> str:
        """Return the table in Markdown."""
        head = (self.axis, *self.columns, "minimum", "mean", "claim")
        lines = [f"**{self.heading}.** {self.text}", "", _line(head), _line(["---"] * len(head))]
        for row in self.rows:
            shares = [f"{share:.3f}" for share in row.shares]
            cells = (row.setting, *shares, f"{min(row.shares):.3f}", f"{row.mean:.3f}", row.claim)
            lines.append(_line(cells))
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
