"""What a sheet's file of raw tiles may be: a folder, a table, or one OME-TIFF of many images.

Light enough for the workflow, which asks of every slide whether its tiles are to be stitched.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chc_gating.errors import ConfigError, Fault, RawFileError
from chc_gating.imaging.tile_positions import StagePosition, read_positions

TABLE_NAME = "tiles.tsv"
TABLE_SUFFIXES = (".tsv", ".csv")
TIFF_SUFFIXES = (".tif", ".tiff")
TABLE_COLUMNS = ("file", "image", "cycle", "x_um", "y_um")
_CYCLE = re.compile(r"(?:cycle|cyc|round)[ _-]?(\d+)", re.IGNORECASE)
_PEEKED_FILES = 16
_LONGEST_HEAD = 4096


@dataclass(frozen=True)
class RawTile:
    """One image of one file, and where the stage stood when it was taken.

    stage_y_um, stage_x_um : the image's position on the stage, whose axes may run either way.
    y0, x0 : where the tile begins in its image, for a slide that is an unstitched grid.
    """

    file: Path
    image: int
    cycle: int
    stage_y_um: float
    stage_x_um: float
    y0: int = 0
    x0: int = 0


def is_tile_source(path: Path) -> bool:
    """Whether a sheet's file is raw tiles: a table of them, or a folder that holds them.

    A folder does where it has a tiles.tsv, or where its TIFF files (the first 16 by name) state
    more than one stage position. A single TIFF file is a slide. What cannot be read is none.
    """
    if path.is_dir():
        return (path / TABLE_NAME).is_file() or _states_positions(path)
    return path.suffix.lower() in TABLE_SUFFIXES


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


def source_files(path: Path) -> list[Path]:
    """Return the files that a source of raw tiles consists of, those that exist, in order."""
    if path.is_dir():
        table = path / TABLE_NAME
        return _table_files(table) if table.is_file() else _tiff_files(path)
    return _table_files(path) if path.suffix.lower() in TABLE_SUFFIXES else [path]


def find_tiles(path: Path) -> tuple[tuple[RawTile, ...], tuple[str, ...]]:
    """Return the raw tiles of a source, cycles in ascending order, and what was repaired.

    Raises
    ------
    RawFileError
        No tile is found; a tile has no position; one of its planes has another; files of several
        cycles do not say which.
    ConfigError
        A table of tiles has faults.
    """
    if path.is_dir():
        table = path / TABLE_NAME
        rows = list(_read_table(table)) if table.is_file() else _list_folder(path)
    elif path.suffix.lower() in TABLE_SUFFIXES:
        rows = list(_read_table(path))
    else:
        rows = [_TableRow(path, 1)]
    if not rows:
        raise RawFileError(
            f"{path}: holds no TIFF file; give the folder of raw tiles, or a {TABLE_NAME} in it"
        )
    repairs: list[str] = []
    tiles = [tile for row in rows for tile in _expand(row, repairs)]
    return tuple(sorted(tiles, key=lambda tile: tile.cycle)), tuple(dict.fromkeys(repairs))


@dataclass(frozen=True)
class _TableRow:
    """A file of tiles; without ``image`` all of its images, without a position their own."""

    file: Path
    cycle: int
    image: int | None = None
    position: tuple[float, float] | None = None


def _tiff_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in TIFF_SUFFIXES and not file.name.startswith(".")
    )


def _states_positions(folder: Path) -> bool:
    """Whether TIFF files of a folder were taken at several places of the stage.

    Files of the channels of one place are not: their readings differ by less than 5 um.
    """
    ys: list[float] = []
    xs: list[float] = []
    for file in _tiff_files(folder)[:_PEEKED_FILES]:
        try:
            found = [position for position in read_positions(file) if position is not None]
        except (RawFileError, OSError):
            continue
        ys += [position.y for position in found]
        xs += [position.x for position in found]
        if xs and max(max(ys) - min(ys), max(xs) - min(xs)) > _WIDEST_SPREAD_UM:
            return True
    return False


def _list_folder(folder: Path) -> list[_TableRow]:
    """Return the TIFF files of a folder; the cycle stands in the names of all or of none."""
    files = _tiff_files(folder)
    found = [_CYCLE.search(file.stem) for file in files]
    if any(found) and not all(found):
        silent = next(file for file, match in zip(files, found, strict=True) if not match)
        raise RawFileError(
            f"{silent}: names no cycle, as other files of the folder do (cycle1, round2); name "
            f"it so, take it out of the folder, or list the tiles in {TABLE_NAME}"
        )
    return [
        _TableRow(file, int(match.group(1)) if match else 1)
        for file, match in zip(files, found, strict=True)
    ]


def _expand(row: _TableRow, repairs: list[str]) -> Iterator[RawTile]:
    """Yield the tiles of a row: one, or one per image of its file."""
    if row.image is not None and row.position is not None:
        y, x = row.position
        yield RawTile(row.file, row.image, row.cycle, y, x)
        return
    positions = read_positions(row.file)
    if row.image is not None and row.image >= len(positions):
        raise RawFileError(
            f"{row.file}: has {len(positions)} image(s), the tile table asks for image "
            f"{row.image}; they are numbered from 0"
        )
    wanted = range(len(positions)) if row.image is None else [row.image]
    for image in wanted:
        y, x = row.position or _take_position(row.file, image, positions[image], repairs)
        yield RawTile(row.file, image, row.cycle, y, x)


def _take_position(
    file: Path, image: int, position: StagePosition | None, repairs: list[str]
) -> tuple[float, float]:
    if position is None:
        raise RawFileError(
            f"{file}: image {image} has no stage position (Plane PositionX and PositionY); write "
            f"a table of tiles with x_um and y_um ({TABLE_NAME} in the folder)"
        )
    if not position.unit_known:
        repairs.append("stage positions: they carry no length unit; um was assumed")
    if position.spread > _WIDEST_SPREAD_UM:
        raise RawFileError(
            f"{file}: the planes of image {image} have different stage positions; write a table "
            f"of tiles with one position each ({TABLE_NAME} in the folder)"
        )
    return position.y, position.x


_WIDEST_SPREAD_UM = 5.0
"""A stage's readings for the channels of one place differ by less."""


def _table_files(table: Path) -> list[Path]:
    try:
        listed = [row.file for row in _read_table(table)]
    except (ConfigError, OSError):
        return [table]
    return [table, *dict.fromkeys(file for file in listed if file.is_file())]


def _read_table(table: Path) -> Iterator[_TableRow]:
    """Yield the rows of a tile table; its files are relative to it.

    Raises ConfigError with every fault of it.
    """
    faults: list[Fault] = []
    rows: list[_TableRow] = []
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
) -> _TableRow | None:
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
    return _TableRow(table.parent / texts["file"], 1 if cycle is None else cycle, image, position)


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
