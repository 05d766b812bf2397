"""Limits of blank, detection and quantitation; [C] and [S]: science.md section 3."""

from __future__ import annotations

import pytest
from donor_counts import COUNTS, EQUAL, UNEQUAL
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.counting.background_distribution import find_lower_share
from chc_gating.counting.background_fit import fit_backgrounds
from chc_gating.counting.detection import (
    find_lob,
    find_loq,
    find_true_events_at_lod,
    give_call,
)


@pytest.mark.parametrize(
    ("mean", "lob", "lod"),
    [(0, 0, 2.995732), (0.5, 2, 6.295794), (1, 3, 7.753657), (3, 6, 11.842396)],
)
def test_known_poisson_background(mean: float, lob: int, lod: float) -> None:
    assert int(find_lob(mean, 0.0)) == lob  # [C]
    assert mean + find_true_events_at_lod(lob, mean, 0.0) == pytest.approx(lod, abs=5e-7)  # [C]


def test_limit_of_detection_of_equal_exposures() -> None:
    found = fit_backgrounds(COUNTS[None], EQUAL[None])
    mean, alpha = (float(part[0]) for part in found.predict(5.0))
    assert mean + find_true_events_at_lod(3, mean, alpha) == pytest.approx(
        7.900566, abs=5e-7
    )  # [C]


@pytest.mark.parametrize(
    ("exposure", "lod", "net"),
    [(2.5, 6.338048, 17.973972), (5.0, 7.889833, 10.794576), (10.0, 10.913410, 7.144885)],
)
def test_limit_of_detection_at_the_patients_own_exposure(
    exposure: float, lod: float, net: float
) -> None:
    found = fit_backgrounds(COUNTS[None], UNEQUAL[None])
    mean, alpha = (float(part[0]) for part in found.predict(exposure))
    true_events = find_true_events_at_lod(int(find_lob(mean, alpha)), mean, alpha)
    assert mean + true_events == pytest.approx(lod, abs=1.1e-6)  # [C], total
    assert 7.5 * true_events / exposure == pytest.approx(net, abs=1.1e-6)  # [C], net per 7.5 mL


def test_pure_poisson_needs_25_counts_for_20_percent() -> None:
    assert find_loq(0.0, goal_cv=0.2) == pytest.approx(25)  # [C]


def test_no_count_is_quantifiable_where_dispersion_uses_up_the_goal() -> None:
    assert find_loq(0.04, goal_cv=0.2) is None
    assert find_loq(0.0, goal_cv=0.2, exposure_cv=0.2) is None
    # CV^2 = 1/mu + .02 + .1^2 = .04 at mu = 100
    assert find_loq(0.02, goal_cv=0.2, exposure_cv=0.1) == pytest.approx(100)


@pytest.mark.parametrize(
    ("count", "loq", "call"),
    [
        (0, 25.0, "not_detected"),
        (3, 25.0, "below_lob"),
        (4, 25.0, "detected"),
        (25, 25.0, "quantifiable"),
        (25, None, "detected"),
    ],
)
def test_call_follows_from_count_and_limits(count: int, loq: float | None, call: str) -> None:
    assert give_call(count, 3, loq) == call


@settings(deadline=None)
@given(mean=st.floats(0, 300), alpha=st.floats(0, 3), excess=st.sampled_from([0.0, 3.0]))
def test_a_draw_at_the_limit_of_detection_is_missed_in_5_percent(
    mean: float, alpha: float, excess: float
) -> None:
    lob = int(find_lob(mean, alpha, excess=excess))
    true_events = find_true_events_at_lod(lob, mean, alpha, excess=excess)
    missed = find_lower_share(lob, mean, alpha, excess=excess + true_events)
    assert missed == pytest.approx(0.05, rel=1e-8)
