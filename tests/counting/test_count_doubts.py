"""Flags of counts that are hard to believe."""

from __future__ import annotations

import pytest
from count_cases import count_case, find_row, make_draw, make_result, make_row

from chc_gating.model.acquisition import AcquisitionResult

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
