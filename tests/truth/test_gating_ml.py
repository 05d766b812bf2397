"""Gating-ML: ISAC's documents against its truth tables, and the rest against FlowKit."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.isac_table import compare_flowkit, compare_isac


@pytest.fixture(scope="module")
def isac_folder(shared_data: Path) -> Path:
    return shared_data / "flow" / "gatingml"


def test_every_population_with_a_truth_table_agrees_in_every_event(isac_folder: Path) -> None:
    rows = list(compare_isac(isac_folder))
    assert len({row[1] for row in rows}) == len(list((isac_folder / "truth").glob("*.txt")))
    assert [row for row in rows if row[2] != row[5]] == []


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_what_has_no_truth_table_agrees_with_flowkit(isac_folder: Path) -> None:
    rows = {row[1]: row for row in compare_flowkit(isac_folder)}
    wanted = {"NotEllipsoid3", "Ellipsoid3", "Ratio", "HyperlogOnCompensated", "AsinhOnCompensated"}
    assert wanted <= set(rows)
    assert [row for row in rows.values() if row[2] != row[5]] == []
    assert all(0 < row[3] < row[2] for row in rows.values())
