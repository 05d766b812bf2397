"""One series of draws: charts, alarms, change, trend, in the order that the page tells them."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from chc_gating.model.count import CountRow
from chc_gating.model.monitor import (
    Alarm,
    ChangePoint,
    ControlCharts,
    DrawPoint,
    Homogeneity,
    PairChange,
    Predictive,
    Series,
    Trend,
)
from chc_gating.monitoring.change import Measured, compare_draws
from chc_gating.monitoring.constancy import check_constancy, find_split, predict_newest
from chc_gating.monitoring.control_chart import (
    find_cusum_run_length,
    find_ewma_run_length,
    find_reference,
    run_charts,
)
from chc_gating.monitoring.false_alarms import Follow, find_false_alarm_chance
from chc_gating.monitoring.power import find_critical_count, find_smallest_rise
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.monitoring.trend import DAYS_PER_MONTH, fit_trend

NO_LIMITS = "limits: not assessable (alarms are by the charts, not by a limit of blank)"
_ALPHA_DRAWS = 5
"""Draws from which a trend's dispersion is estimated; fewer hold nothing on it."""


def follow_series(rows: Sequence[CountRow], *, rules: MonitorRules) -> Series:
    """Return a series of rows of one modality, panel, gates and phenotype, in order of date.

    A row that was not counted, or has no exposure, is shown and left out of every computation.
    """
    ordered = sorted(rows, key=lambda row: (row.collected_on, row.draw, row.lot or ""))
    points = [_show(row) for row in ordered]
    used = [point for point in points if point.used]
    base = _pick_baseline(used, rules)
    charts, reason = _plan_charts(used, base, rules)
    after = used[len(base) :]
    if charts is not None:
        marked = _run_charts(after, charts, rules)
        names = {id(old): new for old, new in zip(after, marked, strict=True)}
        points = [names.get(id(point), point) for point in points]
        after = marked
    held = {id(point) for point in base}
    points = [p.model_copy(update={"in_baseline": True}) if id(p) in held else p for p in points]
    alarm, single = _find_alarm(base, after, rules.alarm_confirm)
    first = ordered[0]
    return Series(
        modality=first.modality or "",
        panel=first.panel or "",
        gates=first.gates or "",
        phenotype=first.phenotype or "",
        points=tuple(points),
        changes=tuple(_compare(a, b, rules) for a, b in itertools.pairwise(used)),
        homogeneity=_test_homogeneity(used),
        trend=_fit(used, rules),
        predictive=_predict(used),
        change_point=_split(used),
        charts=charts,
        charts_reason=reason,
        unconfirmed_signals=single,
        alarm=alarm,
        limits=_say_limits(points),
        notes=_list_notes(used, ordered),
    )


def _show(row: CountRow) -> DrawPoint:
    reason = None
    if row.status != "counted" or row.count is None:
        reason = f"not counted: {row.reason or 'no reason was recorded'}"
    elif row.exposure_ml is None or row.exposure_ml <= 0:
        reason = f"no exposure: {row.reason or 'no volume of blood is known'}"
    fields = {name: getattr(row, name) for name in _SHOWN}
    return DrawPoint(**fields, used=reason is None, reason=reason)


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


def _numbers(point: DrawPoint) -> Measured:
    if point.count is None or point.exposure_ml is None:
        raise ValueError(f"draw {point.draw} has no count or exposure")
    return Measured(point.count, point.exposure_ml)


