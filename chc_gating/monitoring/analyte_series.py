"""An analyte's results over time, each against the one before."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable

from chc_gating.model.monitor import AnalytePoint, AnalyteSeries
from chc_gating.monitoring.analyte import find_doubling, find_reference_change
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.monitoring.trend import DAYS_PER_MONTH


def follow_analytes(
    results: Iterable[tuple[str, str, str, float]], *, rules: MonitorRules
) -> tuple[AnalyteSeries, ...]:
    """Return one series per analyte and unit of (date, analyte, unit, value).

    Units are never converted: a series in another unit stands apart.
    """
    groups: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for date, analyte, unit, value in sorted(results):
        groups.setdefault((analyte, unit), []).append((date, value))
    return tuple(_follow(*key, values, rules) for key, values in sorted(groups.items()))


def _follow(
    analyte: str, unit: str, values: list[tuple[str, float]], rules: MonitorRules
) -> AnalyteSeries:
    rise, fall = find_reference_change(rules.analyte_cva, rules.analyte_cvi)
    points = [AnalytePoint(date=values[0][0], value=values[0][1])]
    for (_, before), (date, value) in itertools.pairwise(values):
        change = value / before - 1 if before > 0 else None
        beyond = None
        if change is not None:
            beyond = "rise" if change > rise else "fall" if change < fall else None
        points.append(AnalytePoint(date=date, value=value, change=change, beyond=beyond))
    first = next((i for i, point in enumerate(points) if point.beyond == "rise"), None)
    months = [datetime.date.fromisoformat(date).toordinal() / DAYS_PER_MONTH for date, _ in values]
    doubling = find_doubling(months, [value for _, value in values])
    middle, low, high = doubling or (None, None, None)
    return AnalyteSeries(
        analyte=analyte,
        unit=unit,
        analytical_cv=rules.analyte_cva,
        individual_cv=rules.analyte_cvi,
        reference_rise=rise,
        reference_fall=fall,
        points=tuple(points),
        doubling_months=middle,
        doubling95_low_months=low,
        doubling95_high_months=high,
        doubling_reason=None if doubling else "fewer than 3 results above 0 on different days",
        alarm_on=None if first is None else points[first].date,
        alarm_not_before=None if first is None else points[first - 1].date,
    )
