"""Rates of groups against other programs, and the laws that they obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.monitoring.cohort_rates import (
    Counts,
    find_rate_limits,
    find_ratio_limits,
    find_scores,
    find_slope_limits,
    find_zero_bound,
    fit_rates,
    ratio_is_inside,
)

FIRST, SECOND = [0, 2, 5, 1, 9, 3, 0, 4], [3, 12, 7, 0, 25, 8, 14, 2, 6]
EXPOSURES = [
    *(5.09, 4.8, 5.3, 5.09, 4.6, 5.0, 2.5, 7.5),
    *(5.0, 4.2, 5.1, 3.3, 4.9, 5.0, 6.1, 2.2, 5.5),
]
TWO = Counts(np.array(FIRST + SECOND), np.array(EXPOSURES), np.repeat([0, 1], [8, 9]))
DONORS = np.array([0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 5, 0, 1, 0, 0, 2, 0, 1, 0, 1])


def one_stratum(counts: np.ndarray, exposures: np.ndarray) -> Counts:
    return Counts(counts, exposures, np.zeros(counts.size, np.int64))


def test_twenty_donors_have_the_rate_and_dispersion_of_glm_nb() -> None:
    # R's glm.nb: b .138690, alpha 1.208865
    fit = fit_rates(one_stratum(DONORS, np.tile([4.0, 5, 6, 5], 5)))

    assert fit.rates[0] == pytest.approx(0.138690, abs=5e-7)
    assert fit.alpha == pytest.approx(1.208865, abs=5e-6)


def test_two_groups_have_the_fit_of_statsmodels() -> None:
    # statsmodels 0.15.0 NegativeBinomial(y, [1, group], exposure=E)
    fit = fit_rates(TWO)

    assert fit.rates[0] == pytest.approx(0.59519408, rel=1e-7)
    assert fit.rates[1] / fit.rates[0] == pytest.approx(3.00282319, rel=1e-7)
    assert fit.alpha == pytest.approx(0.547244738, rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-45.00217709931882, abs=1e-9)


def test_slope_is_that_of_statsmodels() -> None:
    # statsmodels 0.15.0, the same counts on a score
    scores = np.repeat([1.0, 2, 2, 3], [4, 4, 4, 5])
    slope, limits = find_slope_limits(one_stratum(TWO.counts, TWO.exposures), scores)

    assert slope == pytest.approx(2.3558270130, rel=1e-6)
    assert limits.low is not None
    assert limits.high is not None
    assert limits.low < slope < limits.high


def test_equal_spread_within_groups_is_poisson() -> None:
    fit = fit_rates(Counts(np.full(6, 4), np.full(6, 2.0), np.repeat([0, 1], 3)))

    assert fit.alpha == 0
    assert list(fit.rates) == pytest.approx([2, 2])


def test_ratio_limits_are_where_the_deviance_says() -> None:
    limits = find_ratio_limits(TWO, 1, 0)

    assert limits.low is not None
    assert limits.high is not None
    assert ratio_is_inside(TWO, 1, 0, ratio=limits.low * 1.001)
    assert not ratio_is_inside(TWO, 1, 0, ratio=limits.low * 0.999)
    assert ratio_is_inside(TWO, 1, 0, ratio=limits.high * 0.999)
    assert not ratio_is_inside(TWO, 1, 0, ratio=limits.high * 1.001)


def test_swapped_groups_have_the_inverse_ratio() -> None:
    over, under = find_ratio_limits(TWO, 1, 0), find_ratio_limits(TWO, 0, 1)

    assert over.low is not None
    assert under.high is not None
    assert over.low * under.high == pytest.approx(1, rel=1e-5)


def test_a_group_of_zeros_opens_one_side_of_the_ratio_and_has_a_bound() -> None:
    data = Counts(np.array([0] * 8 + SECOND), TWO.exposures, TWO.strata)

    assert find_ratio_limits(data, 1, 0).high is None
    assert find_ratio_limits(data, 0, 1).low == 0
    # more than counting alone: 3.688879 (Garwood) / the summed exposure
    high = find_rate_limits(data, 0).high
    assert high is not None
    assert high > 3.688879 / sum(EXPOSURES[:8])


def test_zeros_everywhere_have_the_bound_of_counting_error() -> None:
    data = Counts(np.zeros(4, np.int64), np.full(4, 2.5), np.repeat([0, 1], 2))

    assert find_zero_bound(data, 0, alpha=0, tail=0.05) == pytest.approx(2.995732 / 5, abs=1e-6)
    assert find_rate_limits(data, 0).high == pytest.approx(3.688879 / 5, abs=1e-6)
    assert find_ratio_limits(data, 1, 0).low is None


def test_zero_bound_is_where_no_cell_has_the_tail_probability() -> None:
    data = Counts(np.zeros(2, np.int64), np.array([2.0, 5]), np.zeros(2, np.int64))
    bound = find_zero_bound(data, 0, alpha=0.8, tail=0.05)

    none = np.prod([(1 + 0.8 * bound * e) ** (-1 / 0.8) for e in (2, 5)])
    assert none == pytest.approx(0.05)


def test_slope_without_a_maximum_is_not_given() -> None:
    data = one_stratum(np.array([0, 0, 0, 5]), np.ones(4))

    assert find_slope_limits(data, np.array([1.0, 1, 2, 3]))[0] is None


counts = st.lists(st.integers(0, 60), min_size=4, max_size=12)


@settings(max_examples=25, deadline=None)
@given(counts=counts, factor=st.floats(0.1, 100), seed=st.integers(0, 99))
def test_volumes_scale_rates_and_order_changes_nothing(
    counts: list[int], factor: float, seed: int
) -> None:
    k = np.array(counts)
    exposures = np.random.default_rng(seed).uniform(1, 8, k.size)
    strata = np.arange(k.size) % 2
    order = np.random.default_rng(seed).permutation(k.size)
    fit = fit_rates(Counts(k, exposures, strata))
    scaled = fit_rates(Counts(k[order], exposures[order] * factor, strata[order]))

    assert scaled.rates * factor == pytest.approx(fit.rates, rel=1e-5)
    assert scaled.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(counts=counts)
def test_limits_hold_the_rate_and_scores_add_up_to_zero(counts: list[int]) -> None:
    k = np.array(counts)
    data = Counts(k, np.linspace(1, 6, k.size), np.arange(k.size) % 2)
    rate, limits = float(fit_rates(data).rates[0]), find_rate_limits(data, 0)

    assert limits.low is None or limits.low <= rate * (1 + 1e-6)
    assert limits.high is None or limits.high >= rate * (1 - 1e-6)
    assert find_scores(data).sum() == pytest.approx(0, abs=1e-6)
