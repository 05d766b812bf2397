"""Spillover from keywords and tables, and its inverse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.compensation import (
    condition_number,
    invert_spillover,
    spillover_from_keyword,
)
from chc_gating.compensation.table import read_spillover_csv
from chc_gating.errors import ChcError, ConfigError, RawFileError
from chc_gating.model.spillover import Spillover

CHANNELS = ("FSC-A", "APC-A", "PE-A")
LABELS = (None, "CD45", "EPCAM")


def from_text(text: str, keyword: str = "$SPILLOVER") -> Spillover | None:
    return spillover_from_keyword({keyword: text}, channels=CHANNELS, labels=LABELS)


def test_keyword_gives_names_and_one_row_per_fluorochrome() -> None:
    spillover = from_text("2,APC-A,PE-A,1,0.1,0.2,1")
    assert spillover is not None
    assert spillover.channels == ("APC-A", "PE-A")
    assert spillover.matrix.tolist() == [[1.0, 0.1], [0.2, 1.0]]
    assert spillover.source == "$SPILLOVER"


@pytest.mark.parametrize("keyword", ["$SPILLOVER", "SPILL", "SPILLOVER", "$SPILL"])
def test_vendors_spellings_of_the_keyword_are_read(keyword: str) -> None:
    spillover = from_text("1,PE-A,1", keyword)
    assert spillover is not None
    assert spillover.source == keyword


def test_no_keyword_is_no_spillover() -> None:
    assert spillover_from_keyword({"$PAR": "3"}, channels=CHANNELS, labels=LABELS) is None


def test_blanks_around_entries_do_not_matter() -> None:
    spillover = from_text(" 2 , APC-A , PE-A ,1,0.1, 0.2 ,1\n")
    assert spillover is not None
    assert spillover.channels == ("APC-A", "PE-A")


def test_labels_are_read_where_names_do_not_fit_and_this_is_said() -> None:
    spillover = from_text("2,CD45,EPCAM,1,0.1,0.2,1")
    assert spillover is not None
    assert spillover.channels == ("APC-A", "PE-A")
    assert spillover.source == "$SPILLOVER (names read as $PnS)"


def test_parameter_numbers_count_from_one() -> None:
    spillover = from_text("2,3,2,1,0.1,0.2,1")
    assert spillover is not None
    assert spillover.channels == ("PE-A", "APC-A")
    assert "parameter numbers" in spillover.source


def test_a_name_with_a_comma_is_found_among_the_channels() -> None:
    spillover = spillover_from_keyword(
        {"SPILL": "2,PE-A,x,APC-A,1,0.1,0.2,1"}, channels=("PE-A,x", "APC-A"), labels=(None, None)
    )
    assert spillover is not None
    assert spillover.channels == ("PE-A,x", "APC-A")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("3,APC-A,PE-A,1,0.1,0.2,1", "announces 3 channels"),
        ("2,APC-A,PE-A,1,0.1,,1", "blank or no number"),
        ("2,APC-A,PE-A,1,nan,0,1", "blank or no number"),
        ("2,APC-A,PE-A,1,0.1,0.2", "announces 2 channels"),
        ("2,APC-A,BV421-A,1,0.1,0.2,1", "not channels of the file"),
        ("2,APC-A,APC-A,1,0.1,0.2,1", "names a channel twice"),
        ("two,APC-A,PE-A,1,0.1,0.2,1", "number of channels"),
        ("0", "number of channels"),
        ("999999999999,APC-A", "number of channels"),
    ],
)
def test_a_keyword_that_is_no_matrix_is_a_fault_of_the_file(text: str, part: str) -> None:
    with pytest.raises(RawFileError, match=part):
        from_text(text)


@given(st.text(alphabet="0123456789,.APC-E ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        spillover = from_text(text)
    except RawFileError:
        return
    if spillover is not None:
        assert np.isfinite(spillover.matrix).all()


def test_inverse_of_two_fluorochromes_by_hand() -> None:
    # raw = (100 + 0.2 * 50, 0.1 * 100 + 50) = (110, 60) for pure (100, 50)
    spillover = Spillover(("A", "B"), np.array([[1.0, 0.1], [0.2, 1.0]]), "test")
    pure = np.array([110.0, 60.0]) @ invert_spillover(spillover)
    assert pure == pytest.approx([100.0, 50.0])


def test_a_singular_matrix_is_refused_with_its_condition_number() -> None:
    spillover = Spillover(("A", "B"), np.array([[1.0, 1.0], [1.0, 1.0]]), "matrix.csv")
    with pytest.raises(ChcError, match=r"matrix\.csv: .* singular \(condition number"):
        invert_spillover(spillover)


def test_a_matrix_of_zeros_is_refused() -> None:
    spillover = Spillover(("A", "B"), np.zeros((2, 2)), "zeros")
    assert condition_number(spillover) == float("inf")
    with pytest.raises(ChcError, match="condition number inf"):
        invert_spillover(spillover)


def test_condition_number_of_a_diagonal_matrix_is_the_ratio_of_its_ends() -> None:
    spillover = Spillover(("A", "B"), np.diag([4.0, 0.5]), "test")
    assert condition_number(spillover) == pytest.approx(8.0)


def test_table_may_list_its_rows_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(",APC-A,PE-A\nPE-A,0.2,1\nAPC-A,1,0.1\n")
    spillover = read_spillover_csv(path)
    assert spillover.channels == ("APC-A", "PE-A")
    assert spillover.matrix.tolist() == [[1.0, 0.1], [0.2, 1.0]]
    assert spillover.source == "s.csv"


def test_table_as_excel_saves_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes("\ufeffname;A;B\r\nA;1;0.5\r\nB;0;1\r\n\r\n".encode())
    assert read_spillover_csv(path).matrix.tolist() == [[1.0, 0.5], [0.0, 1.0]]


def test_a_table_as_unicode_text_with_blank_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_bytes("name\tA\tB\t\r\nA\t1\t0.5\t\r\nB\t0\t1\t\r\n".encode("utf-16"))
    assert read_spillover_csv(path).matrix.tolist() == [[1.0, 0.5], [0.0, 1.0]]


def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "draws.tsv"
    rows = "".join(f"P{i}\tP{i}\tpatient\t2026-01-31\n" for i in range(27))
    path.write_text("draw\tpatient\tcohort\tcollected_on\n" + rows)
    with pytest.raises(ConfigError) as caught:
        read_spillover_csv(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (";A;B\nA;1;0,5\nB;0;1\n", r"row 2, B: a decimal comma.* \(it says '0,5'\).*decimal point"),
        (",A,B\nA,1,x\nB,y,1\n", r"row 2, B: is not a number, and 1 more .* \(it says 'x'\)"),
        (",A,B\nA,1,\nB,0,1\n", "row 2, B: is blank"),
        (",A,B\nA,1,inf\nB,0,1\n", "is not a number"),
        (",A,B\nA,1,0\nC,0,1\n", "these differ: B, C"),
        (",A,B\nA,1\nB,0,1\n", "row 2: 1 values for 2 channels"),
        (",A,A\nA,1,0\nA,0,1\n", "named twice"),
        ("\n\n", "empty"),
    ],
)
def test_a_fault_of_a_table_is_shown_with_its_cell(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=part):
        read_spillover_csv(path)


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_spillover_csv(tmp_path / "none.csv")
