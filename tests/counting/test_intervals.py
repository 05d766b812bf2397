"""Intervals of a rate; numbers marked [C] are those of science.md section 2.

They were computed there twice, by independent code (scipy 1.17, R 4.2).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from chc_gating.counting.intervals import (
    find_extra_limits,
    find_jeffreys_quantile,
    find_mixture_quantile,
    find_rate_interval,
)
from chc_gating.counting.mixing import (
    Mixture,
    exact,
    mix_lognormal,
    mix_recovery,
)

E_ML = 5.0925
"""[C] V 7.5, f_stained .8, f_acquired .875, f_live .97."""


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        (0, 0.0, 3.688879),
        (3, 0.618672, 8.767273),
        (12, 6.200575, 20.961585),
        (100, 81.363991, 121.626794),
    ],
)
def test_garwood_limits_are_those_of_the_table(count: int, low: float, high: float) -> None:
    interval = find_rate_interval(count, exact(1.0))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-7)  # [C]


def test_one_sided_upper_limit_of_zero() -> None:
    upper = find_rate_interval(0, exact(1.0)).upper
    assert upper == pytest.approx(2.995732, abs=5e-7)  # [C], -ln(.05)
    assert upper == pytest.approx(-math.log(0.05), rel=1e-14)


def test_rate_interval_is_that_of_r_poisson_test() -> None:
    interval = find_rate_interval(5, exact(94.32))  # [S] R: poisson.test(5, 94.32)
    assert interval.low == pytest.approx(0.01721254, abs=5e-9)
    assert interval.high == pytest.approx(0.12371005, abs=5e-9)


@pytest.mark.parametrize(("count", "low", "high"), [(12, 9.131922, 30.871259), (0, 0.0, 5.432812)])
def test_exact_exposure_scales_garwood(count: int, low: float, high: float) -> None:
    interval = find_rate_interval(count, exact(E_ML / 7.5))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-7)  # [C]


def test_zero_count_with_exact_exposure_has_its_one_sided_bound() -> None:
    assert find_rate_interval(0, exact(E_ML / 7.5)).upper == pytest.approx(4.411977, abs=5e-7)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        (12, 12.170247, 41.237165),
        (3, 1.214994, 17.238392),
        (0, 0.0, 7.250627),
    ],
)
def test_recovery_of_750_in_1000_widens_the_interval(count: int, low: float, high: float) -> None:
    recovery = mix_recovery(750, 250, shape=count + 1)
    interval = find_rate_interval(count, recovery.times(E_ML / 7.5))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-7)  # [C]


def test_zero_count_with_recovery_of_750_in_1000_has_its_one_sided_bound() -> None:
    recovery = mix_recovery(750, 250, shape=1)
    interval = find_rate_interval(0, recovery.times(E_ML / 7.5))
    assert interval.upper == pytest.approx(5.887538, abs=5e-7)  # [C]


def test_recovery_of_three_quarters_known_exactly() -> None:
    volume = exact(E_ML * 0.75 / 7.5)
    interval = find_rate_interval(12, volume)
    assert (interval.low, interval.high) == pytest.approx((12.175896, 41.161679), abs=5e-7)  # [C]
    # [C] 5.882635, cut off and not rounded: -ln(.05) / (5.0925 / 7.5 x .75) = 5.8826358.
    assert find_rate_interval(0, volume).upper == pytest.approx(5.882635, abs=1e-6)


def test_jeffreys_mixture_is_that_of_the_table() -> None:
    volume = mix_recovery(750, 250, shape=12.5).times(E_ML / 7.5)
    quantiles = [find_jeffreys_quantile(p, 12, volume) for p in (0.5, 0.025, 0.975)]
    assert quantiles == pytest.approx([23.909120, 12.877274, 39.987167], abs=5e-7)  # [C]


def test_beads_with_an_exact_lot() -> None:
    volume = exact(1.0 * 19_800 / 49_500 / 7.5)
    interval = find_rate_interval(12, volume)
    assert (interval.low, interval.high) == pytest.approx((116.260783, 393.029720), abs=5e-7)  # [C]


def test_blood_count_with_error_widens_the_interval_of_a_slide() -> None:
    per_count = 6200 * 0.38 * 7500 / 50_000
    sigma = math.sqrt(math.log1p(0.055645**2))
    interval = find_rate_interval(8, mix_lognormal(sigma, shape=9).times(1 / per_count))
    assert interval.low == pytest.approx(1212.064, abs=2e-3)  # [C], rel given to six digits
    assert interval.high == pytest.approx(5628.659, abs=2e-3)  # [C]
    zero = find_rate_interval(0, mix_lognormal(sigma, shape=1).times(1 / per_count))
    assert zero.upper == pytest.approx(1061.959, abs=5e-4)  # [C]


def test_zero_count_has_a_lower_limit_of_zero_under_any_recovery() -> None:
    assert find_rate_interval(0, mix_recovery(6, 4, shape=1)).low == 0.0


def _integrate_by_midpoints(rate: float, shape: float, a: float, b: float) -> float:
    """P(Gamma(shape) / R <= rate) for R ~ Beta(a, b), on 400,000 equal steps of R."""
    from scipy.special import betaln, gammainc

    r = (np.arange(400_000) + 0.5) / 400_000
    log_density = (a - 1) * np.log(r) + (b - 1) * np.log1p(-r) - betaln(a, b)
    return float(np.mean(gammainc(shape, rate * r) * np.exp(log_density)))


@pytest.mark.parametrize("count", [1, 12, 5000])
@pytest.mark.parametrize(("recovered", "lost"), [(6, 4), (60, 3), (750, 250), (2, 998)])
def test_mixture_quantile_agrees_with_plain_integration(
    count: int, recovered: int, lost: int
) -> None:
    mixture = mix_recovery(recovered, lost, shape=count)
    rate = find_mixture_quantile(0.025, count, mixture)
    share = _integrate_by_midpoints(rate, count, recovered + 0.5, lost + 0.5)
    assert share == pytest.approx(0.025, rel=2e-7)


@pytest.mark.parametrize(("recovered", "lost"), [(1, 0), (1, 999), (10, 0), (7500, 2500)])
@pytest.mark.parametrize("count", [0, 12, 20_000])
def test_five_times_finer_grid_changes_no_limit(count: int, recovered: int, lost: int) -> None:
    coarse = find_rate_interval(count, mix_recovery(recovered, lost, shape=count + 1))
    fine = find_rate_interval(count, mix_recovery(recovered, lost, shape=25 * (count + 1)))
    assert (coarse.low, coarse.high, coarse.upper) == pytest.approx(
        (fine.low, fine.high, fine.upper), rel=1e-9
    )


def test_weights_of_every_mixture_sum_to_one() -> None:
    for mixture in (mix_recovery(6, 4, shape=10), mix_lognormal(0.1, shape=10)):
        assert mixture.weights.sum() == pytest.approx(1, abs=1e-12)


def test_mean_of_the_recovery_mixture_is_the_beta_mean() -> None:
    recovery = mix_recovery(6, 4, shape=10)
    assert recovery.values @ recovery.weights == pytest.approx(6.5 / 11, rel=1e-12)


def test_lognormal_factor_has_median_one_and_its_mean() -> None:
    factor = mix_lognormal(0.3, shape=10)
    assert factor.values @ factor.weights == pytest.approx(math.exp(0.045), rel=1e-12)
    assert factor.weights[factor.values < 1].sum() == pytest.approx(0.5, abs=0.05)


def test_factor_without_error_is_exact() -> None:
    assert mix_lognormal(0.0, shape=10).is_exact


COUNTS = st.integers(min_value=0, max_value=3000)
VOLUMES = st.floats(min_value=1e-3, max_value=20)


@given(count=COUNTS, volume=VOLUMES)
@settings(max_examples=60, deadline=None)
def test_limits_rise_with_the_count(count: int, volume: float) -> None:
    less = find_rate_interval(count, mix_recovery(75, 25, shape=count + 1).times(volume))
    more = find_rate_interval(count + 1, mix_recovery(75, 25, shape=count + 2).times(volume))
    assert less.low < more.low
    assert less.high < more.high
    assert less.upper < more.upper


@given(count=COUNTS, spiked=st.integers(2, 2000), share=st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_uncertain_recovery_widens_every_range_of_quantiles(
    count: int, spiked: int, share: float
) -> None:
    # The logarithm of a Gamma variable has a log-concave density, so adding an independent term
    # moves all its quantiles apart (Lewis and Thompson 1981, J. Appl. Prob. 18, 76).
    recovered = max(1, round(spiked * share))
    mixture = mix_recovery(recovered, spiked - recovered, shape=count + 1)
    spread = [
        find_mixture_quantile(0.975, count + 1, volume)
        / find_mixture_quantile(0.025, count + 1, volume)
        for volume in (mixture, exact(1.0))
    ]
    assert spread[0] >= spread[1]


@given(count=COUNTS, volume=VOLUMES, factor=st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_limits_scale_with_the_unit_of_volume(count: int, volume: float, factor: float) -> None:
    mixture = mix_recovery(75, 25, shape=count + 1).times(volume)
    one, other = (
        find_rate_interval(count, mixture),
        find_rate_interval(count, mixture.times(factor)),
    )
    assert other.high * factor == pytest.approx(one.high, rel=1e-9)
    assert other.low * factor == pytest.approx(one.low, rel=1e-9)


def _cover(mean: float, *, spiked: int, rate: float, studies: int, seed: int) -> float:
    """Share of simulated studies whose interval holds the truth, recovery measured each time."""
    generator = np.random.default_rng(seed)
    recovered = generator.binomial(spiked, rate, size=studies)
    counts = generator.poisson(mean * rate, size=studies)
    held = 0
    for k, r in zip(counts.tolist(), recovered.tolist(), strict=True):
        if r == 0:
            held += 1
            continue
        interval = find_rate_interval(k, mix_recovery(r, spiked - r, shape=k + 1))
        held += interval.low <= mean <= interval.high
    return held / studies


@pytest.mark.parametrize("mean", [1.0, 10.0, 60.0])
def test_interval_with_measured_recovery_covers_at_least_nominally(mean: float) -> None:
    covered = _cover(mean, spiked=100, rate=0.6, studies=1500, seed=11)
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 1500)


@pytest.mark.parametrize("mean", [0.5, 3.0, 30.0])
def test_exact_interval_covers_at_least_nominally_by_summation(mean: float) -> None:
    """No simulation: the exact coverage is the sum of the Poisson masses that hold the mean."""
    held = 0.0
    for k in range(200):
        interval = find_rate_interval(k, exact(1.0))
        if interval.low <= mean <= interval.high:
            held += math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
    assert held >= 0.95


def test_quantile_of_a_two_point_mixture_is_its_distribution_function_inverted() -> None:
    from scipy.special import gammainc

    mixture = Mixture(np.array([0.2, 1.0]), np.array([0.5, 0.5]))
    rate = find_mixture_quantile(0.975, 3, mixture)
    share = 0.5 * gammainc(3, 0.2 * rate) + 0.5 * gammainc(3, rate)
    assert share == pytest.approx(0.975, rel=1e-11)


def cover(limits: list[tuple[float, float]], mean: float) -> float:
    chances = poisson.pmf(np.arange(len(limits)), mean)
    return float(
        sum(p for p, (low, high) in zip(chances, limits, strict=True) if low <= mean <= high)
    )


def test_coverage_of_the_extras_falls_to_the_numbers_that_the_science_names() -> None:
    found = [find_extra_limits(k, exact(1.0)) for k in range(40)]
    jeffreys = [(one.jeffreys_low, one.jeffreys_high) for one in found]
    midp = [(one.midp_low, one.midp_high) for one in found]
    means = np.arange(0.5, 12, 0.0025)
    assert min(cover(jeffreys, m) for m in means) == pytest.approx(0.905, abs=1e-3)  # [C]
    assert min(cover(midp, m) for m in means) == pytest.approx(0.917, abs=1e-3)  # [C]


def test_mid_p_of_a_zero_begins_at_zero_and_ends_at_the_one_sided_bound() -> None:
    found = find_extra_limits(0, exact(1.0))
    assert (found.midp_low, found.jeffreys_low) == (0.0, 0.0)
    assert found.midp_high == pytest.approx(2.995732, abs=5e-7)


@pytest.mark.parametrize("count", [1, 3, 12])
def test_mid_p_limits_halve_the_chance_of_the_count_itself(count: int) -> None:
    found = find_extra_limits(count, exact(2.0))
    above = poisson.sf(count, 2 * found.midp_low) + poisson.pmf(count, 2 * found.midp_low) / 2
    below = poisson.cdf(count - 1, 2 * found.midp_high)
    below += poisson.pmf(count, 2 * found.midp_high) / 2
    assert (above, below) == pytest.approx((0.025, 0.025), abs=1e-10)


def test_extras_lie_within_the_default_interval() -> None:
    mixture = mix_recovery(75, 25, shape=13)
    extras, default = find_extra_limits(12, mixture), find_rate_interval(12, mixture)
    assert default.low < extras.midp_low < extras.midp_high < default.high
    assert default.low < extras.jeffreys_low < extras.jeffreys_high < default.high
