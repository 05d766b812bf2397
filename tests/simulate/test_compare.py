from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest

from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionResult, PhenotypeCount, SlideFacts
from chc_gating.simulate.truth import TruthCell, TruthRow, read_truth, write_truth
from chc_gating.stages.compare import compare
from chc_gating.storage.records import write_record
from chc_gating.storage.tables import write_table

PANEL = {"name": "p", "channels": {"A": {"marker": "CK", "role": "epithelial"}}}
GATES = {"name": "g"}
CELLS = [TruthCell("S1", "CTC_CK", "CTC_CK", 100.0, 100.0 + 50 * i) for i in range(10)]


def write_result(folder: Path, counts: dict[str, int] | None, *, slide: bool = False) -> None:
    phenotypes = tuple(
        PhenotypeCount(name=name, events=n, low_cut=n, high_cut=n, without_saturated=n)
        for name, n in (counts or {}).items()
    )
    facts = SlideFacts(width_px=9, height_px=9, pixel_size_um=0.5, nuclei=9, area_mm2=1.0)
    record = AcquisitionResult(
        software_version="0",
        inputs=(),
        parameters={},
        status="not_counted" if counts is None else "counted",
        modality="flow",
        panel=PANEL,
        gates=GATES,
        phenotypes=phenotypes,
        slide=facts if slide else None,
    )
    write_record(folder / "populations.json", record)


def write_candidates(folder: Path, places: list[tuple[float, float]]) -> None:
    y, x = ([float(place[axis]) for place in places] for axis in (0, 1))
    columns = {"phenotype": ["CTC"] * len(places), "centroid_y_px": y, "centroid_x_px": x}
    write_table(folder / "candidates.parquet", pyarrow.table(columns))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    rows = [
        TruthRow("A1", "flow", "CHC", 4, 5, 5, 5),
        TruthRow("A1", "flow", "(debris)", 70, None, None, None),
        TruthRow("A2", "flow", "CHC", 9, None, None, None),
        TruthRow("S1", "image", "CTC", 10, 10, 10, 10),
    ]
    write_truth(tmp_path / "demo", rows, CELLS)
    return tmp_path / "demo" / "truth.tsv"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    write_result(folder / "acquisitions" / "A1", {"CHC": 5})
    write_result(folder / "acquisitions" / "A2", None)
    write_result(folder / "acquisitions" / "S1", {"CTC": 9}, slide=True)
    # 6 px of half a micrometre are 3 um: near enough.
    places = [(c.centroid_y_px + 6, c.centroid_x_px) for c in CELLS]
    write_candidates(folder / "acquisitions" / "S1", places)
    write_result(folder / "true-outlines" / "S1", {"CTC": 10}, slide=True)
    write_candidates(folder / "true-outlines" / "S1", places)
    return folder


def test_equal_counts_agree(results: Path, truth: Path) -> None:
    comparison = compare(results, truth=truth)
    assert comparison.agrees, comparison.text
    assert (
        "S1 segmented, CTC: found 10, missed 0, false 0 (0.00 per 1,000 nuclei), recall 1.000"
        in comparison.text
    )
    assert "Every count equals the oracle's" in comparison.text


def test_planted_oracle_and_count_stand_in_one_line(results: Path, truth: Path) -> None:
    lines = compare(results, truth=truth).text.splitlines()
    assert lines[1].split() == ["A1", "CHC", "4", "5", "5", "5", "5"]
    assert lines[2].split() == ["A2", "CHC", "9", "not_counted"]


@pytest.mark.parametrize("counts", [{"CHC": 4}, {}, {"CHC": 5, "odd": 1}])
def test_another_count_is_a_difference(results: Path, truth: Path, counts: dict[str, int]) -> None:
    write_result(results / "acquisitions" / "A1", counts)
    comparison = compare(results, truth=truth)
    assert not comparison.agrees
    assert "1 difference" in comparison.text


def test_a_tube_that_was_not_counted_but_should_be_is_a_difference(
    results: Path, truth: Path
) -> None:
    write_result(results / "acquisitions" / "A1", None)
    assert not compare(results, truth=truth).agrees


def test_a_broken_file_that_was_counted_is_a_difference(results: Path, truth: Path) -> None:
    write_result(results / "acquisitions" / "A2", {"CHC": 9})
    comparison = compare(results, truth=truth)
    assert not comparison.agrees
    assert "THE FILE IS BROKEN" in comparison.text


def test_a_slide_must_equal_the_oracle_on_true_outlines(results: Path, truth: Path) -> None:
    write_result(results / "true-outlines" / "S1", {"CTC": 9}, slide=True)
    assert not compare(results, truth=truth).agrees


def test_nineteen_of_twenty_found_is_enough_and_eighteen_is_not(results: Path, truth: Path) -> None:
    cells = [
        TruthCell("S1", "CTC_CK", "CTC_CK", 100.0 * row, 50.0 * i)
        for row in (1, 3)
        for i in range(10)
    ]
    write_truth(truth.parent, read_truth(truth), cells)
    found = [(c.centroid_y_px, c.centroid_x_px) for c in cells]
    write_candidates(results / "acquisitions" / "S1", found[:19])
    nineteen = compare(results, truth=truth)
    assert nineteen.agrees, nineteen.text
    assert "found 19, missed 1, false 0 (0.00 per 1,000 nuclei), recall 0.950" in nineteen.text
    write_candidates(results / "acquisitions" / "S1", found[:18])
    assert not compare(results, truth=truth).agrees


def test_a_false_cell_beyond_true_outlines_is_one_in_a_thousand_nuclei_at_most(
    results: Path, truth: Path
) -> None:
    found = [(c.centroid_y_px, c.centroid_x_px) for c in CELLS]
    far = (900.0, 900.0)
    write_candidates(results / "acquisitions" / "S1", [*found, far])
    assert not compare(results, truth=truth).agrees  # of 9 nuclei
    write_candidates(results / "true-outlines" / "S1", [*found, far])
    assert compare(results, truth=truth).agrees


def test_on_a_crowded_slide_the_oracle_is_shown_and_not_asked_for(
    results: Path, truth: Path
) -> None:
    crowded = [*CELLS, TruthCell("S1", "CHC_CK", "", 500.0, 500.0)]
    write_truth(truth.parent, read_truth(truth), crowded)
    write_result(results / "true-outlines" / "S1", {"CTC": 9}, slide=True)
    comparison = compare(results, truth=truth)
    assert comparison.agrees
    assert "at a cut" in comparison.text


def test_a_counted_giant_cell_is_neither_found_nor_false(results: Path, truth: Path) -> None:
    giant = TruthCell("S1", "CTC_CK", "caml", 500.0, 500.0)
    write_truth(truth.parent, read_truth(truth), [*CELLS, giant])
    places = [(c.centroid_y_px, c.centroid_x_px) for c in (*CELLS, giant)]
    write_candidates(results / "acquisitions" / "S1", places)
    text = compare(results, truth=truth).text
    assert "S1 segmented, CTC: found 10, missed 0, false 0" in text


def test_a_result_that_is_absent_is_named(results: Path, truth: Path) -> None:
    (results / "true-outlines" / "S1" / "populations.json").unlink()
    with pytest.raises(ChcError, match=r"true-outlines/S1/populations\.json: no such result"):
        compare(results, truth=truth)
