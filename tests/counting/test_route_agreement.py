"""Two routes to one acquisition's volume: both stand, and a fault of one is flagged."""

from __future__ import annotations

import math

import pytest
from count_cases import FRACTIONS, count_case, find_row, make_draw, make_result, make_row
from scipy.stats import norm

from chc_gating.counting.route_agreement import LOSSES, describe_comparison
from chc_gating.model.acquisition import FlowFacts
from chc_gating.model.count import AcquisitionSummary, DrawCount
from chc_gating.model.exposure import RouteComparison

FLAG = "exposure_routes_disagree"
BEADS = {"bead_population": "beads", "beads_added": 50_000.0, "blood_in_tube_ml": 1.0}
SLIDE = {"modality": "image", "volume_plated_ml": 0.010}
BLOOD_COUNT = {"volume_ml": None, "wbc_per_ul": 6200.0, "preparation": "lysed", "cbc_cv": 0.03}


def count_beads(beads: int, **cells: object) -> DrawCount:
    row = make_row(**BEADS, **cells)
    return count_case([make_draw()], [(row, make_result({"CHC": 4}, bead_events=beads))])


def only(counted: DrawCount) -> AcquisitionSummary:
    (summary,) = counted.acquisitions
    return summary


def test_routes_that_agree_both_stand_in_the_count_without_a_flag() -> None:
    summary = only(count_beads(20_000, volume_acquired_ul=820.0, dilution_factor=2.0))
    (other,) = summary.other_routes
    assert (summary.exposure_source, summary.exposure_ml) == ("beads", 0.4)
    assert (other.source, other.volume_ml) == ("volume_acquired_ul", pytest.approx(0.41))
    assert not other.disagrees
    assert FLAG not in summary.flags
    assert any("volume_acquired_ul gives 0.41 mL" in step for step in summary.steps)


def test_p_is_of_the_log_ratio_over_the_errors_that_are_not_shared() -> None:
    (other,) = only(
        count_beads(400, bead_lot_cv=0.04, volume_acquired_ul=20.0, dilution_factor=2.0)
    ).other_routes
    # beads counted 1/sqrt(400), the lot, beads and blood, acquired volume, dilution
    cv = math.sqrt(0.05**2 + 0.04**2 + 0.05**2 + 0.05**2 + 0.05**2)
    assert other.cv == pytest.approx(cv)
    assert other.p == pytest.approx(2 * norm.sf(math.log(0.010 / 0.008) / cv))


def test_beads_of_twice_the_stated_number_are_flagged_on_every_row() -> None:
    counted = count_beads(20_000, volume_acquired_ul=400.0, dilution_factor=2.0)
    assert FLAG in only(counted).flags
    assert all(FLAG in row.flags for row in counted.rows)
    assert find_row(counted).exposure_ml == pytest.approx(0.4)  # the first route's, still


def test_dilution_that_two_routes_share_explains_no_difference() -> None:
    flow = FlowFacts(fcs_version="FCS3.1", abort_events=0, lost_events=0, volume_ul=300.0)
    row = make_row(volume_acquired_ul=390.0, dilution_factor=2.0)
    (other,) = only(count_case([make_draw()], [(row, make_result(flow=flow))])).other_routes
    assert other.source == "$VOL"
    assert other.cv == pytest.approx(math.hypot(0.05, 0.05))
    assert other.disagrees  # a factor of 1.3


def test_losses_that_the_file_does_not_state_are_an_error_of_one_route_only() -> None:
    unknown = FlowFacts(fcs_version="FCS3.1", volume_ul=None)
    row = make_row(**BEADS, **FRACTIONS)
    result = make_result(bead_events=20_000, flow=unknown)
    (other,) = only(count_case([make_draw()], [(row, result)])).other_routes
    assert other.cv == pytest.approx(math.sqrt(4 * 0.05**2 + 1 / 20_000))


def count_slide(nucleated: int, **cells: object) -> DrawCount:
    result = make_result({"CHC": 4}, modality="image", nucleated_events=nucleated)
    return count_case([make_draw(**BLOOD_COUNT, **cells)], [(make_row(**SLIDE), result)])


def test_cells_lost_in_handling_explain_a_larger_plated_volume() -> None:
    # 62,000 cells in 0.010 mL; 31,000 were found
    (other,) = only(count_slide(31_000)).other_routes
    assert other.ratio == pytest.approx(2)
    assert (other.p, other.disagrees) == (1.0, False)
    assert "losses" in other.note


def test_more_cells_than_the_plated_volume_can_hold_are_flagged() -> None:
    counted = count_slide(124_000)
    assert FLAG in only(counted).flags


@pytest.mark.parametrize(("nucleated", "flagged"), [(31_000, False), (62_000, True)])
def test_recovery_stands_between_plated_volume_and_cells(nucleated: int, flagged: bool) -> None:
    counted = count_slide(nucleated, spiked=1000, recovered=500)
    assert (FLAG in only(counted).flags) is flagged


def test_no_route_is_compared_where_a_recovery_end_to_end_replaces_them() -> None:
    draw = make_draw(spiked=1000, recovered=300, recovery_scope="end_to_end")
    row = make_row(**BEADS, **FRACTIONS)
    counted = count_case([draw], [(row, make_result(bead_events=2_000))])
    assert only(counted).other_routes == ()


def test_one_route_alone_is_held_against_nothing() -> None:
    counted = count_case([make_draw()], [(make_row(**FRACTIONS), make_result())])
    assert only(counted).other_routes == ()


def test_a_plated_volume_larger_than_the_cells_show_is_not_called_within_errors() -> None:
    one = RouteComparison(
        source="nucleated_cells",
        volume_ml=0.001,
        ratio=57.9,
        cv=0.06,
        p=1.0,
        disagrees=False,
        note=LOSSES,
    )
    assert describe_comparison(one).endswith("57.9 times it, of which nothing follows: " + LOSSES)
