"""What a series says beside its alarm: change between draws, constancy, trend, the newest draw."""

from __future__ import annotations

from collections.abc import Sequence

from chc_gating.model.monitor import (
    ChangePoint,
    DrawPoint,
    Homogeneity,
    PairChange,
    Predictive,
    Trend,
)
from chc_gating.monitoring.change import compare_draws
from chc_gating.monitoring.constancy import check_constancy, find_split, predict_newest
from chc_gating.monitoring.power import find_critical_count, find_smallest_rise
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.monitoring.series_points import measure_point, stack_points
from chc_gating.monitoring.trend import fit_trend

_ALPHA_DRAWS = 5
"""Draws from which a trend's dispersion is estimated; fewer hold nothing on it."""


def compare_pair(earlier: DrawPoint, later: DrawPoint, *, rules: MonitorRules) -> PairChange:
    """Return the change from one draw to the next, and what such a pair can show."""
    first, second = measure_point(earlier), measure_point(later)
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


def describe_homogeneity(used: Sequence[DrawPoint]) -> Homogeneity | None:
    """Return the tests of one rate for all draws; None where there is nothing to test."""
    counts, volumes, _ = stack_points(used)
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


def describe_trend(used: Sequence[DrawPoint], rules: MonitorRules) -> Trend | None:
    """Return the line through the series, with where its dispersion comes from."""
    alpha, source = rules.biological_alpha, "settings.biological_alpha"
    if alpha is None:
        alpha, source = (
            (None, "estimated from the series")
            if len(used) >= _ALPHA_DRAWS
            else (0.0, "counting error only: too few draws to estimate it")
        )
    fit = fit_trend(*stack_points(used), alpha=alpha)
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


def predict_last_draw(used: Sequence[DrawPoint]) -> Predictive | None:
    """Return how the newest draw stands to what all before it predict; None for one draw."""
    if len(used) < 2:
        return None
    *before, newest = [measure_point(point) for point in used]
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


def find_change_point(used: Sequence[DrawPoint]) -> ChangePoint | None:
    """Return where the series splits best in two rates; exploratory."""
    counts, volumes, _ = stack_points(used)
    found = find_split(counts, volumes)
    if found is None:
        return None
    return ChangePoint(
        first_draw_after=used[found.index].draw,
        log_likelihood_gain=found.log_likelihood_gain,
        p_simulated=found.p_simulated,
    )
