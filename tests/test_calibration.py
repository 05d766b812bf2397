"""Tables of simulated studies say what was claimed, and whether it held."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def calibrate(repository: Path) -> ModuleType:
    sys.path.insert(0, str(repository / "benchmarks"))
    return importlib.import_module("calibrate")


def test_a_cell_below_its_claim_is_a_miss_beyond_chance_only(calibrate: ModuleType) -> None:
    # three Monte Carlo errors of .95 over 2,000 studies are .0146
    near = calibrate.Row("near", (0.94, 0.97), at_least=0.95)
    far = calibrate.Row("far", (0.93, 0.97), at_least=0.95)

    assert near.list_misses(2000) == []
    assert far.list_misses(2000) == ["far: 0.9300, below 0.95"]


def test_table_has_every_cell_its_minimum_and_its_mean(calibrate: ModuleType) -> None:
    row = calibrate.Row("Garwood", (0.96, 0.98), at_least=0.95)
    text = calibrate.Section("Exact", "Share.", "count", ("0", "1"), (row,)).render()

    assert "| Garwood | 0.960 | 0.980 | 0.960 | 0.970 | at least 0.95 |" in text


def test_exact_sections_hold_with_few_studies(calibrate: ModuleType) -> None:
    for run in (calibrate.calibrate_exact, calibrate.calibrate_pair):
        section = run(300, np.random.default_rng(2))
        assert [m for row in section.rows for m in row.list_misses(300)] == []


def test_tables_go_between_the_markers(calibrate: ModuleType, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(f"before\n{calibrate.BEGIN}\nold\n{calibrate.END}\nafter\n", "utf-8")
    calibrate.write_tables(document, "new")

    assert document.read_text("utf-8") == (
        f"before\n{calibrate.BEGIN}\nnew\n{calibrate.END}\nafter\n"
    )


def test_document_has_the_markers(calibrate: ModuleType) -> None:
    text = calibrate.DOCUMENT.read_text("utf-8")

    assert text.index(calibrate.BEGIN) < text.index(calibrate.END)
