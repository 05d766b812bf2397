"""The background of healthy donors; numbers marked [C] are those of science.md section 3.

They were computed there twice, by independent code (scipy 1.17, R 4.2 with glm.nb).
"""

from __future__ import annotations

import numpy as np
import pytest
from donor_counts import COUNTS, EQUAL, UNEQUAL
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

from chc_gating.counting.background_bootstrap import (
    find_lob_upper,
    fit_without_each,
    refit_simulated_donors,
)
from chc_gating.counting.background_distribution import (
    find_log_probability,
    find_lower_share,
    find_quantile,
    find_upper_tail,
)
from chc_gating.counting.background_fit import BackgroundFits, fit_backgrounds
from chc_gating.counting.detection import find_lob
from chc_gating.counting.dispersion import find_dispersion


def fit(counts: np.ndarray, exposures: np.ndarray) -> BackgroundFits:
    return fit_backgrounds(counts[None], exposures[None])


def test_equal_exposures_give_the_alpha_of_the_table() -> None:
    found = fit(COUNTS, EQUAL)
    assert found.alpha[0] == pytest.approx(1.307425, abs=5e-7)  # [C]
    assert found.rate[0] == pytest.approx(14 / 100, rel=1e-12)


def test_moments_would_give_a_larger_alpha() -> None:
    moments = (COUNTS.var(ddof=1) - COUNTS.mean()) / COUNTS.mean() ** 2
    assert moments == pytest.approx(1.600430, abs=5e-7)  # [C]
    assert fit(COUNTS, EQUAL).alpha[0] < moments


def test_unequal_exposures_give_the_fit_of_glm_nb() -> None:
    found = fit(COUNTS, UNEQUAL)
    assert found.rate[0] == pytest.approx(0.138690, abs=5e-7)  # [C], R's glm.nb
    assert found.alpha[0] == pytest.approx(1.208865, abs=5e-7)  # [C], R's glm.nb


def test_pearson_chi2_of_equal_exposures() -> None:
    found = find_dispersion(COUNTS, EQUAL)
    assert found is not None
    assert (found.chi2, found.degrees) == (pytest.approx(40.285714, abs=5e-7), 19)  # [C]
    assert found.p == pytest.approx(0.003001, abs=5e-7)  # [C]
    assert found.exact_p == pytest.approx(0.006839, abs=5e-7)  # [C], exact conditional


def test_pearson_chi2_of_unequal_exposures() -> None:
    found = find_dispersion(COUNTS, UNEQUAL)
    assert found is not None
    assert found.chi2 == pytest.approx(35.880952, abs=5e-7)  # [C]
    assert found.exact_p is None


def test_no_event_has_no_dispersion_to_test() -> None:
    assert find_dispersion(np.zeros(20), EQUAL) is None


def test_limit_of_blank_of_equal_exposures_is_3_where_poisson_says_2() -> None:
    found = fit(COUNTS, EQUAL)
    assert int(find_lob(*found.predict(5.0))[0]) == 3  # [C]
    assert int(find_lob(0.7, 0.0)) == 2  # [C], Poisson


def test_one_donor_decides_the_limit_of_blank() -> None:
    lobs = find_lob(*fit_without_each(COUNTS, EQUAL).predict(5.0))
    assert lobs[10] == 2  # [C], without the donor with 5
    assert set(np.delete(lobs, 10)) == {3}


@pytest.mark.parametrize(
    ("exposure", "mean", "lob", "p", "upper"),
    [
        (2.5, 0.346724, 2, 0.019171, 2),
        (5.0, 0.693449, 3, 0.072730, 4),
        (10.0, 1.386897, 5, 0.196288, 8),
    ],
)
def test_limits_at_the_patients_own_exposure(
    exposure: float, mean: float, lob: int, p: float, upper: int
) -> None:
    found = fit(COUNTS, UNEQUAL)
    background = [float(part[0]) for part in found.predict(exposure)]
    assert background[0] == pytest.approx(mean, abs=5e-7)  # [C]
    assert int(find_lob(*background)) == lob  # [C]
    assert float(find_upper_tail(3, *background)) == pytest.approx(p, abs=5e-7)  # [C]
    refits = refit_simulated_donors(UNEQUAL, found)
    assert find_lob_upper(refits, exposure) == upper  # [C]


@pytest.mark.parametrize(("donors", "lob"), [(20, 0), (3, 1)])
def test_donors_without_an_event_have_the_jeffreys_predictive(donors: int, lob: int) -> None:
    found = fit(np.zeros(donors), np.full(donors, 5.0925))
    assert int(find_lob(*found.predict(5.0925))[0]) == lob  # [C]


def test_jeffreys_predictive_is_the_negative_binomial_of_the_table() -> None:
    # NB(K + 1/2, sum E / (sum E + E)); counts that scatter less than Poisson, K = 20
    found = fit(np.ones(20), EQUAL)
    mean, alpha = (float(part[0]) for part in found.predict(7.0))
    expected = stats.nbinom.sf(3, 20.5, 100 / 107)
    assert float(find_upper_tail(4, mean, alpha)) == pytest.approx(expected, rel=1e-12)


