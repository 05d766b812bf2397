"""Tables of simulated studies: what a cell is, what is claimed of it, how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

ERRORS = 3.0
"""Monte Carlo errors by which a cell may miss its claim: one of 700 would by chance."""


@dataclass(frozen=True)
class Row:
    """One setting: a share (coverage, false alarms, power) for each column.

    at_least, at_most : claimed of every cell (one number for all, or one a cell);
    mean_at_least : of their mean. None: no claim.
    margin : by which a cell may miss its claim; None: three Monte Carlo errors of a share.
    """

    setting: str
    shares: tuple[float, ...]
    at_least: float | tuple[float, ...] | None = None
    at_most: float | tuple[float, ...] | None = None
    mean_at_least: float | None = None
    margin: float | None = None

    @property
    def mean(self) -> float:
        """The mean over the cells."""
        return sum(self.shares) / len(self.shares)

    def list_misses(self, studies: int) -> list[str]:
        """Return the claims that do not hold beyond the Monte Carlo error."""
        misses = []
        for share, low, high in zip(
            self.shares, self._spread(self.at_least), self._spread(self.at_most), strict=True
        ):
            if low is not None and share < low - self._find_margin(low, studies):
                misses.append(f"{self.setting}: {share:.4f}, below {low:.4g}")
            if high is not None and share > high + self._find_margin(high, studies):
                misses.append(f"{self.setting}: {share:.4f}, above {high:.4g}")
        if self.mean_at_least is not None and self.mean < self.mean_at_least:
            misses.append(f"{self.setting}: mean {self.mean:.4f}, below {self.mean_at_least}")
        return misses

    def _spread(self, claim: float | tuple[float, ...] | None) -> tuple[float | None, ...]:
        return claim if isinstance(claim, tuple) else (claim,) * len(self.shares)

    def _find_margin(self, claim: float, studies: int) -> float:
        return ERRORS * sqrt(claim * (1 - claim) / studies) if self.margin is None else self.margin

    @property
    def claim(self) -> str:
        """The claim in words."""
        if isinstance(self.at_least, tuple) or isinstance(self.at_most, tuple):
            return "as stated"
        if self.at_least is not None and self.at_least == self.at_most:
            return f"{self.at_least:g}"
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


def render_verdicts(sections: Sequence[Section], studies: int) -> str:
    """Return one line for every row with a claim: what is claimed, what was seen, if it holds."""
    head = ("table", "row", "claim", "lowest", "highest", "mean", "holds")
    lines = [_line(head), _line(["---"] * len(head))]
    for section in sections:
        for row in section.rows:
            if row.claim == "none":
                continue
            seen = [f"{share:.3f}" for share in (min(row.shares), max(row.shares), row.mean)]
            holds = "does not" if row.list_misses(studies) else "holds"
            lines.append(_line((section.heading, row.setting, row.claim, *seen, holds)))
    return "\n".join(lines)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