def _arrays(used: Sequence[DrawPoint]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    measured = [_numbers(point) for point in used]
    days = [datetime.date.fromisoformat(point.collected_on).toordinal() for point in used]
    months = (np.array(days, dtype=float) - (days[0] if days else 0)) / DAYS_PER_MONTH
    return (
        np.array([m.count for m in measured], dtype=float),
        np.array([m.exposure_ml for m in measured], dtype=float),
        months,
    )


def _pick_baseline(used: Sequence[DrawPoint], rules: MonitorRules) -> list[DrawPoint]:
    if rules.baseline_until is not None:
        return [point for point in used if point.collected_on <= rules.baseline_until]
    return list(used[: rules.baseline_draws])


def _plan_charts(
    used: Sequence[DrawPoint], base: Sequence[DrawPoint], rules: MonitorRules
) -> tuple[ControlCharts | None, str | None]:
    if len(used) <= len(base):
        return None, "no draw with an exposure after the baseline window"
    low, source = rules.cusum_low_per_ml, "settings.cusum_low_per_ml"
    if low is None:
        total = sum(_numbers(point).count for point in base)
        if total == 0:
            return None, (
                "the baseline window holds no event, so it gives no rate of no change; "
                "set settings.cusum_low_per_ml beforehand"
            )
        low = total / sum(_numbers(point).exposure_ml for point in base)
        source = "mean of the baseline window"
    high = low * rules.cusum_ratio
    reference = find_reference(low, high)
    after = used[len(base) :]
    volumes = [_numbers(point).exposure_ml for point in after]
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


def _describe_follow(
    base: Sequence[DrawPoint], after: Sequence[DrawPoint], rules: MonitorRules
) -> Follow:
    known = rules.cusum_low_per_ml is not None
    return Follow(
        exposures_ml=[_numbers(point).exposure_ml for point in after],
        days=[point.collected_on for point in after],
        baseline_ml=None if known else sum(_numbers(point).exposure_ml for point in base),
    )


def _run_charts(
    after: Sequence[DrawPoint], charts: ControlCharts, rules: MonitorRules
) -> list[DrawPoint]:
    counts, volumes = zip(
        *((_numbers(p).count, _numbers(p).exposure_ml) for p in after), strict=True
    )
    places = run_charts(counts, volumes, low_per_ml=charts.low_per_ml, rules=rules)
    return [
        point.model_copy(update=asdict(place)) for point, place in zip(after, places, strict=True)
    ]


def _find_alarm(
    base: Sequence[DrawPoint], after: Sequence[DrawPoint], confirm: int
) -> tuple[Alarm | None, tuple[str, ...]]:
    """Return the first confirmed alarm, and the draws whose signal stands alone.

    Signals of one day count once: a second tube of a day confirms nothing.
    """
    runs: list[list[DrawPoint]] = []
    current: list[DrawPoint] = []
    for point in after:
        if point.signal:
            if not current:
                runs.append(current)
            current.append(point)
        elif current:
            current = []
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


def _compare(earlier: DrawPoint, later: DrawPoint, rules: MonitorRules) -> PairChange:
    first, second = _numbers(earlier), _numbers(later)
    change = compare_draws(first, second, biological_alpha=rules.biological_alpha)
    volumes = {"exposure_ml": first.exposure_ml, "next_exposure_ml": second.exposure_ml}
    return PairChange(
        earlier=earlier.draw,
        later=later.draw,
        earlier_count=first.count,
        later_count=second.count,
        earlier_exposure_ml=first.exposure_ml,
        later_exposure_ml=second.exposure_ml,
        rate_ratio=change.ratio,
        ratio95_low=change.ratio_low,
        ratio95_high=change.ratio_high,
        p_analytical=change.p_analytical,
        p_clinical=change.p_clinical,
        extra_p_midp=change.p_midp,
        extra_p_score=change.p_score,
        critical_next_count=find_critical_count(first.count, **volumes),
        smallest_rise_fold=find_smallest_rise(
            first.count, **volumes, biological_alpha=rules.biological_alpha
        ),
    )


def _test_homogeneity(used: Sequence[DrawPoint]) -> Homogeneity | None:
    counts, volumes, _ = _arrays(used)
    found = check_constancy(counts, volumes)
    if found is None:
        return None
    return Homogeneity(
        chi2=found.chi2,
        degrees_of_freedom=found.degrees,
        p_pearson=found.p_pearson,
        p_exact=found.p_exact,
        exact_by=found.method,
    )


def _fit(used: Sequence[DrawPoint], rules: MonitorRules) -> Trend | None:
    alpha, source = rules.biological_alpha, "settings.biological_alpha"
    if alpha is None:
        alpha, source = (
            (None, "estimated from the series")
            if len(used) >= _ALPHA_DRAWS
            else (0.0, "counting error only: too few draws to estimate it")
        )
    fit = fit_trend(*_arrays(used), alpha=alpha)
    if fit is None:
        return None
    doubling, low, high = fit.doubling
    return Trend(
        draws=len(used),
        slope_per_month=fit.slope,
        standard_error=fit.standard_error,
        slope95_low=fit.slope_low,
        slope95_high=fit.slope_high,
        doubling_months=doubling,
        doubling95_low_months=low,
        doubling95_high_months=high,
        alpha=fit.alpha,
        alpha_source=source,
        poisson_pearson_phi=fit.pearson_phi,
    )


def _predict(used: Sequence[DrawPoint]) -> Predictive | None:
    if len(used) < 2:
        return None
    *before, newest = [_numbers(point) for point in used]
    total, volume = sum(m.count for m in before), sum(m.exposure_ml for m in before)
    low, high = predict_newest(
        newest.count, newest.exposure_ml, earlier_count=total, earlier_exposure_ml=volume
    )
    return Predictive(
        draw=used[-1].draw,
        earlier_count=total,
        earlier_exposure_ml=volume,
        p_as_low=low,
        p_as_high=high,
    )


def _split(used: Sequence[DrawPoint]) -> ChangePoint | None:
    counts, volumes, _ = _arrays(used)
    found = find_split(counts, volumes)
    if found is None:
        return None
    return ChangePoint(
        first_draw_after=used[found.index].draw,
        log_likelihood_gain=found.log_likelihood_gain,
        p_simulated=found.p_simulated,
    )


def _say_limits(points: Sequence[DrawPoint]) -> str:
    judged = [point for point in points if point.used and point.lob_count is not None]
    if not judged:
        return NO_LIMITS
    above = [point.draw for point in judged if (point.count or 0) > (point.lob_count or 0)]
    return (
        f"limits: {len(above)} of {len(judged)} draws with limits above their own limit of blank"
        f"{': ' + ', '.join(above) if above else ''} (alarms are by the charts)"
    )


def _list_notes(used: Sequence[DrawPoint], rows: Sequence[CountRow]) -> tuple[str, ...]:
    notes = []
    if len({point.lot for point in used}) > 1:
        notes.append(
            "Draws of this series were stained with different lots; a step between lots may be "
            "the reagent's."
        )
    if len({row.recovery for row in rows if row.exposure_ml is not None}) > 1:
        notes.append(
            "Recovery differs between draws: numbers per 7.5 mL include it, tests and charts "
            "use blood examined and do not."
        )
    return tuple(notes)
