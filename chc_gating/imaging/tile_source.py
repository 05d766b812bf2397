"""What a sheet's file of raw tiles may be: a folder, a table, or one OME-TIFF of many images.

Light enough for the workflow, which asks of every slide whether its tiles are to be stitched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chc_gating.errors import RawFileError
from chc_gating.imaging.listed_tiles import (
    TABLE_NAME,
    TABLE_SUFFIXES,
    TableRow,
    list_table_files,
    read_table,
)
from chc_gating.imaging.tile_positions import StagePosition, read_positions

TIFF_SUFFIXES = (".tif", ".tiff")
_CYCLE = re.compile(r"(?:cycle|cyc|round)[ _-]?(\d+)", re.IGNORECASE)
_PEEKED_FILES = 16


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


def source_files(path: Path) -> list[Path]:
    """Return the files that a source of raw tiles consists of, those that exist, in order."""
    if path.is_dir():
        table = path / TABLE_NAME
        return list_table_files(table) if table.is_file() else _tiff_files(path)
    return list_table_files(path) if path.suffix.lower() in TABLE_SUFFIXES else [path]


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
        rows = list(read_table(table)) if table.is_file() else _list_folder(path)
    elif path.suffix.lower() in TABLE_SUFFIXES:
        rows = list(read_table(path))
    else:
        rows = [TableRow(path, 1)]
    if not rows:
        raise RawFileError(
            f"{path}: holds no TIFF file; give the folder of raw tiles, or a {TABLE_NAME} in it"
        )
    repairs: list[str] = []
    tiles = [tile for row in rows for tile in _expand(row, repairs)]
    return tuple(sorted(tiles, key=lambda tile: tile.cycle)), tuple(dict.fromkeys(repairs))


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


def _list_folder(folder: Path) -> list[TableRow]:
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
        TableRow(file, int(match.group(1)) if match else 1)
        for file, match in zip(files, found, strict=True)
    ]


def _expand(row: TableRow, repairs: list[str]) -> Iterator[RawTile]:
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
