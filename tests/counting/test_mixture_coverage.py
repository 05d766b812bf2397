"""How often the mixture interval covers, summed over every outcome and not simulated."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import pytest
from scipy.stats import binom, poisson

from chc_gating.counting.intervals import find_rate_interval
from chc_gating.counting.mixing import mix_recovery

EXPECTED_COUNT = 100.0
"""Of the expected counts from 0 to 100 the one at which the interval covers least."""


def find_coverage(spiked: int, recovery: float) -> float:
    """Return the chance that the interval holds the true rate, recovery and count both random."""
    rate = EXPECTED_COUNT / recovery
    total = 0.0
    for recovered in range(spiked + 1):
        chance = binom.pmf(recovered, spiked, recovery)
        if chance > 1e-6:
            first, last = find_covering_counts(recovered, spiked - recovered, rate)
            held = poisson.cdf(last, EXPECTED_COUNT) - poisson.cdf(first - 1, EXPECTED_COUNT)
            total += chance * held
    return total


def find_covering_counts(recovered: int, lost: int, rate: float) -> tuple[int, int]:
    """Return the least and the greatest count whose interval holds ``rate``."""

    def limits(count: int) -> tuple[float, float]:
        interval = find_rate_interval(count, mix_recovery(recovered, lost, shape=count + 1))
        return interval.low, interval.high

    # Both limits rise with the count.
    first = bisect_left(range(1_000), rate, key=lambda count: limits(count)[1])
    last = bisect_right(range(1_000), rate, key=lambda count: limits(count)[0]) - 1
    return first, last


@pytest.mark.parametrize(("spiked", "recovery", "stated"), [(10, 0.6, 0.947), (100, 0.75, 0.954)])
def test_mixture_covers_as_stated_after_one_spike_draw(
    spiked: int, recovery: float, stated: float
) -> None:
    # Stated with the default interval: "at least .954 for 100-1,000 spiked cells; about .947 for
    # 10 spiked at R .6".
    assert find_coverage(spiked, recovery) == pytest.approx(stated, abs=5e-4)
