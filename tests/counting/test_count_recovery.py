"""Recovery: own, of spike draws, pooled, end to end, and where it cannot be used."""

from __future__ import annotations

import pytest
from count_cases import (
    FRACTIONS,
    count_case,
    find_row,
    make_batch,
    make_draw,
    make_failure,
    make_result,
    make_row,
)

from chc_gating.batch.rows import Acquisition, Draw
from chc_gating.counting.recovery_sources import recovery_draws, recovery_sources
from chc_gating.model.acquisition import AcquisitionResult, InputFile

Pair = tuple[Acquisition, AcquisitionResult]
OWN: Pair = (make_row(**FRACTIONS), make_result({"CHC": 12}))
HALF = {"fraction_stained": 0.5, "fraction_acquired": 1.0}


def spike_draw(name: str, **cells: object) -> Draw:
    return make_draw(draw=name, patient="N0", cohort="spike", spiked=1000, **cells)


def spike_pair(name: str, recovered: int = 0, **cells: object) -> Pair:
    row = make_row(acquisition=f"{name}-A", draw=name, **{**HALF, **cells})
    return row, make_result({"CTC": recovered})


def test_typed_recoveries_of_equal_spike_draws_are_pooled() -> None:
    draws = [make_draw(), spike_draw("S1", recovered=745), spike_draw("S2", recovered=755)]
    counted = count_case(draws, [OWN, spike_pair("S1"), spike_pair("S2")])
    pooled = find_row(counted)
    own = find_row(count_case([make_draw(spiked=2000, recovered=1500)], [OWN]))
    assert pooled.recovery == 0.75
    assert pooled.ci95_high_per_7_5_ml == pytest.approx(own.ci95_high_per_7_5_ml, rel=1e-12)
    assert any("pooled over 2 spike draws" in note for note in counted.notes)


def test_own_recovery_comes_before_that_of_spike_draws() -> None:
    draws = [make_draw(spiked=10, recovered=6), spike_draw("S1", recovered=700)]
    assert find_row(count_case(draws, [OWN, spike_pair("S1")])).recovery == 0.6


@pytest.mark.parametrize("other", [{"lot": "L2"}, {"gates": "nocuts"}])
def test_spike_draws_of_another_lot_or_gates_are_not_used(other: dict[str, object]) -> None:
    draws = [make_draw(), spike_draw("S1", recovered=700)]
    row = find_row(count_case(draws, [OWN, spike_pair("S1", **other)]))
    assert row.recovery is None
    assert "not_corrected_for_recovery" in row.flags


def test_recovered_cells_are_counted_in_the_examined_share_of_the_spiked_blood() -> None:
    draws = [make_draw(), spike_draw("S1")]
    row = find_row(count_case(draws, [OWN, spike_pair("S1", recovered=375)]))
    assert row.recovery == pytest.approx(375 / (1000 * 0.5))


def test_counted_recovery_is_less_certain_where_less_blood_was_examined() -> None:
    draws = [make_draw(), spike_draw("S1")]
    half = find_row(count_case(draws, [OWN, spike_pair("S1", recovered=375)]))
    sheet = find_row(count_case([make_draw(spiked=1000, recovered=750)], [OWN]))
    assert half.per_7_5_ml == pytest.approx(sheet.per_7_5_ml)
    assert (half.ci95_high_per_7_5_ml or 0) > (sheet.ci95_high_per_7_5_ml or 0)


def test_only_counted_recoveries_need_results_of_spike_draws() -> None:
    draws = [make_draw(), spike_draw("S1"), spike_draw("S2", recovered=700)]
    other_lot = make_row(acquisition="S1-B", draw="S1", lot="L2", **HALF)
    rows = [OWN[0], spike_pair("S1")[0], spike_pair("S2")[0], other_lot]
    assert recovery_sources(make_batch(draws, rows), "D1") == ("S1-A",)


def test_count_depends_on_the_rows_of_every_spike_draw_it_uses() -> None:
    draws = [make_draw(), *(spike_draw(f"S{i}", recovered=r) for i, r in ((1, None), (2, 7)))]
    other = make_row(acquisition="S3-A", draw="S3", lot="L2", **HALF)
    rows = [OWN[0], spike_pair("S1")[0], spike_pair("S2")[0], other]
    batch = make_batch([*draws, spike_draw("S3", recovered=700)], rows)
    assert recovery_draws(batch, "D1") == ("S1", "S2")


@pytest.mark.parametrize("draw", ["D1", "S1"])
def test_draws_with_own_recovery_and_spike_draws_need_no_other_results(draw: str) -> None:
    draws = [make_draw(spiked=10, recovered=6), spike_draw("S1"), spike_draw("S2")]
    rows = [OWN[0], spike_pair("S1")[0], spike_pair("S2")[0]]
    assert recovery_sources(make_batch(draws, rows), draw) == ()


