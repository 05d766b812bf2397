"""Blood examined in one acquisition; [C] numbers are those of science.md section 2."""

from __future__ import annotations

import pytest
from count_cases import FRACTIONS, make_draw, make_result, make_row

from chc_gating.batch.rows import Acquisition, Draw
from chc_gating.counting.blood_count import find_expected_wbc, find_log_sigma
from chc_gating.counting.exposure import Acquired, find_exposure
from chc_gating.counting.live_share import compute_live_share, find_live_share
from chc_gating.model.acquisition import (
    AcquisitionResult,
    FlowFacts,
    SlideFacts,
    SlideQuality,
)
from chc_gating.model.exposure import Exposure

BEADS = {"bead_population": "beads", "beads_added": 49_500.0, "blood_in_tube_ml": 1.0}
ACQUIRED = {"volume_acquired_ul": 500.0, "dilution_factor": 2.0}


def flow_facts(**facts: object) -> FlowFacts:
    return FlowFacts.model_validate({"fcs_version": "FCS3.1", **facts})


def find(row: Acquisition, result: AcquisitionResult, draw: Draw | None = None) -> Exposure:
    return find_exposure(Acquired(draw or make_draw(), row, result))


def test_live_share_of_aborted_and_lost_events() -> None:
    assert compute_live_share(1_843_200, 52_800, 1_200) == pytest.approx(0.971537, abs=5e-7)  # [C]


def test_fractions_multiply_to_the_exposure_of_the_table() -> None:
    facts = flow_facts(abort_events=3_000, lost_events=0)
    exposure = find(make_row(**FRACTIONS), make_result(event_count=97_000, flow=facts))
    assert exposure.volume_ml == pytest.approx(5.0925)  # [C] 7.5 x .8 x .875 x .97
    assert exposure.source == "fractions"
    assert exposure.flags == ()


def test_unknown_abort_counts_give_an_upper_bound_with_its_flag() -> None:
    exposure = find(make_row(**FRACTIONS), make_result(flow=flow_facts()))
    assert exposure.volume_ml == pytest.approx(7.5 * 0.8 * 0.875)
    assert exposure.flags == ("exposure_upper_bound",)


def test_one_unknown_loss_keeps_the_known_one_and_its_flag() -> None:
    live = find_live_share(make_result(flow=flow_facts(abort_events=25_000)))
    assert live.share == pytest.approx(0.8)
    assert live.flags == ("exposure_upper_bound",)
    assert "$LOST" in live.step


def test_beads_take_no_other_fraction() -> None:
    facts = flow_facts(abort_events=50_000, lost_events=0)
    row = make_row(**BEADS, **FRACTIONS, **ACQUIRED)
    exposure = find(row, make_result(bead_events=19_800, flow=facts))
    assert exposure.volume_ml == pytest.approx(0.4)  # [C] 1 mL x 19,800 / 49,500
    assert exposure.source == "beads"


def test_acquired_volume_is_divided_by_the_dilution_and_loses_aborted_events() -> None:
    facts = flow_facts(abort_events=25_000, lost_events=0)
    exposure = find(make_row(**ACQUIRED, **FRACTIONS), make_result(flow=facts))
    assert exposure.volume_ml == pytest.approx(0.5 / 2 * 0.8)
    assert exposure.source == "volume_acquired_ul"


def test_volume_of_the_file_comes_after_that_of_the_sheet() -> None:
    facts = flow_facts(abort_events=0, lost_events=0, volume_ul=300.0)
    by_file = find(make_row(dilution_factor=2.0), make_result(flow=facts))
    by_sheet = find(make_row(**ACQUIRED), make_result(flow=facts))
    assert (by_file.source, by_file.volume_ml) == ("$VOL", pytest.approx(0.15))
    assert (by_sheet.source, by_sheet.volume_ml) == ("volume_acquired_ul", pytest.approx(0.25))


