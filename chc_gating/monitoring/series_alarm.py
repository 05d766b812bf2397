"""The alarm of a series: baseline window, charts and rule, all fixed before looking."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict

from chc_gating.model.monitor import Alarm, ControlCharts, DrawPoint
from chc_gating.monitoring.control_chart import (
    find_cusum_run_length,
    find_ewma_run_length,
    find_reference,
    run_charts,
)
from chc_gating.monitoring.false_alarms import Follow, find_false_alarm_chance
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.monitoring.series_points import measure_point


def pick_baseline(used: Sequence[DrawPoint], rules: MonitorRules) -> list[DrawPoint]:
    """Return the draws of the baseline window: up to a day, or the first few."""
    if rules.baseline_until is not None:
        return [point for point in used if point.collected_on <= rules.baseline_until]
    return list(used[: rules.baseline_draws])


def plan_charts(
    base: Sequence[DrawPoint], after: Sequence[DrawPoint], *, rules: MonitorRules
) -> tuple[ControlCharts | None, str | None]:
    """Return the charts of the draws after the baseline, or None and the reason why not."""
    if not after:
        return None, "no draw with an exposure after the baseline window"
    low, source = _find_low_rate(base, rules)
    if low is None:
        return None, source
    high = low * rules.cusum_ratio
    reference = find_reference(low, high)
    volumes = [measure_point(point).exposure_ml for point in after]
    volume = sum(volumes) / len(volumes)
    ewma = {"base_mean": low * volume, "weight": rules.ewma_weight, "width": rules.ewma_width}
    limit = {"reference": reference * volume, "h": rules.cusum_h}
    return ControlCharts(
        baseline_draws=tuple(point.draw for point in base),
        low_per_ml=low,
        high_per_ml=high,
        rates_from=source,
        reference_per_ml=reference,
        cusum_h=rules.cusum_h,
        exposure_ml=volume,
        cusum_run_length_no_change=find_cusum_run_length(low * volume, **limit),
        cusum_run_length_changed=find_cusum_run_length(high * volume, **limit),
        ewma_weight=rules.ewma_weight,
        ewma_width=rules.ewma_width,
        ewma_run_length_no_change=find_ewma_run_length(low * volume, **ewma)[0],
        ewma_run_length_changed=find_ewma_run_length(high * volume, **ewma)[0],
        false_alarm_chance=find_false_alarm_chance(
            low, _describe_follow(base, after, rules), rules=rules
        ),
    ), None


def _find_low_rate(base: Sequence[DrawPoint], rules: MonitorRules) -> tuple[float | None, str]:
    """Return the rate of no change per mL and where it is from, or None and why there is none."""
    if rules.cusum_low_per_ml is not None:
        return rules.cusum_low_per_ml, "settings.cusum_low_per_ml"
    total = sum(measure_point(point).count for point in base)
    if total == 0:
        return None, (
            "the baseline window holds no event, so it gives no rate of no change; "
            "set settings.cusum_low_per_ml beforehand"
        )
    volume = sum(measure_point(point).exposure_ml for point in base)
    return total / volume, "mean of the baseline window"


def _describe_follow(
    base: Sequence[DrawPoint], after: Sequence[DrawPoint], rules: MonitorRules
) -> Follow:
    known = rules.cusum_low_per_ml is not None
    return Follow(
        exposures_ml=[measure_point(point).exposure_ml for point in after],
        days=[point.collected_on for point in after],
        baseline_ml=None if known else sum(measure_point(point).exposure_ml for point in base),
    )


def mark_signals(
    after: Sequence[DrawPoint], charts: ControlCharts, *, rules: MonitorRules
) -> list[DrawPoint]:
    """Return the draws after the baseline with their places on both charts."""
    counts, volumes = zip(
        *((measure_point(p).count, measure_point(p).exposure_ml) for p in after), strict=True
    )
    places = run_charts(counts, volumes, low_per_ml=charts.low_per_ml, rules=rules)
    return [
        point.model_copy(update=asdict(place)) for point, place in zip(after, places, strict=True)
    ]


def find_alarm(
    base: Sequence[DrawPoint], after: Sequence[DrawPoint], *, confirm: int
) -> tuple[Alarm | None, tuple[str, ...]]:
    """Return the first confirmed alarm, and the draws whose signal stands alone.

    Signals of one day count once: a second tube of a day confirms nothing.
    """
    groups = itertools.groupby(after, key=lambda point: bool(point.signal))
    runs = [list(run) for signals, run in groups if signals]
    for run in runs:
        days = list(dict.fromkeys(point.collected_on for point in run))
        if len(days) >= confirm:
            last = next(p for p in run if p.collected_on == days[confirm - 1])
            quiet = [
                p.collected_on
                for p in [*base, *after]
                if not p.signal and p.collected_on < run[0].collected_on
            ]
            alarm = Alarm(
                first_draw=run[0].draw,
                first_on=run[0].collected_on,
                confirmed_by=last.draw,
                confirmed_on=last.collected_on,
                not_before=max(quiet, default=None),
            )
            return alarm, ()
    return None, tuple(point.draw for run in runs for point in run)