def test_spike_draw_that_failed_is_named_and_not_used() -> None:
    draws = [make_draw(), spike_draw("S1"), spike_draw("S2")]
    failed = (spike_pair("S1")[0], make_failure("truncated"))
    counted = count_case(draws, [OWN, failed, spike_pair("S2", recovered=375)])
    assert find_row(counted).recovery == pytest.approx(0.75)
    assert any("spike draw S1 is not used: S1-A: truncated" in note for note in counted.notes)


def test_spike_draws_of_different_scope_are_not_mixed() -> None:
    draws = [
        make_draw(),
        spike_draw("S1", recovered=700),
        spike_draw("S2", recovered=700, recovery_scope="end_to_end"),
    ]
    counted = count_case(draws, [OWN, spike_pair("S1"), spike_pair("S2")])
    assert find_row(counted).recovery is None
    assert any("recovery_scope differs" in note for note in counted.notes)


def test_recovery_of_zero_gives_no_number_per_volume() -> None:
    counted = count_case([make_draw(spiked=100, recovered=0)], [OWN])
    row = find_row(counted)
    assert (row.count, row.per_7_5_ml, row.recovery) == (12, None, None)
    assert row.reason == "recovered is 0 of 100 spiked cells"


def test_recovery_end_to_end_replaces_the_fractions() -> None:
    draw = make_draw(spiked=1000, recovered=600, recovery_scope="end_to_end")
    row = find_row(count_case([draw], [OWN]))
    assert (row.exposure_ml, row.exposure_source) == (7.5, "volume_ml")
    assert row.per_7_5_ml == pytest.approx(12 / 0.6)
    assert "recovery_end_to_end" in row.flags


def test_recovery_end_to_end_needs_no_fractions_but_the_draws_volume() -> None:
    cells = {"spiked": 1000, "recovered": 600, "recovery_scope": "end_to_end"}
    bare = (make_row(), make_result({"CHC": 12}))
    assert find_row(count_case([make_draw(**cells)], [bare])).per_7_5_ml == pytest.approx(20)
    without = find_row(count_case([make_draw(**cells, volume_ml=None)], [OWN]))
    assert without.per_7_5_ml is None
    assert "volume_ml" in (without.reason or "")


def test_blood_enters_once_for_all_acquisitions_under_a_recovery_end_to_end() -> None:
    draw = make_draw(spiked=1000, recovered=600, recovery_scope="end_to_end")
    members = [(make_row(acquisition=f"A{i}"), make_result({"CHC": 6})) for i in (1, 2)]
    row = find_row(count_case([draw], members))
    assert (row.exposure_ml, row.per_7_5_ml) == (pytest.approx(7.5), pytest.approx(20))


def test_failed_acquisition_takes_its_share_of_blood_under_a_recovery_end_to_end() -> None:
    draw = make_draw(spiked=1000, recovered=600, recovery_scope="end_to_end")
    shares = [("A1", 0.2), ("A2", 0.6)]
    rows = [make_row(acquisition=name, fraction_stained=f) for name, f in shares]
    members = [(rows[0], make_result({"CHC": 6})), (rows[1], make_failure("truncated"))]
    assert find_row(count_case([draw], members)).exposure_ml == pytest.approx(7.5 / 4)
    blank = [
        (make_row(acquisition="A1"), members[0][1]),
        (make_row(acquisition="A2"), members[1][1]),
    ]
    row = find_row(count_case([draw], blank))
    assert row.per_7_5_ml is None
    assert "fraction_stained" in (row.reason or "")


def test_recovery_end_to_end_of_a_draw_with_two_modalities_is_refused() -> None:
    draw = make_draw(spiked=1000, recovered=600, recovery_scope="end_to_end")
    slide = make_row(acquisition="A2", modality="image", volume_plated_ml=1.0)
    counted = count_case([draw], [OWN, (slide, make_result(modality="image"))])
    assert find_row(counted).per_7_5_ml is None
    assert "more than one modality" in (find_row(counted).reason or "")


def test_shared_recovery_enters_once_however_many_acquisitions() -> None:
    draw = make_draw(spiked=20, recovered=12)
    two = [
        (
            make_row(acquisition=f"A{i}", fraction_stained=0.4, fraction_acquired=0.875),
            make_result({"CHC": 6}),
        )
        for i in (1, 2)
    ]
    split, whole = find_row(count_case([draw], two)), find_row(count_case([draw], [OWN]))
    assert split.ci95_low_per_7_5_ml == pytest.approx(whole.ci95_low_per_7_5_ml, rel=1e-12)
    assert split.ci95_high_per_7_5_ml == pytest.approx(whole.ci95_high_per_7_5_ml, rel=1e-12)


