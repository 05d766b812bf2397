"""The stitched slide: tiles blended where they overlap, a strip of the output at a time."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.flat_field import FlatField, OpenField, open_field
from chc_gating.imaging.raw_tiles import Cycle, TileSet
from chc_gating.imaging.tile_reader import TileReader
from chc_gating.kernels.blend import add_tile, finish_strip

TILE_PX = 512
"""Side of a tile of the stitched file: a block with its halo reads few of them."""
_STRIP_TILES = 8
"""Tiles of the file made at once: what is held in memory does not grow with the slide."""
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class PlacedCycle:
    """A cycle, the place (n, 2) of each tile in pixels, and a flat field per channel or None.

    steps : for each channel (n,) grey levels that are taken off each tile, or None.
    """

    cycle: Cycle
    places: NDArray[np.float64]
    flat_fields: tuple[FlatField | None, ...]
    steps: tuple[NDArray[np.float64] | None, ...] = ()

    def step(self, channel: int, tile: int) -> float:
        """Return what is taken off a tile in a channel."""
        steps = self.steps[channel] if self.steps else None
        return 0.0 if steps is None else float(steps[tile])


@dataclass(frozen=True)
class Mosaic:
    """Everything that makes the pixels of a stitched slide of ``shape`` (y, x)."""

    tiles: TileSet
    cycles: tuple[PlacedCycle, ...]
    shape: tuple[int, int]


def write_mosaic(
    path: Path,
    mosaic: Mosaic,
    reader: TileReader,
    *,
    threads: int = 1,
    watch: Callable[[Iterator[Any], int], Iterator[Any]] | None = None,
) -> None:
    """Write the stitched slide: BigTIFF, tiled, OME-XML with channel names and pixel size."""
    tiles = mosaic.tiles
    strips = _strips(mosaic, reader)
    shown = strips if watch is None else watch(strips, count_strips(mosaic))
    tifffile.imwrite(
        path,
        (tile for strip in shown for tile in _cut(strip)),
        shape=(len(tiles.channels), *mosaic.shape),
        dtype=tiles.dtype,
        tile=(TILE_PX, TILE_PX),
        compression="zstd",
        compressionargs={"level": 3},
        photometric="minisblack",
        bigtiff=True,
        ome=True,
        software=False,
        maxworkers=threads,
        metadata={
            "axes": "CYX",
            "Channel": {"Name": list(tiles.channels)},
            "PhysicalSizeX": tiles.pixel_size_um,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": tiles.pixel_size_um,
            "PhysicalSizeYUnit": "µm",
            "SignificantBits": int(tiles.maximum).bit_length(),
            "UUID": _name_file(mosaic),
        },
    )


def count_strips(mosaic: Mosaic) -> int:
    """Return how many strips the slide is made of, all channels together."""
    across = -(-mosaic.shape[1] // (TILE_PX * _STRIP_TILES))
    return len(mosaic.tiles.channels) * across * -(-mosaic.shape[0] // TILE_PX)


def _strips(mosaic: Mosaic, reader: TileReader) -> Iterator[NDArray[Any]]:
    """Yield strips of every channel in raster order; those at the far edges are smaller."""
    height, width = mosaic.shape
    step = TILE_PX * _STRIP_TILES
    for placed in mosaic.cycles:
        for channel in range(len(placed.cycle.channels)):
            field = open_field(placed.flat_fields[channel])
            for y in range(0, height, TILE_PX):
                for x in range(0, width, step):
                    box = Box(y, min(y + TILE_PX, height), x, min(x + step, width))
                    yield blend_box(mosaic, placed, channel, box=box, reader=reader, field=field)


def blend_box(
    mosaic: Mosaic,
    placed: PlacedCycle,
    channel: int,
    *,
    box: Box,
    reader: TileReader,
    field: OpenField,
) -> NDArray[Any]:
    """Return the pixels of a box of the slide in one channel of a cycle; 0 where no tile lies.

    A tile that lies between pixels is interpolated linearly. Overlapping tiles are averaged, each
    weighted by the distance to its own edge. Where a pixel that enters is saturated, so is the
    result: an average would hide it.
    """
    tiles = mosaic.tiles
    size = (box.height, box.width)
    light, weight = np.zeros(size), np.zeros(size)
    saturated = np.zeros(size, np.bool_)
    for k, (tile, place) in enumerate(zip(placed.cycle.tiles, placed.places.tolist(), strict=True)):
        rows = _sample(box.y0, box.y1, place[0], tiles.shape[0])
        columns = _sample(box.x0, box.x1, place[1], tiles.shape[1])
        if rows is None or columns is None:
            continue
        inner = Box(rows.low, rows.high, columns.low, columns.high)
        here = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        add_tile(
            np.ascontiguousarray(reader.read(tile, channel, inner)),
            field.part(inner),
            field.dark_level,
            placed.step(channel, k),
            *(rows.before, rows.after, rows.part, rows.weight),
            *(columns.before, columns.after, columns.part, columns.weight),
            tiles.maximum,
            light[here],
            weight[here],
            saturated[here],
        )
    result = np.empty(size, tiles.dtype)
    finish_strip(light, weight, saturated, tiles.maximum, result)
    return result


@dataclass(frozen=True)
class _Sample:
    """Along one axis: the tile's pixels [low, high) make the box's pixels [start, stop).

    Each is (1 - part) of the pixel ``after`` and ``part`` of the one before it, ``before``; both
    are counted from ``low``. weight : distance to the tile's nearer edge, as a share.
    """

    low: int
    high: int
    start: int
    stop: int
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    part: float
    weight: NDArray[np.float64]


def _sample(begin: int, end: int, place: float, length: int) -> _Sample | None:
    """Return how a tile at a place is sampled along one axis of a box, None where it is outside.

    A tile between whole pixels ends in a part of one, which its own last pixel fills.
    """
    whole = math.floor(place)
    part = place - whole
    first, last = max(begin, whole), min(end, whole + length + (part > 0))
    if first >= last:
        return None
    at = np.arange(first, last) - whole
    before, after = np.clip(at - (part > 0), 0, length - 1), np.clip(at, 0, length - 1)
    low = int(before[0])
    edge = np.minimum(at - part + 1, length - at + part) / length
    return _Sample(
        low=low,
        high=int(after[-1]) + 1,
        start=first - begin,
        stop=last - begin,
        before=before - low,
        after=after - low,
        part=part,
        weight=np.maximum(edge, _LEAST_WEIGHT),
    )


def _cut(strip: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the file's tiles of a strip, filled up with zeros at the slide's far edges."""
    for x in range(0, strip.shape[1], TILE_PX):
        part = strip[:, x : x + TILE_PX]
        tile = np.zeros((TILE_PX, TILE_PX), strip.dtype)
        tile[: part.shape[0], : part.shape[1]] = part
        yield tile


def _name_file(mosaic: Mosaic) -> str:
    """Return the file's UUID from what it is made of: the same tiles give the same bytes."""
    facts = [
        (tile.file.name, tile.image, *place)
        for placed in mosaic.cycles
        for tile, place in zip(placed.cycle.tiles, placed.places.tolist(), strict=True)
    ]
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, repr((facts, mosaic.shape)))}"
