"""Rows of one draw: what adds up, what does not, and what is never printed."""

from __future__ import annotations

import pytest
from count_cases import (
    FRACTIONS,
    NAMES,
    count_case,
    find_row,
    make_draw,
    make_failure,
    make_result,
    make_row,
)

from chc_gating.counting.groups import explain_no_classes
from chc_gating.model.acquisition import FlowFacts
from chc_gating.model.count import CountRow
from chc_gating.model.gates import Gates

LOSSES = FlowFacts(fcs_version="FCS3.1", abort_events=3_000, lost_events=0)
TABLE = {"event_count": 97_000, "flow": LOSSES}
"""f_live .97, so that with FRACTIONS of 7.5 mL the exposure is 5.0925 mL [C]."""
NUMBERS = [name for name in CountRow.model_fields if name.startswith(("count", "per_", "ci95"))]


def test_count_of_12_is_the_row_of_the_table() -> None:
    counted = count_case(
        [make_draw()], [(make_row(**FRACTIONS), make_result({"CHC": 12}, **TABLE))]
    )
    row = find_row(counted)
    assert row.count == 12
    assert row.exposure_ml == pytest.approx(5.0925)  # [C] of science.md section 2, as below
    assert row.per_7_5_ml == pytest.approx(17.673049, abs=5e-7)
    assert row.ci95_low_per_7_5_ml == pytest.approx(9.131922, abs=5e-7)
    assert row.ci95_high_per_7_5_ml == pytest.approx(30.871259, abs=5e-7)
    assert row.per_ml == pytest.approx(17.673049 / 7.5, abs=5e-7)
    assert "not_corrected_for_recovery" in row.flags


def test_count_of_0_is_the_row_of_the_table() -> None:
    counted = count_case([make_draw()], [(make_row(**FRACTIONS), make_result(**TABLE))])
    row = find_row(counted)
    assert (row.count, row.per_7_5_ml, row.ci95_low_per_7_5_ml) == (0, 0.0, 0.0)
    assert row.ci95_high_per_7_5_ml == pytest.approx(5.432812, abs=5e-7)  # [C]
    assert row.upper95_per_7_5_ml == pytest.approx(4.411977, abs=5e-7)  # [C]


def test_recovery_of_the_draw_is_in_the_number_and_not_in_the_exposure() -> None:
    draw = make_draw(spiked=1000, recovered=750)
    counted = count_case([draw], [(make_row(**FRACTIONS), make_result({"CHC": 12}, **TABLE))])
    row = find_row(counted)
    assert row.recovery == 0.75
    assert row.exposure_ml == pytest.approx(5.0925)
    assert row.per_7_5_ml == pytest.approx(23.564065, abs=5e-7)  # [C]
    assert row.ci95_low_per_7_5_ml == pytest.approx(12.170247, abs=5e-7)  # [C]
    assert row.ci95_high_per_7_5_ml == pytest.approx(41.237165, abs=5e-7)  # [C]
    assert "not_corrected_for_recovery" not in row.flags


def test_beads_give_the_row_of_the_table() -> None:
    row = make_row(bead_population="beads", beads_added=49_500.0, blood_in_tube_ml=1.0)
    counted = count_case([make_draw()], [(row, make_result({"CHC": 12}, bead_events=19_800))])
    found = find_row(counted)
    assert found.per_7_5_ml == pytest.approx(225)  # [C]
    assert found.ci95_low_per_7_5_ml == pytest.approx(116.260783, abs=5e-7)  # [C]
    assert found.ci95_high_per_7_5_ml == pytest.approx(393.029720, abs=5e-7)  # [C]


BLOOD_COUNT = {
    "volume_ml": None,
    "wbc_per_ul": 6200.0,
    "lymphocyte_fraction": 0.30,
    "monocyte_fraction": 0.08,
    "preparation": "gradient",
}


