"""Tables of raw tiles: a row for each file, with its cycle and where the stage stood."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chc_gating.errors import ConfigError, Fault

TABLE_NAME = "tiles.tsv"
TABLE_SUFFIXES = (".tsv", ".csv")
TABLE_COLUMNS = ("file", "image", "cycle", "x_um", "y_um")
_LONGEST_HEAD = 4096


def is_tile_table(path: Path) -> bool:
    """Whether a file is a table of tiles: its first line names `file` and a column beside it.

    Other tables (of counts, of draws) lie beside raw files too.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        columns = file.readline(_LONGEST_HEAD).strip().split(_separator(path))
    return "file" in columns and set(columns) & set(TABLE_COLUMNS) > {"file"}


def _separator(table: Path) -> str:
    return "\t" if table.suffix.lower() == ".tsv" else ","


@dataclass(frozen=True)
class TableRow:
    """A file of tiles; without ``image`` all of its images, without a position their own."""

    file: Path
    cycle: int
    image: int | None = None
    position: tuple[float, float] | None = None


def list_table_files(table: Path) -> list[Path]:
    """Return a table and the files that it lists, those that exist; a faulty one alone."""
    try:
        listed = [row.file for row in read_table(table)]
    except (ConfigError, OSError):
        return [table]
    return [table, *dict.fromkeys(file for file in listed if file.is_file())]


def read_table(table: Path) -> Iterator[TableRow]:
    """Yield the rows of a tile table; its files are relative to it.

    Raises ConfigError with every fault of it.
    """
    faults: list[Fault] = []
    rows: list[TableRow] = []
    with table.open(encoding="utf-8-sig", newline="") as file:
        text = csv.DictReader(file, delimiter=_separator(table))
        columns = text.fieldnames or ()
        if "file" not in columns:
            known = ", ".join(TABLE_COLUMNS)
            faults.append(
                Fault(str(table), "has no column file", f"columns of a tile table: {known}", 1)
            )
        elif ("x_um" in columns) != ("y_um" in columns):
            faults.append(Fault(str(table), "has one of x_um and y_um", "give both, or neither", 1))
        else:
            rows = [
                row
                for i, cells in enumerate(text, start=2)
                if (row := _read_row(table, i, cells, faults)) is not None
            ]
    if faults:
        raise ConfigError(faults)
    yield from rows


def _read_row(
    table: Path, line: int, cells: Mapping[str, str | None], faults: list[Fault]
) -> TableRow | None:
    texts = {name: (cells.get(name) or "").strip() for name in TABLE_COLUMNS}
    if not any(texts.values()):
        return None
    if not texts["file"]:
        faults.append(Fault(str(table), "names no file", "fill it in", line, "file"))
        return None
    image, cycle = (
        _read_whole(table, line, name, texts[name], faults) for name in ("image", "cycle")
    )
    y, x = (_read_length(table, line, name, texts[name], faults) for name in ("y_um", "x_um"))
    if (y is None) != (x is None):
        faults.append(
            Fault(str(table), "has one of x_um and y_um", "fill both, or none", line, "x_um")
        )
    position = None if y is None or x is None else (y, x)
    # A table that gives positions speaks of one image of each file, the first where it is silent.
    image = 0 if image is None and position is not None else image
    return TableRow(table.parent / texts["file"], 1 if cycle is None else cycle, image, position)


def _read_whole(table: Path, line: int, name: str, text: str, faults: list[Fault]) -> int | None:
    if not text:
        return None
    if text.isdigit():
        return int(text)
    faults.append(Fault(str(table), "is no whole number", "write 0, 1, ...", line, name, text))
    return None


def _read_length(table: Path, line: int, name: str, text: str, faults: list[Fault]) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    faults.append(Fault(str(table), "is no number", "write um, such as 1250.5", line, name, text))
    return None
