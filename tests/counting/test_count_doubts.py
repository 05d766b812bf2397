"""Flags of counts that are hard to believe."""

from __future__ import annotations

import pytest
from count_cases import count_case, find_row, make_draw, make_result, make_row

from chc_gating.model.acquisition import AcquisitionResult, FlowFacts
from chc_gating.model.count import CountRow
from chc_gating.reporting.count_table import gather_groups
from chc_gating.reporting.doubts import GroupFacts, list_doubts

FRACTIONS = {"fraction_stained": 0.8, "fraction_acquired": 0.875}


def flags_of(*results: AcquisitionResult, modality: str = "flow") -> set[str]:
    members = [
        (make_row(acquisition=f"A{i}", modality=modality, **FRACTIONS), result)
        for i, result in enumerate(results)
    ]
    return set(find_row(count_case([make_draw()], members), modality=modality).flags.split(";"))


def move_cuts(result: AcquisitionResult, name: str, *, low: int, high: int) -> AcquisitionResult:
    moved = {"low_cut": low, "high_cut": high}
    phenotypes = (p.model_copy(update=moved) if p.name == name else p for p in result.phenotypes)
    return result.model_copy(update={"phenotypes": tuple(phenotypes)})


# 1 % of 100,000 events are 1,000
@pytest.mark.parametrize(("chc", "flagged"), [(990, False), (991, True)])
def test_candidates_above_one_percent_of_their_population_are_not_rare(
    chc: int, flagged: bool
) -> None:
    found = flags_of(make_result({"CHC": chc, "CTC": 10}))
    assert ("candidates_not_rare" in found) is flagged


def test_rarity_is_judged_over_the_sum_of_acquisitions() -> None:
    many, none = make_result({"CHC": 1200}), make_result()
    assert "candidates_not_rare" in flags_of(many)
    assert "candidates_not_rare" not in flags_of(many, none)


@pytest.mark.parametrize(
    ("count", "low", "high", "flagged"),
    [
        (10, 15, 8, False),  # half is not more than half
        (10, 16, 8, True),
        (10, 11, 4, True),
        (0, 2, 0, False),  # two events are too few to tell
        (0, 3, 0, True),
        (3, 3, 1, False),
    ],
)
def test_counts_that_hang_on_their_cuts_are_flagged(
    count: int, low: int, high: int, flagged: bool
) -> None:
    result = move_cuts(make_result({"CTC": count}), "CTC", low=low, high=high)
    assert ("sensitive_to_cuts" in flags_of(result)) is flagged


def test_cuts_that_are_not_ours_cannot_be_moved() -> None:
    result = make_result({"CHC": 4})
    phenotypes = (
        p.model_copy(update={"low_cut": None, "high_cut": None}) for p in result.phenotypes
    )
    found = flags_of(result.model_copy(update={"phenotypes": tuple(phenotypes)}))
    assert "sensitive_to_cuts" not in found


@pytest.mark.parametrize(("touching", "flagged"), [(4, False), (5, True)])
def test_slides_whose_candidates_mostly_touch_a_neighbour_are_flagged(
    touching: int, flagged: bool
) -> None:
    result = make_result(
        {"CHC": 5, "CTC": 3}, modality="image", candidate_flags={"touches_neighbour": touching}
    )
    assert ("cells_touch" in flags_of(result, modality="image")) is flagged


@pytest.mark.parametrize(("explained", "flagged"), [(4, False), (5, True)])
def test_slides_whose_candidates_are_mostly_explained_by_neighbours_are_flagged(
    explained: int, flagged: bool
) -> None:
    result = make_result(
        {"CHC": 5, "CTC": 3}, modality="image", candidate_flags={"neighbour_spill": explained}
    )
    assert ("neighbours_explain" in flags_of(result, modality="image")) is flagged


def test_class_that_does_not_move_with_the_cuts_is_not_named() -> None:
    rows = [
        make_count_row("CHC", count=10, low=40, high=9),
        make_count_row("CTC", count=5, low=5, high=5),
    ]
    [doubt] = list_doubts(GroupFacts(rows, None))
    assert doubt.size == "CHC 40 and 9 instead of 10"


def make_count_row(phenotype: str, *, count: int, low: int, high: int) -> CountRow:
    return CountRow(
        draw="D1",
        patient="P1",
        cohort="patient",
        collected_on="2026-01-05",
        phenotype=phenotype,
        count=count,
        count_low_cut=low,
        count_high_cut=high,
        flags="sensitive_to_cuts",
        status="counted",
        software_version="0",
        config_hash="0",
    )


def test_unstable_time_has_its_size_from_the_count_alone() -> None:
    flow = FlowFacts(fcs_version="FCS3.1", time_bins=20, unstable_bins=3)
    result = make_result({"CHC": 1}, draw_flags=("time_unstable",), flow=flow)
    counted = count_case([make_draw()], [(make_row(**FRACTIONS), result)])
    [group] = gather_groups(counted)
    sizes = {doubt.flag: doubt.size for doubt in list_doubts(group)}
    assert sizes["time_unstable"] == "3 of 20 bins"


@pytest.mark.parametrize(
    ("leukocytes", "flagged"),
    [(1_500_000, True), (1_700_000, False), (60_000_000, False), (70_000_000, True)],
)
def test_blank_preparation_is_judged_by_what_no_preparation_leaves(
    leukocytes: int, flagged: bool
) -> None:
    # 6,200 per uL in 5.25 mL are 32.55 million; a twentieth is 1.63 million, twice it 65.1 million.
    draw = make_draw(wbc_per_ul=6200.0, preparation=None)
    result = make_result({"leukocyte": leukocytes})
    counted = count_case([draw], [(make_row(**FRACTIONS), result)])
    assert ("implied_wbc_differs" in counted.flags) is flagged
