"""Sums of exposures whose factors are uncertain and shared."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import gammainc, roots_jacobi

from chc_gating.counting.exposure_mixture import find_effective_volume, mix_exposures
from chc_gating.counting.intervals import find_rate_interval
from chc_gating.counting.mixing import exact, mix_recovery
from chc_gating.model.exposure import Exposure, Recovery, UncertainFactor

PLATED = Exposure(volume_ml=2.0, source="volume_plated_ml")
COUNTED = Exposure(
    volume_ml=3.0,
    source="nucleated_cells",
    uncertain=(UncertainFactor(name="cells per uL", sigma=0.2),),
    recovery_applies=False,
)
RECOVERY = Recovery(recovered=60, spiked=100, scope="handling")


def test_exact_exposures_are_one_exact_sum() -> None:
    mixture = mix_exposures([PLATED, PLATED], None, shape=4)
    assert mixture.is_exact
    assert mixture.values.tolist() == [4.0]


def test_effective_volume_takes_recovery_where_it_applies() -> None:
    assert find_effective_volume([PLATED, COUNTED], RECOVERY) == pytest.approx(2 * 0.6 + 3)
    assert find_effective_volume([PLATED, COUNTED], None) == pytest.approx(5)


def test_factor_shared_by_two_parts_enters_once() -> None:
    split = COUNTED.model_copy(update={"volume_ml": 1.5})
    whole, halves = (mix_exposures(e, None, shape=4) for e in ([COUNTED], [split, split]))
    assert halves.values == pytest.approx(whole.values)
    assert halves.weights == pytest.approx(whole.weights)


def test_sum_with_two_uncertain_factors_agrees_with_gauss_quadrature() -> None:
    high = find_rate_interval(5, mix_exposures([PLATED, COUNTED], RECOVERY, shape=6)).high
    r, r_weights = roots_jacobi(80, 39.5, 59.5)  # the density of Beta(60.5, 40.5) on (-1, 1)
    z, z_weights = hermegauss(80)
    volumes = (1 + r[:, np.newaxis]) + 3 * np.exp(0.2 * z)
    weights = np.outer(r_weights / r_weights.sum(), z_weights / z_weights.sum())
    share = (gammainc(6, high * volumes) * weights).sum()
    assert share == pytest.approx(0.975, abs=1e-10)


def test_grid_over_two_factors_stays_small_for_a_count_of_millions() -> None:
    assert mix_exposures([PLATED, COUNTED], RECOVERY, shape=3e7).values.size <= 400_000


def test_recovery_counted_in_a_part_of_the_blood_is_scaled_by_it() -> None:
    half = Recovery(recovered=30, spiked=100, scope="handling", examined_share=0.5)
    mixture = mix_exposures([PLATED], half, shape=4)
    assert half.rate == pytest.approx(0.6)
    assert mixture.values @ mixture.weights == pytest.approx(2 * (30.5 / 101) / 0.5)


def test_cv_of_a_recovery_is_that_of_its_beta_distribution() -> None:
    recovery = mix_recovery(750, 250, shape=13)
    # Beta(750.5, 250.5): mean .74975, variance a b / ((a + b)^2 (a + b + 1))
    expected = (750.5 * 250.5 / (1001**2 * 1002)) ** 0.5 / (750.5 / 1001)
    assert recovery.times(5.0).cv == pytest.approx(expected, rel=1e-6)
    assert exact(5.0).cv == 0