BLOOD_COUNT = {"wbc_per_ul": 5000.0, "preparation": "lysed"}
"""A slide's route to a volume that holds the losses of handling already."""


def spike_slide(name: str, recovered: int, **cells: object) -> Pair:
    row = make_row(acquisition=f"{name}-{recovered}", draw=name, modality="image", **cells)
    return row, make_result({"CTC": recovered}, modality="image", nucleated_events=1_000_000)


def test_spike_slide_with_a_volume_from_the_blood_count_gives_no_recovery() -> None:
    plated = make_row(modality="image", volume_plated_ml=0.1)
    own = (plated, make_result({"CHC": 12}, modality="image", nucleated_events=1_000_000))
    draws = [make_draw(), spike_draw("S1", **BLOOD_COUNT)]
    counted = count_case(draws, [own, spike_slide("S1", 25)])
    assert find_row(counted, modality="image").recovery is None
    said = "spike draw S1 is not used: its volume comes from the blood count"
    assert said in counted.notes


def test_recovery_is_counted_only_on_the_slides_whose_volume_was_measured() -> None:
    plated = make_row(modality="image", volume_plated_ml=0.1)
    own = (plated, make_result({"CHC": 12}, modality="image", nucleated_events=1_000_000))
    draws = [make_draw(), spike_draw("S1", **BLOOD_COUNT)]
    measured = spike_slide("S1", 10, volume_plated_ml=0.15)
    counted = count_case(draws, [own, spike_slide("S1", 25), measured])
    assert find_row(counted, modality="image").recovery == pytest.approx(10 / (1000 * 0.15 / 7.5))


def test_volume_check_is_of_the_exposures_that_recovery_end_to_end_leaves() -> None:
    beads = {"bead_population": "beads", "beads_added": 100.0, "blood_in_tube_ml": 9.0}
    member = (make_row(**beads), make_result({"CHC": 12}, bead_events=100))
    draw = make_draw(spiked=1000, recovered=600, recovery_scope="end_to_end")
    counted = count_case([draw], [member])
    assert counted.status == "counted"
    assert find_row(counted).per_7_5_ml == pytest.approx(20)


def test_spike_draws_of_different_size_and_share_are_weighted_by_their_cells() -> None:
    draws = [make_draw(), spike_draw("S1"), spike_draw("S2").model_copy(update={"spiked": 100})]
    whole = {"fraction_stained": 1.0, "fraction_acquired": 1.0}
    members = [OWN, spike_pair("S1", recovered=375), spike_pair("S2", recovered=75, **whole)]
    # 375 of 1,000 cells in half of the blood and 75 of 100 in all of it: 450 of 600 looked for.
    # An unweighted mean of the shares, .75, would say 450 / 1,100 / .75 = .545.
    assert find_row(count_case(draws, members)).recovery == pytest.approx(0.75)


def test_spike_draws_that_differ_by_more_than_counting_are_not_one() -> None:
    spikes = [
        spike_draw(f"S{i}", recovered=r).model_copy(update={"spiked": 100})
        for i, r in ((1, 30), (2, 95))
    ]
    counted = count_case([make_draw(), *spikes], [OWN, spike_pair("S1"), spike_pair("S2")])
    row = find_row(counted)
    own = find_row(count_case([make_draw(spiked=200, recovered=125)], [OWN]))
    # a new draw's mean, by a fine grid over mean and spread (test_recovery_spread.py)
    assert row.recovery == pytest.approx(0.6054, abs=1e-3)
    assert (row.ci95_high_per_7_5_ml or 0) > 5 * (own.ci95_high_per_7_5_ml or 0)
    assert "recovery_varies" in row.flags
    assert any("differ by more than counting" in note for note in counted.notes)


def test_spike_draw_in_which_too_much_blood_was_examined_is_not_used() -> None:
    beads = {"bead_population": "beads", "beads_added": 100.0, "blood_in_tube_ml": 9.0}
    spiked = (make_row(acquisition="S1-A", draw="S1", **beads), make_result(bead_events=100))
    counted = count_case([make_draw(), spike_draw("S1")], [OWN, spiked])
    assert find_row(counted).recovery is None
    assert any("S1 is not used: exposure 9 mL is more than" in note for note in counted.notes)


def test_spike_draw_with_a_file_and_its_copy_is_not_used() -> None:
    raw = InputFile(role="raw", path="x", size_bytes=1, sha256="a" * 64)
    rows = [spike_pair("S1")[0].model_copy(update={"acquisition": n}) for n in ("S1-A", "S1-B")]
    result = make_result({"CTC": 300}).model_copy(update={"inputs": (raw,)})
    draws = [make_draw(), spike_draw("S1")]
    counted = count_case(draws, [OWN, *((row, result) for row in rows)])
    assert find_row(counted).recovery is None
    assert any("its raw data are those of S1-B" in note for note in counted.notes)
