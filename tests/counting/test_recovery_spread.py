"""Spike draws that differ by more than counting, and the recovery of a new draw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, betabinom

from chc_gating.counting.exposure_mixture import mix_exposures
from chc_gating.counting.intervals import find_rate_interval
from chc_gating.counting.recovery_spread import (
    SpikeReplicate,
    _Likelihood,
    fit_spread,
    predict_recovery,
)
from chc_gating.model.exposure import Exposure, Recovery

UNEQUAL = [SpikeReplicate(30, 100), SpikeReplicate(95, 100)]
EQUAL = [SpikeReplicate(75, 100), SpikeReplicate(150, 200)]
EXAMINED = Exposure(volume_ml=5.0, source="fractions")


def make_recovery(replicates: list[SpikeReplicate], *, pooled: bool = False) -> Recovery:
    return Recovery(
        recovered=sum(one.recovered for one in replicates),
        spiked=sum(one.spiked for one in replicates),
        scope="handling",
        predictive=None if pooled else predict_recovery(replicates),
    )


def find_limits(recovery: Recovery, count: int) -> tuple[float, float]:
    interval = find_rate_interval(count, mix_exposures([EXAMINED], recovery, shape=count + 1))
    return interval.low, interval.high


def test_fit_has_the_greatest_beta_binomial_likelihood() -> None:
    fitted = fit_spread(UNEQUAL)
    assert fitted is not None
    mean, precision = fitted
    means, precisions = np.meshgrid(np.linspace(0.3, 0.95, 131), np.geomspace(0.2, 50, 200))
    a, b = means * precisions, (1 - means) * precisions
    grid = betabinom.logpmf(30, 100, a, b) + betabinom.logpmf(95, 100, a, b)
    own = sum(betabinom.logpmf(k, 100, mean * precision, (1 - mean) * precision) for k in (30, 95))
    assert own >= grid.max() - 1e-9
    best = np.unravel_index(grid.argmax(), grid.shape)
    assert mean == pytest.approx(means[best], abs=0.01)
    assert precision == pytest.approx(precisions[best], rel=0.03)


def test_spike_draws_that_agree_are_pooled_as_one() -> None:
    assert predict_recovery(EQUAL) is None


@pytest.mark.parametrize("replicates", [UNEQUAL[:1], [SpikeReplicate(100, 100)] * 2, []])
def test_one_draw_or_all_cells_found_say_nothing_of_a_spread(
    replicates: list[SpikeReplicate],
) -> None:
    assert predict_recovery(replicates) is None


def test_order_of_spike_draws_changes_nothing() -> None:
    forward, backward = predict_recovery(UNEQUAL), predict_recovery(UNEQUAL[::-1])
    assert forward is not None
    assert backward is not None
    assert (forward.a, forward.b) == pytest.approx((backward.a, backward.b), rel=1e-5)


def test_spread_is_wider_than_the_pooled_distribution() -> None:
    shape = predict_recovery(UNEQUAL)
    assert shape is not None
    assert beta.std(shape.a, shape.b) > 5 * beta.std(125.5, 75.5)
    pooled = find_limits(make_recovery(UNEQUAL, pooled=True), 12)
    spread = find_limits(make_recovery(UNEQUAL), 12)
    assert spread[0] < pooled[0]
    assert spread[1] > 5 * pooled[1]


def test_slight_spread_goes_over_into_the_pooled_distribution() -> None:
    slight = [SpikeReplicate(7_400, 10_000), SpikeReplicate(7_600, 10_000)]
    shape = predict_recovery(slight)
    assert shape is not None
    assert 100 < shape.a + shape.b < 20_001  # less sure than 20,000 cells of one draw


def test_probabilities_of_cells_in_a_part_of_the_blood_add_up_to_one() -> None:
    parts = (_Likelihood.of(SpikeReplicate(k, 40, 0.4)) for k in range(41))
    total = sum(np.exp(part.log_probability(0.5, 2.0)) for part in parts)
    assert total == pytest.approx(1, abs=1e-9)


def test_binomial_scatter_of_a_small_share_is_no_spread() -> None:
    # R .75 in a tenth of the blood: 75 of 1,000 expected, SD 8.3
    assert predict_recovery([SpikeReplicate(k, 1000, 0.1) for k in (70, 75, 80)]) is None


def test_limits_cover_the_rate_of_a_new_draw() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(60):
        spiked = [SpikeReplicate(int(rng.binomial(200, r)), 200) for r in rng.beta(12, 6, 5)]
        count = int(rng.poisson(50 * rng.beta(12, 6)))  # 50 cells in the blood examined
        low, high = find_limits(make_recovery(spiked), count)
        covered += low <= 50 / 5 <= high
    # Of 200 rounds .93 are covered, .84 with the pooled distribution (standard error .02).
    assert covered >= 54


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_what_is_not_known_of_the_mean_widens_the_spread(share: float) -> None:
    spiked = [SpikeReplicate(int(k * share), 1000, share) for k in (500, 700, 900)]
    fitted, shape = fit_spread(spiked), predict_recovery(spiked)
    assert fitted is not None
    assert shape is not None
    mean, precision = fitted
    # Cells found in a share c of the blood tell of R as much as 1000 c (1 - R) / (1 - c R) cells.
    size = 1000 * share * (1 - mean) / (1 - share * mean)
    surely = 3 * size / (1 + (size - 1) / (1 + precision))
    assert shape.a + shape.b == pytest.approx(1 / (1 / precision + 1 / (surely + 1)))
    assert shape.a / (shape.a + shape.b) == pytest.approx(mean)
