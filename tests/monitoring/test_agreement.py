"""Pairs of measurements of one draw."""

from __future__ import annotations

import numpy as np
import pytest
from cohort_cases import make_acquisition, make_draw, make_row

from chc_gating.monitoring.agreement import (
    describe_differences,
    find_agreement,
    find_common_ratio,
)
from chc_gating.monitoring.rate_ratio import find_ratio


def slide(draw: str, count: int, exposure_ml: float = 0.5) -> object:
    return make_row(
        draw,
        "CHC",
        count,
        modality="image",
        panel="if4",
        gates="chc-slide",
        exposure_ml=exposure_ml,
        exposure_source="volume_plated_ml",
    )


def test_ratio_of_a_pair_is_the_worked_case() -> None:
    # 14 in 4.80 mL against 5 in 5.0925 mL: RR 2.970625 [1.011087, 10.538345]
    found = find_ratio(14, 5, first_ml=4.80, second_ml=5.0925)

    assert (found.value, found.low, found.high) == pytest.approx(
        (2.970625, 1.011087, 10.538345), abs=1e-6
    )


def test_zeros_leave_a_side_open() -> None:
    assert find_ratio(0, 0).value is None
    assert find_ratio(3, 0).high is None
    assert find_ratio(0, 3).low == 0


def test_flow_and_slide_of_one_draw_are_a_pair_of_rates() -> None:
    draw = make_draw("P1-T1", 20, rows=[slide("P1-T1", 4)])
    [found] = [a for a in find_agreement([draw]) if a.kind == "modality"]
    [pair] = found.pairs

    assert (found.first, found.second) == (
        "flow, panel chc4, gates chc",
        "slide, panel if4, gates chc-slide",
    )
    # 20 in 5 mL over 4 in .5 mL
    assert pair.ratio == pytest.approx(0.5)
    assert found.common_ratio is None
    assert any("listed only" in note for note in found.notes)


def test_five_patients_have_a_summary_over_their_first_pairs() -> None:
    draws = [make_draw(f"P{i}-T1", 20 + i, rows=[slide(f"P{i}-T1", 4 + i % 2)]) for i in range(5)]
    later = make_draw("P0-T2", 900, rows=[slide("P0-T2", 1)], collected_on="2026-04-01")
    [found] = [a for a in find_agreement([*draws, later]) if a.phenotype == "CHC"]

    assert (found.patients, len(found.pairs)) == (5, 6)
    assert [p.draw for p in found.pairs if not p.in_summary] == ["P0-T2"]
    assert found.common_ratio is not None
    assert found.over_dispersion is not None
    assert found.over_dispersion < 1


def test_operators_are_paired_by_name_and_replicates_share_cells() -> None:
    acquisitions = [
        make_acquisition("one", 8, operator="KL"),
        make_acquisition("two", 5, operator="AB"),
        make_acquisition("three", 6, operator="AB", replicate="2"),
    ]
    draw = make_draw("P1-T1", 8, acquisitions=acquisitions)
    found = {a.kind: a for a in find_agreement([draw]) if a.phenotype == "CHC"}

    assert {(p.first.name, p.second.name) for p in found["operator"].pairs} == {
        ("two", "one"),
        ("three", "one"),
    }
    [pair] = found["replicate"].pairs
    assert pair.same_cells
    assert any("share their counting error" in note for note in found["replicate"].notes)


def test_other_panels_and_lots_make_no_pair() -> None:
    acquisitions = [
        make_acquisition("one", 8, operator="KL"),
        make_acquisition("two", 5, operator="AB", panel="other"),
        make_acquisition("three", 5, operator="AB", lot="L2"),
    ]

    assert find_agreement([make_draw("P1-T1", 8, acquisitions=acquisitions)]) == ()


def test_common_ratio_of_equal_volumes_is_the_ratio_of_sums() -> None:
    counts = np.array([[4.0, 8], [10, 15], [1, 3], [0, 2], [6, 9]])
    found = find_common_ratio(counts, np.ones((5, 2)))

    assert found is not None
    assert found.value == pytest.approx(21 / 37)
    assert found.low < found.value < found.high


def test_spread_pairs_widen_the_common_ratio() -> None:
    alike = find_common_ratio(np.full((6, 2), 20.0), np.ones((6, 2)))
    apart = find_common_ratio(np.array([[40.0, 1], [1, 40]] * 3), np.ones((6, 2)))

    assert alike is not None
    assert apart is not None
    assert alike.over_dispersion == pytest.approx(0, abs=1e-12)
    assert apart.over_dispersion > 10
    assert apart.high / apart.low > alike.high / alike.low


def test_differences_of_roots_have_a_place_for_zero() -> None:
    counts = np.array([[0.0, 4], [4, 0], [9, 9], [1, 1], [0, 0]])
    found = describe_differences(counts, np.full((5, 2), 7.5))

    assert found["mean_difference"] == pytest.approx(0)
    # SD of -2, 2, 0, 0, 0 is sqrt(2)
    assert found["limit_high"] == pytest.approx(1.959964 * 2**0.5, abs=1e-6)
