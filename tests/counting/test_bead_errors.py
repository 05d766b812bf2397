"""Errors of a bead-based volume: the lot's, once for all tubes, and each tube's beads."""

from __future__ import annotations

import math

import pytest
from count_cases import count_case, find_row, make_draw, make_result, make_row
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import gammainc

from chc_gating.counting.bead_errors import find_bead_errors
from chc_gating.model.count import CountRow

BEADS = {"bead_population": "beads", "beads_added": 49_500.0, "blood_in_tube_ml": 1.0}


def count_tubes(*beads: int, chc: int = 12, **cells: object) -> CountRow:
    members = [
        (
            make_row(acquisition=f"A{i}", **BEADS, **cells),
            make_result({"CHC": chc if i == 0 else 0}, bead_events=n),
        )
        for i, n in enumerate(beads)
    ]
    return find_row(count_case([make_draw()], members))


def test_exact_lot_with_many_beads_gives_the_limits_of_the_table() -> None:
    row = count_tubes(19_800)
    limits = (row.ci95_low_per_7_5_ml, row.ci95_high_per_7_5_ml)
    assert limits == pytest.approx((116.260783, 393.029720), abs=5e-7)  # [C] lot exact
    assert row.exposure_cv == 0


def test_lot_error_widens_the_interval_as_gauss_quadrature_says() -> None:
    row = count_tubes(19_800, bead_lot_cv=0.1)
    sigma = math.sqrt(math.log1p(0.1**2) + math.log1p(1 / 19_800))
    z, weights = hermegauss(80)
    volume = 0.4 / 7.5 * (2.718281828459045 ** (sigma * z))  # in units of 7.5 mL
    weights = weights / weights.sum()
    low = (gammainc(12, (row.ci95_low_per_7_5_ml or 0) * volume) * weights).sum()
    high = (gammainc(13, (row.ci95_high_per_7_5_ml or 0) * volume) * weights).sum()
    assert (low, high) == pytest.approx((0.025, 0.975), abs=1e-9)


def test_error_of_a_lot_enters_once_for_all_its_tubes() -> None:
    one, two = count_tubes(40_000, bead_lot_cv=0.1), count_tubes(20_000, 20_000, bead_lot_cv=0.1)
    assert two.exposure_ml == pytest.approx(one.exposure_ml)
    assert two.exposure_cv == pytest.approx(one.exposure_cv, rel=1e-9)  # 40,000 beads both
    assert two.ci95_high_per_7_5_ml == pytest.approx(one.ci95_high_per_7_5_ml, rel=1e-9)


def test_counting_errors_of_tubes_are_independent() -> None:
    row = count_tubes(400, 400)
    assert row.exposure_cv == pytest.approx(800**-0.5, rel=2e-3)


def test_words_say_what_is_taken_as_exact() -> None:
    assert "exact" in find_bead_errors(19_800, None).words
    assert find_bead_errors(19_800, 0.05).words == "the lot's CV 5 %, their counting error 0.71 %"
