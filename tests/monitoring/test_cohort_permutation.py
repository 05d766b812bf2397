"""Permutation p and ROC area."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from chc_gating.monitoring.cohort_permutation import compare_groups, compare_trend
from chc_gating.monitoring.cohort_roc import find_auc, find_auc_limits

SCORES = np.array([0.3, -1.2, 0.8, 0.1, -0.9, 1.6, 2.2, 0.4, -0.6])


def test_exact_p_of_two_groups_is_scipys() -> None:
    strata = np.repeat([0, 1], [5, 4])
    centred = SCORES - SCORES.mean()
    found = permutation_test(
        (centred[:5], centred[5:]),
        lambda x, y: abs(x.sum()),
        permutation_type="independent",
        alternative="greater",
        n_resamples=np.inf,
    )

    own = compare_groups(centred, strata, seed=1)
    assert own.exact
    assert own.assignments == 126
    assert own.p == pytest.approx(found.pvalue)


def test_three_groups_are_enumerated_too() -> None:
    found = compare_groups(SCORES, np.repeat([0, 1, 2], 3), seed=1)

    assert (found.assignments, found.exact) == (1680, True)


def test_large_groups_are_sampled_with_their_seed() -> None:
    scores = np.random.default_rng(5).normal(size=60)
    strata = np.repeat([0, 1], 30)
    first, again = (compare_groups(scores, strata, seed=3) for _ in range(2))

    assert not first.exact
    assert first == again
    assert first.p >= 1 / 20_000


def test_trend_sees_an_order_and_its_reverse_alike() -> None:
    strata, steps = np.repeat([0, 1, 2], 3), np.array([1.0, 2, 4])
    rising = np.arange(9.0)

    # of 1,680 assignments, the order and its reverse by mirrored steps only where steps mirror
    assert compare_trend(rising, strata, steps, seed=1).p <= 2 / 1680
    assert compare_trend(-rising, strata, steps, seed=1).p <= 2 / 1680


def test_separate_groups_have_an_area_of_one_with_a_width() -> None:
    higher, lower = np.array([3.0, 4, 5, 6, 7]), np.array([0.0, 0, 1, 2, 2.5])
    area = find_auc(higher, lower)
    low, high = find_auc_limits(area, 5, 5)

    assert area == 1
    assert high == 1
    assert 0.4 < low < 0.9


def test_limits_of_an_area_mirror_each_other() -> None:
    low, high = find_auc_limits(0.8, 7, 9)
    mirrored = find_auc_limits(0.2, 9, 7)

    assert mirrored == pytest.approx((1 - high, 1 - low))
    assert low < 0.8 < high