def count_slide(chc: int, **cells: object) -> CountRow:
    result = make_result({"CHC": chc}, modality="image", nucleated_events=50_000)
    counted = count_case(
        [make_draw(**BLOOD_COUNT, **cells)], [(make_row(modality="image"), result)]
    )
    return find_row(counted, modality="image")


def test_slide_against_the_blood_count_is_the_row_of_the_table() -> None:
    row = count_slide(8)
    assert row.per_7_5_ml == pytest.approx(2827.2)  # [C]
    assert row.ci95_low_per_7_5_ml == pytest.approx(1220.584, abs=5e-4)  # [C]
    assert row.ci95_high_per_7_5_ml == pytest.approx(5570.711, abs=5e-4)  # [C]
    assert row.per_50k_nucleated == pytest.approx(8)
    assert row.per_million_nucleated == pytest.approx(160)
    # [C] 1058.690; exactly -ln(.05) x 353.4 = 1058.6918.
    assert count_slide(0).upper95_per_7_5_ml == pytest.approx(1058.690, abs=2e-3)


def test_error_of_the_blood_count_is_in_the_interval() -> None:
    row = count_slide(8, cbc_cv=0.055645)
    assert row.ci95_low_per_7_5_ml == pytest.approx(1212.064, abs=2e-3)  # [C]
    assert row.ci95_high_per_7_5_ml == pytest.approx(5628.659, abs=2e-3)  # [C]
    zero = count_slide(0, cbc_cv=0.055645)
    assert zero.upper95_per_7_5_ml == pytest.approx(1061.959, abs=5e-4)  # [C]


def test_exposure_from_the_blood_count_implies_no_leukocytes_per_volume() -> None:
    assert count_slide(8).implied_wbc_per_ul is None


def test_handling_recovery_does_not_touch_a_count_against_nucleated_cells() -> None:
    row = count_slide(8, spiked=1000, recovered=750)
    assert row.per_7_5_ml == pytest.approx(2827.2)
    assert row.recovery is None
    assert {"not_corrected_for_recovery", "unequal_losses"} <= set(row.flags.split(";"))


def test_acquisitions_of_one_kind_are_summed() -> None:
    halves = [
        (make_row(acquisition=name, tube=name, fraction_stained=0.4, fraction_acquired=0.875), chc)
        for name, chc in (("A1", 5), ("A2", 7))
    ]
    members = [(row, make_result({"CHC": chc}, **TABLE)) for row, chc in halves]
    split = find_row(count_case([make_draw()], members))
    whole = find_row(
        count_case([make_draw()], [(make_row(**FRACTIONS), make_result({"CHC": 12}, **TABLE))])
    )
    for name in NUMBERS:
        if name in ("count_low_cut",):
            continue
        assert getattr(split, name) == pytest.approx(getattr(whole, name)), name


def test_order_of_acquisitions_changes_no_number() -> None:
    members = [
        (
            make_row(acquisition=f"A{i}", fraction_stained=s, fraction_acquired=0.9),
            make_result({"CHC": i}),
        )
        for i, s in ((1, 0.1), (2, 0.25), (3, 0.3))
    ]
    forward = find_row(count_case([make_draw()], members))
    backward = find_row(count_case([make_draw()], members[::-1]))
    assert forward.count == backward.count == 6
    assert forward.per_7_5_ml == pytest.approx(backward.per_7_5_ml, rel=1e-14)


@pytest.mark.parametrize(
    "other", [{"lot": "L2"}, {"gates": "nocuts"}, {"modality": "image", "volume_plated_ml": 1.0}]
)
def test_acquisitions_of_different_kinds_are_separate_rows(other: dict[str, object]) -> None:
    first = (make_row(**FRACTIONS), make_result({"CHC": 12}))
    modality = str(other.get("modality", "flow"))
    second = (
        make_row(**{**FRACTIONS, "acquisition": "A2", **other}),
        make_result({"CHC": 5}, modality=modality),
    )
    counted = count_case([make_draw()], [first, second])
    counts = sorted(
        row.count for row in counted.rows if row.phenotype == "CHC" and row.count is not None
    )
    assert 17 not in counts
    assert 12 in counts


