"""CLSI EP17-A2 on its worked example (shared data/ep17)."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from chc_gating.counting.ep17 import find_nonparametric_lob


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def by_sample(rows: list[dict[str, str]], *lots: str) -> np.ndarray:
    """Results, samples x results; lots together where several are named."""
    names = sorted({row["sample"] for row in rows})
    return np.array(
        [
            [float(r["measurement"]) for r in rows if r["sample"] == name and r["lot"] in lots]
            for name in names
        ]
    )


def correct(results: np.ndarray) -> float:
    """The standard's multiplier, 1.645 / (1 - 1 / (4 (results - samples)))."""
    return 1.645 / (1 - 1 / (4 * (results.size - len(results))))


@pytest.mark.parametrize(
    ("lot", "nonparametric", "parametric"), [("1", 7.6, 8.7180), ("2", 9.4, 8.5995)]
)
def test_limits_of_blank_of_the_worked_example(
    shared_data: Path, lot: str, nonparametric: float, parametric: float
) -> None:
    blanks = by_sample(read(shared_data / "ep17/blanks.tsv"), lot)
    assert find_nonparametric_lob(blanks.ravel()) == pytest.approx(nonparametric)  # [C], published
    # The form that needs repeats of a sample, and that we do not offer: the table is read right.
    other = blanks.mean() + correct(blanks) * blanks.std(ddof=1)
    assert other == pytest.approx(parametric, abs=5e-5)  # [C]


@pytest.mark.parametrize(("lots", "lod"), [(("1",), 12.64), (("2",), 11.94), (("1", "2"), 13.00)])
def test_limits_of_detection_of_the_worked_example_are_for_repeats(
    shared_data: Path, lots: tuple[str, ...], lod: float
) -> None:
    results = by_sample(read(shared_data / "ep17/low_level.tsv"), *lots)
    spread = math.sqrt(results.var(axis=1, ddof=1).mean())
    assert 7.5 + correct(results) * spread == pytest.approx(lod, abs=5e-3)  # [C], published