@pytest.mark.parametrize("repaired", [True, False])
def test_repaired_unit_of_the_files_volume_is_flagged(repaired: bool) -> None:
    facts = flow_facts(
        abort_events=0,
        lost_events=0,
        volume_ul=300.0,
        volume_note="the unit was decided so",
        volume_unit_repaired=repaired,
    )
    exposure = find(make_row(dilution_factor=2.0), make_result(flow=facts))
    assert ("volume_unit_repaired" in exposure.flags) is repaired
    assert any("the unit was decided so" in step for step in exposure.steps)


def test_volume_of_the_file_without_dilution_leaves_the_fractions() -> None:
    facts = flow_facts(abort_events=0, lost_events=0, volume_ul=300.0)
    assert find(make_row(**FRACTIONS), make_result(flow=facts)).source == "fractions"


@pytest.mark.parametrize("column", ["fraction_stained", "fraction_acquired"])
def test_blank_fraction_gives_no_volume_and_names_its_column(column: str) -> None:
    exposure = find(make_row(**{**FRACTIONS, column: None}), make_result())
    assert exposure.volume_ml is None
    assert exposure.reason == f"no volume of blood: fractions lacks {column}"


def test_refused_volume_of_the_file_stands_in_the_reason() -> None:
    facts = flow_facts(volume_refused="both units give a possible flow rate")
    exposure = find(make_row(dilution_factor=2.0), make_result(flow=facts))
    assert "both units give a possible flow rate" in (exposure.reason or "")


@pytest.mark.parametrize("beads", [0, None])
def test_no_bead_acquired_gives_no_volume(beads: int | None) -> None:
    exposure = find(make_row(**BEADS, **FRACTIONS), make_result(bead_events=beads))
    assert exposure.volume_ml is None
    assert "bead_population beads" in (exposure.reason or "")


SLIDE = {"modality": "image"}
BLOOD_COUNT = {
    "volume_ml": None,
    "wbc_per_ul": 6200.0,
    "lymphocyte_fraction": 0.30,
    "monocyte_fraction": 0.08,
    "preparation": "gradient",
}


def slide_result(**facts: object) -> AcquisitionResult:
    return make_result(modality="image", nucleated_events=50_000, **facts)


def test_plated_volume_comes_before_the_blood_count() -> None:
    exposure = find(
        make_row(**SLIDE, volume_plated_ml=0.5), slide_result(), make_draw(**BLOOD_COUNT)
    )
    assert (exposure.source, exposure.volume_ml) == ("volume_plated_ml", 0.5)
    assert exposure.flags == ()


def test_imaged_share_of_a_slide_lowers_the_plated_volume() -> None:
    row = make_row(**SLIDE, volume_plated_ml=0.5, fraction_acquired=0.25)
    assert find(row, slide_result()).volume_ml == pytest.approx(0.125)


def slide_facts(**lost: float) -> SlideFacts:
    """Facts of a slide of which the given shares were lost, by kind."""
    quality = SlideQuality(
        square_px=256,
        squares=100,
        squares_by_state={},
        focus_reference=0.01,
        focus_drop=3.0,
        focus_threshold=0.01 / 3,
        sample_area_mm2=10.0,
        scored_share=1 - sum(lost.values()),
        lost_shares={"out_of_focus": 0.0, "empty": 0.0, "unread": 0.0, **lost},
        nuclei_out_of_focus=40,
        saturated_shares={},
    )
    return SlideFacts(
        width_px=9, height_px=9, pixel_size_um=0.5, nuclei=9, area_mm2=10.0, quality=quality
    )


def test_area_out_of_focus_or_empty_lowers_the_plated_volume_and_is_told() -> None:
    row = make_row(**SLIDE, volume_plated_ml=0.5, fraction_acquired=0.5)
    exposure = find(row, slide_result(slide=slide_facts(out_of_focus=0.15, empty=0.05)))
    assert exposure.volume_ml == pytest.approx(0.5 * 0.5 * 0.8)
    assert exposure.flags == ("area_empty", "area_out_of_focus")
    assert exposure.steps[-1] == (
        "times 0.8, the share of the sample's area that was scored (0.15 out of focus, 0.05 "
        "without nuclei amid cells)"
    )