def test_every_phenotype_has_a_row() -> None:
    counted = count_case([make_draw()], [(make_row(**FRACTIONS), make_result())])
    assert tuple(row.phenotype for row in counted.rows) == NAMES


def test_failed_acquisition_leaves_the_others_with_their_own_exposure() -> None:
    members = [
        (
            make_row(acquisition="A1", fraction_stained=0.4, fraction_acquired=1.0),
            make_result({"CHC": 3}),
        ),
        (
            make_row(acquisition="A2", fraction_stained=0.4, fraction_acquired=1.0),
            make_failure("truncated"),
        ),
    ]
    counted = count_case([make_draw()], members)
    row = find_row(counted)
    assert (row.count, row.exposure_ml) == (3, pytest.approx(3.0))
    assert "acquisition_failed" in row.flags
    assert [a.status for a in counted.acquisitions] == ["counted", "not_counted"]
    assert any("A2 is not counted: truncated" in note for note in counted.notes)


def test_draw_is_not_counted_when_all_acquisitions_fail() -> None:
    members = [
        (make_row(acquisition="A1", **FRACTIONS), make_failure("truncated")),
        (make_row(acquisition="A2", **FRACTIONS), make_failure("no such file")),
    ]
    counted = count_case([make_draw()], members)
    assert counted.status == "not_counted"
    assert counted.reason == "A1: truncated; A2: no such file"
    assert tuple(row.phenotype for row in counted.rows) == NAMES
    assert {getattr(row, name) for row in counted.rows for name in NUMBERS} == {None}


def test_too_few_events_are_not_counted_and_not_zero() -> None:
    counted = count_case(
        [make_draw()], [(make_row(**FRACTIONS), make_result(phenotype_events=999))]
    )
    assert counted.status == "not_counted"
    assert counted.reason == (
        "A1: too few events to count: 999 of the 1,000 that settings.min_events asks for in "
        "population all"
    )
    assert find_row(counted).count is None


def test_as_many_events_as_required_are_measured() -> None:
    result = make_result(phenotype_events=1000)
    assert count_case([make_draw()], [(make_row(**FRACTIONS), result)]).status == "counted"


def test_empty_tube_adds_no_exposure_to_the_others() -> None:
    half = {"fraction_stained": 0.4, "fraction_acquired": 1.0}
    members = [
        (make_row(acquisition="A1", **half), make_result({"CHC": 3})),
        (make_row(acquisition="A2", **half), make_result(phenotype_events=2)),
    ]
    assert find_row(count_case([make_draw()], members)).exposure_ml == pytest.approx(3.0)


def test_gates_without_cuts_are_not_counted() -> None:
    counted = count_case([make_draw()], [(make_row(gates="nocuts", **FRACTIONS), make_result())])
    assert counted.status == "not_counted"
    assert "no cuts: gates nocuts has no cuts and no phenotypes" in (counted.reason or "")
    assert [row.phenotype for row in counted.rows] == [None]


def test_what_gates_lack_is_said_and_nothing_else() -> None:
    draft = Gates(name="draft", phenotypes={"CHC": "CD45+ and CK+"})
    assert explain_no_classes(draft) == "no cuts: gates draft has no cuts"


def test_draw_without_acquisitions_is_one_row_without_modality() -> None:
    counted = count_case([make_draw()], [])
    (row,) = counted.rows
    assert (row.modality, row.count, row.status) == (None, None, "not_counted")
    assert "no acquisition" in (row.reason or "")


def test_blank_fraction_keeps_the_count_and_names_the_column() -> None:
    row = make_row(fraction_stained=0.8)
    result = make_result({"CHC": 12}, nucleated_events=80_000)
    found = find_row(count_case([make_draw()], [(row, result)]))
    assert (found.status, found.count, found.per_million_nucleated) == (
        "counted",
        12,
        pytest.approx(150),
    )
    assert (found.per_7_5_ml, found.exposure_ml, found.upper95_per_7_5_ml) == (None, None, None)
    assert "fraction_acquired" in (found.reason or "")


