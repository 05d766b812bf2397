"""The forest plot of a batch: one scale for all draws, one strip per draw, as percentages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chc_gating.model.count import CountRow
from chc_gating.reporting.numerals import format_amount
from chc_gating.reporting.sentences import describe_interval

_TICKS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6, 1e7)
_MIN_TICK_PERCENT = 11.0
_MARGIN_PERCENT = 4.0


@dataclass(frozen=True)
class ForestScale:
    """Counts per 7.5 mL to positions in percent: linear up to about 1, logarithmic above.

    ``top`` is the largest value that the scale must hold. A zero has a place on it.
    """

    top: float

    def place(self, value: float) -> float:
        """Return the position of a value in percent of the strip's width."""
        share = math.asinh(value) / math.asinh(max(self.top, 1.0))
        inner = 100 - 2 * _MARGIN_PERCENT
        return round(_MARGIN_PERCENT + inner * min(max(share, 0.0), 1.0), 2)

    def list_ticks(self) -> list[tuple[float, str]]:
        """Return (percent, label) of round values that do not touch each other."""
        ticks: list[tuple[float, str]] = []
        for value in _TICKS:
            if value > max(self.top, 1.0):
                break
            place = self.place(value)
            if not ticks or place - ticks[-1][0] >= _MIN_TICK_PERCENT:
                ticks.append((place, f"{value:,.0f}"))
        return ticks


@dataclass(frozen=True)
class ForestMark:
    """One phenotype's interval on a strip: positions in percent; ``point`` None for a zero."""

    phenotype: str
    low: float
    high: float
    point: float | None
    words: str


def scale_rows(rows: Sequence[CountRow]) -> ForestScale:
    """Return the one scale that holds every interval of these rows."""
    ends = [_upper(row) for row in rows if row.per_7_5_ml is not None]
    return ForestScale(max([10.0, *ends]))


def mark_row(row: CountRow | None, scale: ForestScale) -> ForestMark | None:
    """Return a row's mark, or None where it has no number per 7.5 mL.

    A zero is drawn as a line from 0 to its one-sided upper bound, without a point.
    """
    if row is None or row.per_7_5_ml is None:
        return None
    zero = row.count == 0
    low = 0.0 if zero else row.ci95_low_per_7_5_ml
    return ForestMark(
        phenotype=row.phenotype or "",
        low=scale.place(row.per_7_5_ml if low is None else low),
        high=scale.place(_upper(row)),
        point=None if zero else scale.place(row.per_7_5_ml),
        words=f"{row.phenotype} {format_amount(row.per_7_5_ml)}, {describe_interval(row)}",
    )


def _upper(row: CountRow) -> float:
    bound = row.upper95_per_7_5_ml if row.count == 0 else row.ci95_high_per_7_5_ml
    return bound if bound is not None else (row.per_7_5_ml or 0.0)
