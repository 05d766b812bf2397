"""Spike draws that differ by more than counting, and the recovery of a new draw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import beta, betabinom

from chc_gating.counting.exposure_mixture import mix_exposures
from chc_gating.counting.intervals import find_rate_interval
from chc_gating.counting.mixing import mix_beta
from chc_gating.counting.recovery_spread import (
    SpikeReplicate,
    _Likelihood,
    predict_recovery,
    shows_spread,
)
from chc_gating.model.exposure import Exposure, Recovery

UNEQUAL = [SpikeReplicate(30, 100), SpikeReplicate(95, 100)]
EQUAL = [SpikeReplicate(75, 100), SpikeReplicate(150, 200)]
EXAMINED = Exposure(volume_ml=5.0, source="fractions")


def find_log_probability(one: SpikeReplicate, logit_mean: float, log_precision: float) -> float:
    places = np.array([logit_mean]), np.exp([log_precision])
    return float(_Likelihood.of(one).list_log_probabilities(*places)[0])


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


def integrate_finely(found: list[int], spiked: int) -> tuple[float, float]:
    """Mean and SD of a new draw's recovery, over a grid of (mean, sqrt(rho)) by scipy alone."""
    m, root = np.meshgrid(np.linspace(0.0005, 0.9995, 1000), np.linspace(0.0005, 0.9995, 1000))
    precision = 1 / root**2 - 1
    weights = beta.pdf(m, 0.5, 0.5)  # and sqrt(rho) uniform
    for k in found:
        weights = weights * betabinom.pmf(k, spiked, m * precision, (1 - m) * precision)
    weights /= weights.sum()
    mean = float((weights * m).sum())
    square = m**2 + m * (1 - m) / (1 + precision)
    return mean, float(np.sqrt((weights * square).sum() - mean**2))


@pytest.mark.parametrize("found", [[60, 75, 90], [30, 95], [82, 66, 91, 70, 77]])
def test_what_is_not_known_of_mean_and_spread_is_integrated_over(found: list[int]) -> None:
    shape = predict_recovery([SpikeReplicate(k, 100) for k in found])
    assert shape is not None
    expected = integrate_finely(found, 100)
    assert beta.mean(shape.a, shape.b) == pytest.approx(expected[0], rel=2e-3)
    assert beta.std(shape.a, shape.b) == pytest.approx(expected[1], rel=2e-3)


def test_spread_shows_where_the_likelihood_rises_from_none() -> None:
    for found in ([70, 80], [60, 90], [74, 76, 75], [66, 75, 84]):
        spiked, pooled = [SpikeReplicate(k, 100) for k in found], sum(found) / len(found) / 100
        heights = [
            sum(betabinom.logpmf(k, 100, pooled * s, (1 - pooled) * s) for k in found)
            for s in (1e5, 1e6)
        ]
        assert shows_spread(spiked, pooled) is bool(heights[0] > heights[1])


def test_spread_in_a_share_of_the_blood_is_asked_of_what_was_found_there() -> None:
    for found in ([60, 75, 90], [70, 75, 80], [55, 75, 95]):
        spiked = [SpikeReplicate(k, 1000, 0.1) for k in found]
        heights = [
            sum(find_log_probability(one, float(logit(0.75)), s) for one in spiked)
            for s in (11.0, 13.0)
        ]
        assert shows_spread(spiked, 0.75) is bool(heights[0] > heights[1])


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


def test_more_spike_draws_that_scatter_alike_say_more_of_a_new_one() -> None:
    few = predict_recovery([SpikeReplicate(k, 100) for k in (60, 90)])
    many = predict_recovery([SpikeReplicate(k, 100) for k in (60, 90) * 5])
    assert few is not None
    assert many is not None
    assert beta.std(few.a, few.b) > 1.3 * beta.std(many.a, many.b) > 1.3 * 0.13


def test_recoveries_near_none_and_all_have_a_mixture() -> None:
    # scipy 1.17 gives no quantile 1e-17 of Beta(1.0467, .4005)
    mixture = mix_beta(1.0466930404215542, 0.4005028789218585, shape=13)
    mean = 1.0466930404215542 / (1.0466930404215542 + 0.4005028789218585)
    assert mixture.values @ mixture.weights == pytest.approx(mean, rel=1e-6)


def test_probabilities_of_cells_in_a_part_of_the_blood_add_up_to_one() -> None:
    parts = (SpikeReplicate(k, 40, 0.4) for k in range(41))
    total = sum(np.exp(find_log_probability(part, 0.5, 2.0)) for part in parts)
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
    # Of 2,000 rounds about .95 are covered (`make calibrate`), .84 with the pooled distribution.
    assert covered >= 54
