"""Sheets as a spreadsheet program saves them: text of cells, with the lines they stand on."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

from chc_gating.errors import ConfigError, Fault

_DELIMITERS = "\t;,"
_NO_DELIMITER = "\x1f"
"""For a header of one column: a separator that no text holds, so that a row is one cell."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How .xlsx (a zip archive) and .xls begin."""
_SAVE_AS_TEXT = "save it as CSV UTF-8 or as tab-separated text"
_SAVE_AGAIN = 'save it again as "CSV UTF-8" or "Unicode Text"'


@dataclass(frozen=True)
class Sheet:
    """A sheet's text: columns, and rows of (line in the file, one text per column).

    Cells are stripped of blanks at both ends; "" is an empty cell. Rows without a filled cell
    are left out. ``file`` is the path as a message shows it.
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_sheet(path: Path, *, shown: str | None = None) -> Sheet:
    """Read TSV or CSV (comma or semicolon): UTF-8, with or without BOM, or UTF-16 with BOM.

    Raises ConfigError with the line where the text breaks off, or where a row has more cells
    than there are columns.
    """
    file = shown or str(path)
    lines = read_cells(path, shown=file)
    (header_line, header), *rows = lines
    columns = _check_header(header, header_line, file)
    faults: list[Fault] = []
    fitted = tuple(
        (line, _fit_row(cells, columns, line=line, file=file, faults=faults))
        for line, cells in rows
    )
    if faults:
        raise ConfigError(faults)
    return Sheet(file, columns, fitted)


def read_cells(path: Path, *, shown: str | None = None) -> list[tuple[int, list[str]]]:
    """Return (line, stripped cells) of every row of a TSV or CSV that has a filled cell.

    There is at least one row, and rows may differ in length. Raises ConfigError for what is no
    such text.
    """
    file = shown or str(path)
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError([Fault(file, "no such file", "check its path")]) from None
    except IsADirectoryError:
        raise ConfigError([Fault(file, "is a folder", "name a TSV or CSV file")]) from None
    if raw.startswith(_WORKBOOKS):
        raise ConfigError([Fault(file, "is an Excel workbook", _SAVE_AS_TEXT)])
    lines = _split_cells(_decode(raw, file), file)
    if not lines:
        raise ConfigError([Fault(file, "is empty", "its first row must name the columns")])
    return lines


def _decode(raw: bytes, file: str) -> str:
    encoding = next((name for bom, name in _BOMS if raw.startswith(bom)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1 if encoding.startswith("utf-8") else None
        raise ConfigError(
            [Fault(file, f"is not {encoding[:6].upper()} text", _SAVE_AGAIN, row)]
        ) from None
    if "\0" in text:
        raise ConfigError(
            [Fault(file, "holds NUL bytes: no text, or UTF-16 without a BOM", _SAVE_AGAIN)]
        )
    return text


def _split_cells(text: str, file: str) -> list[tuple[int, list[str]]]:
    """Return (line, stripped cells) of every row that has a filled cell."""
    delimiter, skip = _find_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip(" \t\r\n") for cell in cells]
            if line > skip and any(stripped):
                rows.append((line, stripped))
            line = reader.line_num + 1
    except csv.Error:
        raise ConfigError(
            [
                Fault(
                    file,
                    "a quotation mark is not closed, or text follows a closed one",
                    'write a quotation mark inside a cell twice ("") and the cell in quotes',
                    line,
                )
            ]
        ) from None
    return rows


def _find_delimiter(text: str) -> tuple[str, int]:
    """Return the delimiter that the header uses, and the lines before the header.

    Excel's own first line ``sep=;`` is obeyed. A tab wins over a semicolon over a comma.
    """
    first = text.lstrip("\r\n").partition("\n")[0].strip("\r\n")
    before = len(text) - len(text.lstrip("\r\n"))
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], text[:before].count("\n") + 1
    return next((mark for mark in _DELIMITERS if mark in first), _NO_DELIMITER), 0


def _check_header(header: list[str], line: int, file: str) -> tuple[str, ...]:
    while header and not header[-1]:
        header = header[:-1]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise ConfigError(
            [
                Fault(file, "a column is named twice", "keep one of them", line, name)
                for name in twice
            ]
        )
    return tuple(header)


def _fit_row(
    cells: list[str], columns: tuple[str, ...], *, line: int, file: str, faults: list[Fault]
) -> tuple[str, ...]:
    width = len(columns)
    if len(cells) > width and any(cells[width:]):
        extra = next(cell for cell in cells[width:] if cell)
        faults.append(
            Fault(
                file,
                f"has {len(cells)} cells under {width} columns",
                "put a cell that holds the delimiter in quotes, or name the column",
                line,
                value=extra,
            )
        )
    if len(cells) < width:
        cells = cells + [""] * (width - len(cells))
    return tuple(cells[:width])
