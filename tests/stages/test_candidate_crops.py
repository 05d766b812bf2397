"""Which cells get crops: candidates, and random ones to hold them against."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chc_gating.stages.candidate_crops import choose_candidates, draw_controls


def slide(leukocytes: int, unclassified: int, candidates: int = 5) -> Any:
    classes = np.repeat([1, 2, 3], [leukocytes, unclassified, candidates]).astype(np.int16)
    classes = np.random.default_rng(1).permutation(classes)
    names = ("outside", "leukocyte", "unclassified", "CHC_CK")
    return SimpleNamespace(event_class=classes, leaf_names=names)


@pytest.mark.parametrize(
    ("leukocytes", "unclassified", "drawn"),
    [(500, 500, (12, 12)), (500, 3, (21, 3)), (4, 500, (4, 20)), (4, 3, (4, 3)), (0, 0, (0, 0))],
)
def test_controls_are_half_leukocytes_half_unclassified_where_there_are_any(
    leukocytes: int, unclassified: int, drawn: tuple[int, int]
) -> None:
    result = slide(leukocytes, unclassified)
    drawn_rows, classes = draw_controls(result, 24, seed=7)
    rows = np.concatenate(drawn_rows)
    assert (classes.count("leukocyte"), classes.count("unclassified")) == drawn
    assert [result.leaf_names[result.event_class[row]] for row in rows] == list(classes)
    assert len(set(rows.tolist())) == len(rows)


def test_the_same_slide_gives_the_same_controls_and_another_gives_others() -> None:
    result = slide(500, 500)
    first, again, other = (
        [row for rows in draw_controls(result, 24, seed=seed)[0] for row in rows.tolist()]
        for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_of_too_many_candidates_evenly_spaced_ones_get_a_crop() -> None:
    rows = np.arange(0, 1000, 2)
    np.testing.assert_array_equal(choose_candidates(rows, 500), rows)
    chosen = choose_candidates(rows, 5)
    assert chosen.tolist() == [0, 250, 500, 748, 998]
