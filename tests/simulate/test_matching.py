from __future__ import annotations

import numpy as np

from chc_gating.simulate.matching import match_positions


def positions(*places: tuple[float, float]) -> np.ndarray:
    return np.array(places, dtype=np.float64).reshape(-1, 2)


def test_found_missed_and_false_are_counted() -> None:
    match = match_positions(
        positions((0, 0), (50, 50), (90, 0)), positions((3, 4), (50, 50), (20, 20)), within=5
    )
    assert (match.found, match.missed, match.false) == (2, 1, 1)
    assert match.recall == 2 / 3


def test_one_counted_cell_finds_one_true_cell_only() -> None:
    match = match_positions(positions((0, 0), (4, 0)), positions((3, 0)), within=5)
    assert (match.found, match.missed, match.false) == (1, 1, 0)


def test_a_cell_counted_twice_is_false_once() -> None:
    match = match_positions(positions((0, 0)), positions((1, 0), (0, 2)), within=5)
    assert (match.found, match.missed, match.false) == (1, 0, 1)


def test_without_true_cells_there_is_no_recall() -> None:
    match = match_positions(positions(), positions((1, 0)), within=5)
    assert match.recall is None
    assert match.false == 1


def test_nothing_counted_is_all_missed() -> None:
    assert match_positions(positions((0, 0)), positions(), within=5).recall == 0