def test_bootstrap_is_the_same_every_time() -> None:
    found = fit(COUNTS, UNEQUAL)
    one, two = (refit_simulated_donors(UNEQUAL, found, replicates=50) for _ in range(2))
    assert np.array_equal(one.alpha, two.alpha)


def test_bootstrap_of_donors_without_events_is_not_certain_of_zero() -> None:
    found = fit(np.zeros(20), EQUAL)
    assert find_lob_upper(refit_simulated_donors(EQUAL, found), 5.0) == 1


def test_many_sets_are_fitted_as_each_alone() -> None:
    rng = np.random.default_rng(7)
    counts = rng.negative_binomial(1.0, 0.6, (30, 20)).astype(float)
    exposures = rng.uniform(2, 8, (30, 20))
    together = fit_backgrounds(counts, exposures)
    alone = [fit(c, e) for c, e in zip(counts, exposures, strict=True)]
    assert together.alpha == pytest.approx(np.array([f.alpha[0] for f in alone]), rel=1e-7)


def test_fit_is_the_top_of_the_likelihood_by_a_general_optimiser() -> None:
    rng = np.random.default_rng(11)
    for _ in range(10):
        exposures = rng.uniform(2, 8, 20)
        counts = rng.negative_binomial(0.8, 1 / (1 + 1.25 * 0.3 * exposures)).astype(float)
        found = fit(counts, exposures)
        if found.alpha[0] == 0:
            continue

        def loss(logs: np.ndarray, counts: np.ndarray = counts, e: np.ndarray = exposures) -> float:
            size = np.exp(-logs[1])
            return -stats.nbinom.logpmf(counts, size, size / (size + np.exp(logs[0]) * e)).sum()

        best = minimize(loss, [-1, 0], method="Nelder-Mead", options={"xatol": 1e-9})
        assert found.alpha[0] == pytest.approx(np.exp(best.x[1]), rel=1e-4)
        ours = loss(np.log([found.rate[0], found.alpha[0]]))
        assert ours <= best.fun + 1e-9


def test_fit_does_not_depend_on_the_unit_of_exposure() -> None:
    small, large = fit(COUNTS, UNEQUAL), fit(COUNTS, UNEQUAL * 1e6)
    assert large.alpha == pytest.approx(small.alpha, rel=1e-10)
    assert large.rate * 1e6 == pytest.approx(small.rate, rel=1e-10)


def test_plentiful_events_are_fitted_too() -> None:
    rng = np.random.default_rng(3)
    counts = rng.negative_binomial(10, 10 / (10 + 1e4 * EQUAL)).astype(float)
    assert fit(counts, EQUAL).alpha[0] == pytest.approx(0.1, rel=0.6)


def test_probability_tends_to_poisson() -> None:
    counts = np.arange(12)
    near = find_log_probability(counts, 2.5, 1e-12)
    assert near == pytest.approx(stats.poisson.logpmf(counts, 2.5), rel=1e-10)
    exact = find_log_probability(counts, 2.5, 0.7)
    assert exact == pytest.approx(stats.nbinom.logpmf(counts, 1 / 0.7, 1 / 2.75), rel=1e-12)


def test_excess_is_convolved_with_the_background() -> None:
    size, chance = 1 / 1.2, 1 / (1 + 1.2 * 0.7)
    expected = sum(
        stats.poisson.pmf(j, 1.3) * stats.nbinom.cdf(4 - j, size, chance) for j in range(5)
    )
    assert find_lower_share(4, 0.7, 1.2, excess=1.3) == pytest.approx(expected, rel=1e-12)
    tail = float(find_upper_tail(5, 0.7, 1.2, excess=1.3))
    assert tail == pytest.approx(1 - expected, rel=1e-10)


@settings(deadline=None)
@given(mean=st.floats(0, 60), alpha=st.floats(0, 3), excess=st.sampled_from([0.0, 0.2, 4.0]))
def test_limit_of_blank_and_p_are_one_rule(mean: float, alpha: float, excess: float) -> None:
    lob = int(find_quantile(0.95, mean, alpha, excess=excess))
    assert float(find_upper_tail(lob + 1, mean, alpha, excess=excess)) <= 0.05
    assert lob == 0 or float(find_upper_tail(lob, mean, alpha, excess=excess)) > 0.05


@pytest.mark.parametrize(("alpha", "most"), [(0.0, 0.05), (1.0, 0.075), (2.5, 0.075)])
def test_blank_draws_exceed_the_limit_as_rarely_as_claimed(alpha: float, most: float) -> None:
    # on average over calibrations with 20 donors; benchmarks/calibrate_lob.py has every cell
    rng = np.random.default_rng(5)
    for mean in (0.2, 1.0, 5.0):
        means = rng.gamma(1 / alpha, alpha * mean, (300, 20)) if alpha else mean
        donors = rng.poisson(means, (300, 20)).astype(float)
        lobs = find_lob(*fit_backgrounds(donors, np.ones((300, 20))).predict(1.0))
        assert find_upper_tail(lobs + 1, mean, alpha).mean() <= most
