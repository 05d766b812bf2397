from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from chc_gating.errors import ChcError
from chc_gating.simulate.oracle_gates import OracleCounts
from chc_gating.simulate.truth import (
    TruthCell,
    TruthRow,
    read_truth,
    read_truth_cells,
    tabulate_truth,
    write_truth,
)

KINDS = {"CHC_CK": 3, "lymphocyte": 70, "monocyte": 20, "dim_hybrid": 2, "debris": 5}
COUNTS = OracleCounts(
    passes=Counter({"CHC_CK": 2, "CHC": 2, "leukocyte": 89, "other_class": 4}),
    low_cut=Counter({"CHC_CK": 3, "CHC": 3, "leukocyte": 88}),
    high_cut=Counter({"leukocyte": 91}),
)


def rows(counts: OracleCounts | None) -> dict[str, TruthRow]:
    table = tabulate_truth("A1", modality="flow", kinds=KINDS, counts=counts)
    return {row.phenotype: row for row in table}


def test_planted_and_counted_stand_side_by_side() -> None:
    table = rows(COUNTS)
    assert table["CHC"] == TruthRow("A1", "flow", "CHC", 3, 2, 3, 0)
    assert table["leukocyte"] == TruthRow("A1", "flow", "leukocyte", 90, 89, 88, 91)
    assert table["indeterminate_candidate"].planted == 2
    assert table["CTC"] == TruthRow("A1", "flow", "CTC", 0, 0, 0, 0)


def test_a_class_that_cannot_be_planted_is_blank_not_zero() -> None:
    assert rows(COUNTS)["unclassified"].planted is None
    assert rows(COUNTS)["other_class"].planted is None
    assert rows(COUNTS)["other_class"].passes == 4


def test_what_is_no_class_stands_in_brackets_without_a_count() -> None:
    assert rows(COUNTS)["(debris)"] == TruthRow("A1", "flow", "(debris)", 5, None, None, None)


def test_a_file_that_cannot_be_read_has_no_count() -> None:
    assert {row.passes for row in rows(None).values()} == {None}


def test_tables_read_back_as_written(tmp_path: Path) -> None:
    table = list(rows(COUNTS).values())
    cells = [TruthCell("S1", "CHC_CK", "", 10.25, 7.5)]
    write_truth(tmp_path, table, cells)
    assert read_truth(tmp_path / "truth.tsv") == table
    assert read_truth_cells(tmp_path / "truth_cells.tsv") == cells


def test_an_absent_or_another_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChcError, match=r"truth\.tsv: no such table; `chc simulate` writes it"):
        read_truth(tmp_path / "truth.tsv")
    (tmp_path / "other.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(ChcError, match=r"other\.tsv: not the table"):
        read_truth(tmp_path / "other.tsv")