def test_one_unknown_exposure_leaves_the_sum_without_a_number_per_volume() -> None:
    members = [
        (
            make_row(acquisition="A1", fraction_stained=0.4, fraction_acquired=1.0),
            make_result({"CHC": 3}),
        ),
        (make_row(acquisition="A2", fraction_stained=0.4), make_result({"CHC": 4})),
    ]
    row = find_row(count_case([make_draw()], members))
    assert (row.count, row.per_7_5_ml) == (7, None)
    assert (row.reason or "").startswith("A2: ")


def bead_members(blood_ml: float) -> list[tuple[object, object]]:
    beads = {"bead_population": "beads", "beads_added": 100.0, "blood_in_tube_ml": blood_ml}
    return [
        (make_row(acquisition=f"A{i}", **beads), make_result({"CHC": 1}, bead_events=100))
        for i in (1, 2)
    ]


def test_exposures_that_reach_the_draws_volume_are_not_flagged() -> None:
    row = find_row(count_case([make_draw()], bead_members(3.75)))
    assert "exposure_exceeds_volume" not in row.flags


def test_exposures_up_to_a_tenth_above_the_draws_volume_are_flagged() -> None:
    counted = count_case([make_draw()], bead_members(3.75 * 1.1))
    assert counted.status == "counted"
    assert "exposure_exceeds_volume" in find_row(counted).flags


def test_exposures_further_above_the_draws_volume_are_not_counted() -> None:
    counted = count_case([make_draw()], bead_members(3.75 * 1.11))
    assert counted.status == "not_counted"
    assert "volume_ml 7.5" in (counted.reason or "")
    assert not any(one.summed for one in counted.acquisitions)


def test_replicates_of_a_tube_are_not_summed() -> None:
    members = [
        (make_row(acquisition=f"A{i}", replicate=str(i), **FRACTIONS), make_result({"CHC": 10 * i}))
        for i in (1, 2)
    ]
    counted = count_case([make_draw()], members)
    row = find_row(counted)
    assert (row.count, row.exposure_ml) == (10, pytest.approx(5.25))
    assert "replicate_not_summed" in row.flags
    assert [one.summed for one in counted.acquisitions] == [True, False]
    assert [one.counts["CHC"] for one in counted.acquisitions] == [10, 20]


def test_replicates_of_a_tube_whose_order_is_filled_unevenly_are_not_summed() -> None:
    members = [
        (
            make_row(acquisition=f"A{i}", tube="T1", tube_order=order, replicate=str(i)),
            make_result({"CHC": 10}),
        )
        for i, order in ((1, 1), (2, None))
    ]
    assert find_row(count_case([make_draw()], members)).count == 10


def test_second_replicate_counts_where_the_first_failed() -> None:
    members = [
        (make_row(acquisition="A1", replicate="1", **FRACTIONS), make_failure("truncated")),
        (make_row(acquisition="A2", replicate="2", **FRACTIONS), make_result({"CHC": 20})),
    ]
    assert find_row(count_case([make_draw()], members)).count == 20


def test_replicate_of_a_row_without_number_stands_apart() -> None:
    members = [
        (make_row(acquisition="A1", **FRACTIONS), make_result({"CHC": 10})),
        (make_row(acquisition="A2", replicate="2", **FRACTIONS), make_result({"CHC": 20})),
    ]
    assert find_row(count_case([make_draw()], members)).count == 10


def test_first_replicates_of_different_tubes_are_summed() -> None:
    quarter = {"fraction_stained": 0.25, "fraction_acquired": 1.0}
    members = [
        (
            make_row(acquisition=f"T{t}R{r}", tube=f"T{t}", replicate=str(r), **quarter),
            make_result({"CHC": t}),
        )
        for t in (1, 2)
        for r in (1, 2)
    ]
    assert find_row(count_case([make_draw()], members)).count == 3


