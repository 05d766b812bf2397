"""CLSI EP17-A2 on its worked example (shared data/ep17) and what it does not do on counts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from chc_gating.counting.ep17 import (
    find_classical_lod,
    find_nonparametric_lob,
    find_parametric_lob,
)
from chc_gating.errors import ChcError


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def results_of(rows: list[dict[str, str]], lot: str) -> np.ndarray:
    return np.array([float(row["measurement"]) for row in rows if row["lot"] == lot])


def by_sample(rows: list[dict[str, str]], *lots: str) -> np.ndarray:
    """Low-level results, samples x results; lots together where several are named."""
    names = sorted({row["sample"] for row in rows})
    return np.array(
        [
            [float(r["measurement"]) for r in rows if r["sample"] == name and r["lot"] in lots]
            for name in names
        ]
    )


@pytest.mark.parametrize(
    ("lot", "nonparametric", "parametric"), [("1", 7.6, 8.7180), ("2", 9.4, 8.5995)]
)
def test_limits_of_blank_of_the_worked_example(
    shared_data: Path, lot: str, nonparametric: float, parametric: float
) -> None:
    blanks = results_of(read(shared_data / "ep17/blanks.tsv"), lot)
    assert find_nonparametric_lob(blanks) == pytest.approx(nonparametric)  # [C], published
    assert find_parametric_lob(blanks, samples=5) == pytest.approx(parametric, abs=5e-5)  # [C]


@pytest.mark.parametrize(("lots", "lod"), [(("1",), 12.64), (("2",), 11.94), (("1", "2"), 13.00)])
def test_limits_of_detection_of_the_worked_example(
    shared_data: Path, lots: tuple[str, ...], lod: float
) -> None:
    low_level = by_sample(read(shared_data / "ep17/low_level.tsv"), *lots)
    assert find_classical_lod(7.5, low_level) == pytest.approx(lod, abs=5e-3)  # [C], published


def test_parametric_form_with_one_result_a_donor_is_refused() -> None:
    with pytest.raises(ChcError, match="B - K = 0"):
        find_parametric_lob(np.arange(20.0), samples=20)  # [S]