def test_a_slide_that_was_scored_whole_keeps_its_volume() -> None:
    row = make_row(**SLIDE, volume_plated_ml=0.5)
    exposure = find(row, slide_result(slide=slide_facts()))
    assert (exposure.volume_ml, exposure.flags) == (0.5, ())


def test_a_slide_of_which_nothing_was_scored_has_no_volume() -> None:
    row = make_row(**SLIDE, volume_plated_ml=0.5)
    exposure = find(row, slide_result(slide=slide_facts(unread=1.0)))
    assert exposure.reason == "volume_plated_ml: no part of the slide could be scored"


def test_nucleated_cells_are_those_of_the_scored_part() -> None:
    """Cells of lost areas are in no population: neither counted nor among the nucleated ones."""
    facts = slide_facts(out_of_focus=0.25)
    exposure = find(make_row(**SLIDE), slide_result(slide=facts), make_draw(**BLOOD_COUNT))
    plain = find(make_row(**SLIDE), slide_result(), make_draw(**BLOOD_COUNT))
    assert exposure.volume_ml == plain.volume_ml
    assert exposure.flags == (*plain.flags, "area_out_of_focus")
    assert exposure.steps[0] == "50,000 nucleated cells in the part of the slide that was scored"


def test_gradient_slide_counts_against_lymphocytes_and_monocytes() -> None:
    exposure = find(make_row(**SLIDE), slide_result(), make_draw(**BLOOD_COUNT))
    per_7_5_ml = 7.5 * 8 / (exposure.volume_ml or 0)
    assert per_7_5_ml == pytest.approx(2827.2)  # [C]
    assert exposure.flags == ("cbc_counting_error_only", "unequal_losses")


def test_lysed_slide_counts_against_all_leukocytes() -> None:
    draw = make_draw(**{**BLOOD_COUNT, "preparation": "lysed"})
    exposure = find(make_row(**SLIDE), slide_result(), draw)
    assert 7.5 * 8 / (exposure.volume_ml or 0) == pytest.approx(7440)  # [C]


def test_wrong_cells_per_ul_would_be_a_2_63_fold_error() -> None:
    gradient = find_expected_wbc(make_draw(**BLOOD_COUNT)).per_ul or 0
    lysed = find_expected_wbc(make_draw(**{**BLOOD_COUNT, "preparation": "lysed"})).per_ul or 0
    assert lysed / gradient == pytest.approx(2.63, abs=5e-3)  # [C]


def test_cv_of_the_blood_count_is_an_uncertain_factor() -> None:
    exposure = find(make_row(**SLIDE), slide_result(), make_draw(**BLOOD_COUNT, cbc_cv=0.055645))
    (factor,) = exposure.uncertain
    assert factor.sigma == pytest.approx(find_log_sigma(0.055645))
    assert exposure.flags == ("unequal_losses",)
    assert not exposure.recovery_applies


@pytest.mark.parametrize(
    "column", ["wbc_per_ul", "preparation", "lymphocyte_fraction", "monocyte_fraction"]
)
def test_blank_column_of_the_blood_count_is_named(column: str) -> None:
    draw = make_draw(**{**BLOOD_COUNT, column: None})
    exposure = find(make_row(**SLIDE), slide_result(), draw)
    assert exposure.volume_ml is None
    assert f"nucleated_cells lacks {column}" in (exposure.reason or "")


def test_every_step_of_an_exposure_is_in_words() -> None:
    exposure = find(make_row(**FRACTIONS), make_result())
    assert [step.split(" ")[0] for step in exposure.steps] == ["7.5", "times", "times", "times"]


def test_volume_without_source_is_no_exposure() -> None:
    with pytest.raises(ValueError, match="has a source"):
        Exposure(volume_ml=1.0)
    with pytest.raises(ValueError, match="reason why there is none"):
        Exposure()