def test_leukocytes_over_exposure_stand_beside_the_blood_count() -> None:
    draw = make_draw(wbc_per_ul=6000.0, preparation="lysed")
    result = make_result({"CHC": 12, "leukocyte": 30_000_000})
    row = find_row(count_case([draw], [(make_row(**FRACTIONS), result)]))
    assert row.implied_wbc_per_ul == pytest.approx(30_000_000 / 5250)
    assert "implied_wbc_differs" not in row.flags


@pytest.mark.parametrize(
    ("preparation", "per_ul", "blanks"),
    [("lysed", 6200.0, ()), ("gradient", 2356.0, ()), (None, None, ("preparation",))],
)
def test_expected_leukocytes_stand_in_the_count_of_a_draw(
    preparation: str | None, per_ul: float | None, blanks: tuple[str, ...]
) -> None:
    draw = make_draw(**{**BLOOD_COUNT, "preparation": preparation})
    expected = count_case([draw], []).expected_wbc
    assert expected is not None
    assert expected.per_ul == (None if per_ul is None else pytest.approx(per_ul))  # 6,200 x .38
    assert expected.blanks == blanks


@pytest.mark.parametrize(
    ("leukocytes", "differs"), [(15_700_000, True), (63_100_000, True), (16_000_000, False)]
)
def test_leukocytes_beyond_twofold_of_the_blood_count_are_flagged(
    leukocytes: int, differs: bool
) -> None:
    draw = make_draw(wbc_per_ul=6000.0, preparation="lysed")
    result = make_result({"leukocyte": leukocytes})
    row = find_row(count_case([draw], [(make_row(**FRACTIONS), result)]))
    assert ("implied_wbc_differs" in row.flags) is differs


def test_counts_at_moved_cuts_and_without_saturated_are_summed() -> None:
    members = [
        (
            make_row(acquisition=f"A{i}", fraction_stained=0.4, fraction_acquired=1.0),
            make_result({"CHC": 5}, saturated=2),
        )
        for i in (1, 2)
    ]
    row = find_row(count_case([make_draw()], members))
    assert (row.count_low_cut, row.count_high_cut, row.count_without_saturated) == (12, 10, 6)
    assert "saturated_candidates" in row.flags


def test_count_at_a_moved_cut_is_empty_where_one_part_has_none() -> None:
    half = {"fraction_stained": 0.4, "fraction_acquired": 1.0}
    by_workspace = make_result({"CHC": 5})
    bare = tuple(
        p.model_copy(update={"low_cut": None, "high_cut": None}) for p in by_workspace.phenotypes
    )
    members = [
        (make_row(acquisition="A1", **half), make_result({"CHC": 5})),
        (
            make_row(acquisition="A2", **half),
            by_workspace.model_copy(update={"phenotypes": bare}),
        ),
    ]
    row = find_row(count_case([make_draw()], members))
    assert (row.count, row.count_low_cut, row.count_high_cut) == (10, None, None)


def test_call_is_not_assessable_without_limits() -> None:
    counted = count_case([make_draw()], [(make_row(**FRACTIONS), make_result({"CHC": 12}))])
    assert {row.call for row in counted.rows} == {"not_assessable"}


def test_flags_of_an_acquisition_reach_its_rows() -> None:
    result = make_result({"CHC": 1}, draw_flags=("time_unstable",))
    assert (
        "time_unstable"
        in find_row(count_case([make_draw()], [(make_row(**FRACTIONS), result)])).flags
    )


def test_summary_of_an_acquisition_says_how_its_exposure_came_about() -> None:
    counted = count_case([make_draw()], [(make_row(**FRACTIONS), make_result())])
    (summary,) = counted.acquisitions
    assert summary.exposure_ml == pytest.approx(5.25)
    assert summary.row["fraction_stained"] == "0.8"
    assert len(summary.steps) == 4
