"""The draws of a series as points: what a page shows of each, and what is computed with."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from chc_gating.model.count import CountRow
from chc_gating.model.monitor import DrawPoint
from chc_gating.monitoring.change import Measured
from chc_gating.monitoring.trend import DAYS_PER_MONTH

_SHOWN = (
    "draw",
    "collected_on",
    "lot",
    "count",
    "exposure_ml",
    "per_7_5_ml",
    "ci95_low_per_7_5_ml",
    "ci95_high_per_7_5_ml",
    "upper95_per_7_5_ml",
    "lob_count",
    "p_background",
    "call",
)


def show_row(row: CountRow) -> DrawPoint:
    """Return a row as a point; ``used`` is whether it was counted and has an exposure."""
    reason = None
    if row.status != "counted" or row.count is None:
        reason = f"not counted: {row.reason or 'no reason was recorded'}"
    elif row.exposure_ml is None or row.exposure_ml <= 0:
        reason = f"no exposure: {row.reason or 'no volume of blood is known'}"
    fields = {name: getattr(row, name) for name in _SHOWN}
    return DrawPoint(**fields, used=reason is None, reason=reason)


def measure_point(point: DrawPoint) -> Measured:
    """Return count and exposure (mL) of a point that is used."""
    if point.count is None or point.exposure_ml is None:
        raise ValueError(f"draw {point.draw} has no count or exposure")
    return Measured(point.count, point.exposure_ml)


def stack_points(used: Sequence[DrawPoint]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts, exposures (mL) and months since the first draw, (n,) float64 each."""
    measured = [measure_point(point) for point in used]
    days = [datetime.date.fromisoformat(point.collected_on).toordinal() for point in used]
    months = (np.array(days, dtype=float) - (days[0] if days else 0)) / DAYS_PER_MONTH
    return (
        np.array([m.count for m in measured], dtype=float),
        np.array([m.exposure_ml for m in measured], dtype=float),
        months,
    )
