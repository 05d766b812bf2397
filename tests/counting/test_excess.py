"""Extras: excess over a background that was counted, in donors or in a control."""

from __future__ import annotations

import pytest
from scipy.special import ndtri

from chc_gating.counting.excess import find_excess_p, find_li_ma, find_profile_interval
from chc_gating.counting.excess_extras import find_excess_extras
from chc_gating.counting.feldman_cousins import find_feldman_cousins
from chc_gating.counting.intervals import find_rate_interval
from chc_gating.counting.mixing import exact


def test_13_on_and_11_off_at_half_the_exposure() -> None:
    assert find_excess_p(13, 11, 0.5) == pytest.approx(0.02844113, abs=5e-9)  # [C]
    assert find_li_ma(13, 11, 0.5) == pytest.approx(2.092832, abs=5e-7)  # [C]
    limits = find_profile_interval(13, 11, 0.5)
    assert limits == pytest.approx((0.445621, 16.372890), abs=5e-7)  # [C], 95 %


def test_li_ma_overstates_at_small_counts() -> None:
    assert -ndtri(find_excess_p(5, 0, 0.2)) == pytest.approx(3.654980, abs=5e-7)  # [C]
    assert find_li_ma(5, 0, 0.2) == pytest.approx(4.232918, abs=5e-7)  # [C]


def test_li_ma_over_a_background_known_well_is_that_of_gammapy() -> None:
    # 4.2 expected, known from 4.2 million events; [S] gammapy, known exactly
    assert find_li_ma(10, 4_200_000, 1e-6) == pytest.approx(2.3979181, abs=2e-6)


def test_no_excess_has_an_interval_from_zero() -> None:
    low, high = find_profile_interval(0, 3, 0.2)
    assert low == 0
    assert high == pytest.approx(
        1.920729, abs=5e-7
    )  # half the chi2 quantile: exp(-s) alone is left


@pytest.mark.parametrize(
    ("count", "background", "low", "high"),
    [(0, 0.0, 0.0, 2.44), (3, 0.0, 1.10, 7.42), (3, 0.5, 0.60, 6.92)],
)
def test_feldman_cousins_intervals_of_their_table_iv(
    count: int, background: float, low: float, high: float
) -> None:
    # Feldman and Cousins 1998, table IV (90 %)
    found = find_feldman_cousins(count, background, confidence=0.9)
    assert found == pytest.approx((low, high), abs=0.0101)


DEEPER = 1_800_000 / 500_000
"""Events of a sample over those of its FMO control."""


def test_2_false_in_an_fmo_do_not_make_21_remarkable() -> None:
    assert find_excess_p(21, 2, DEEPER) == pytest.approx(0.0958, abs=5e-5)  # [C]


def test_no_false_event_in_an_fmo_bounds_their_mean() -> None:
    upper = find_rate_interval(0, exact(1 / DEEPER)).upper
    assert upper == pytest.approx(10.78, abs=5e-3)  # [C]
    assert find_excess_p(12, 0, DEEPER) > 0.05 >= find_excess_p(13, 0, DEEPER)  # [C]


def test_extras_of_a_draw_use_all_donors_events() -> None:
    # 14 events of donors in 100 mL, 12 in 5 mL
    extras = find_excess_extras(12, 5.0, donor_events=14, donor_exposure=100.0)
    assert extras.p == pytest.approx(find_excess_p(12, 14, 0.05))
    assert extras.profile[0] > 0
    assert extras.feldman_cousins == find_feldman_cousins(12, 0.7)


def test_extras_of_nothing_at_all_are_defined() -> None:
    extras = find_excess_extras(0, 5.0, donor_events=0, donor_exposure=100.0)
    assert (extras.p, extras.li_ma) == (1.0, 0.0)
    assert extras.profile[0] == 0


def test_many_events_have_no_feldman_cousins_interval() -> None:
    extras = find_excess_extras(5000, 5.0, donor_events=14, donor_exposure=100.0)
    assert extras.feldman_cousins is None
