"""Sheets are read as spreadsheet programs save them, and blame the right line."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chc_gating.batch.sheets import read_sheet
from chc_gating.errors import ConfigError

# How Excel and LibreOffice save: delimiter, encoding, BOM, line end.
FORMATS = {
    "Excel CSV UTF-8, comma": (",", "utf-8", codecs.BOM_UTF8, "\r\n"),
    "Excel CSV UTF-8, semicolon": (";", "utf-8", codecs.BOM_UTF8, "\r\n"),
    "Excel Unicode Text": ("\t", "utf-16-le", codecs.BOM_UTF16_LE, "\r\n"),
    "Unicode text, big endian": ("\t", "utf-16-be", codecs.BOM_UTF16_BE, "\n"),
    "LibreOffice CSV": (",", "utf-8", b"", "\n"),
    "plain TSV": ("\t", "utf-8", b"", "\n"),
}
# Cells may hold delimiters, quotation marks, line breaks and any letters; no control characters,
# and no surrogates, which no encoding can write.
CELLS = st.text(
    st.one_of(
        st.sampled_from('",;\t\n =#'),
        st.characters(exclude_categories=("Cs", "Cc")),
    ),
    max_size=12,
)
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)
)


def save(rows: list[list[str]], path: Path, kind: str) -> None:
    delimiter, encoding, bom, line_end = FORMATS[kind]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    path.write_bytes(bom + text.getvalue().encode(encoding))


def strip(cell: str) -> str:
    return cell.strip(" \t\r\n")


@pytest.mark.parametrize("kind", FORMATS)
@given(rows=TABLES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_sheet_reads_back_what_a_spreadsheet_saved(
    rows: list[list[str]], kind: str, tmp_path: Path
) -> None:
    header = [f"column_{i}" for i in range(len(rows[0]))]
    path = tmp_path / "sheet.csv"
    save([header, *rows], path, kind)
    sheet = read_sheet(path)
    expected = [tuple(map(strip, row)) for row in rows if any(map(strip, row))]
    assert sheet.columns == tuple(header)
    assert [cells for _, cells in sheet.rows] == expected


def test_rows_are_numbered_as_an_editor_numbers_lines(tmp_path: Path) -> None:
    path = tmp_path / "sheet.tsv"
    path.write_text('a\tb\n1\tx\n\n2\t"two\nlines"\n\t\n3\ty\n')
    assert [line for line, _ in read_sheet(path).rows] == [2, 4, 7]


def test_blank_rows_and_blank_columns_at_the_end_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("a,b,,\n,,,\n1,2,,\n,,,\n")
    sheet = read_sheet(path)
    assert (sheet.columns, sheet.rows) == (("a", "b"), ((3, ("1", "2")),))


def test_the_line_sep_of_excel_is_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("sep=;\r\na;b\r\n1,5;2\r\n")
    assert read_sheet(path).rows == ((3, ("1,5", "2")),)


def test_a_short_row_has_blank_cells(tmp_path: Path) -> None:
    path = tmp_path / "sheet.tsv"
    path.write_text("a\tb\tc\n1\n")
    assert read_sheet(path).rows == ((2, ("1", "", "")),)


@pytest.mark.parametrize(
    ("raw", "row", "problem"),
    [
        (b"a,b\n1,2\nM\xfcller,3\n", 3, "is not UTF-8 text"),
        ("a\tb\n".encode("utf-16-le"), None, "NUL bytes"),
        (b"a,b\n1,2,3\n", 2, "has 3 cells under 2 columns"),
        (b'a,b\n1,2\n"x,3\n', 3, "quotation mark is not closed"),
        (b"a,b,a\n1,2,3\n", 1, "a column is named twice"),
        (b"", None, "is empty"),
        (codecs.BOM_UTF16_LE + b"a", None, "is not UTF-16 text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(
    raw: bytes, row: int | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        read_sheet(path)
    (fault,) = caught.value.faults
    assert problem in fault.problem
    assert fault.row == row


def test_a_sheet_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.tsv: no such file"):
        read_sheet(tmp_path / "none.tsv")


@pytest.mark.parametrize("start", [b"PK\x03\x04\x14\x00", bytes.fromhex("d0cf11e0a1b11ae1")])
def test_an_excel_workbook_is_one_fault(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "draws.xlsx"
    path.write_bytes(start + bytes(range(256)))
    with pytest.raises(ConfigError) as caught:
        read_sheet(path)
    (fault,) = caught.value.faults
    assert fault.problem == "is an Excel workbook"
    assert "CSV UTF-8" in fault.remedy
