"""Write a simulated slide as raw tiles of a camera, and the truth about tiles and camera."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chc_gating.model.record import Record
from chc_gating.simulate.recipe import RawScan
from chc_gating.simulate.slide_cells import CHANNEL_NAMES
from chc_gating.simulate.slide_layout import SlideLayout
from chc_gating.simulate.slide_pixels import FloatImage, Tile, draw_background, draw_signal, expose
from chc_gating.storage.atomic import replacing
from chc_gating.storage.records import write_record

TRUE_TILES_FOLDER = "true-tiles"
_PLACE_SEED, _NOISE_SEED = 31, 32
_STAGE_ORIGIN_UM = (1250.0, 830.0)
"""Where the stage says that the slide's corner is: a scan begins anywhere."""
_CENTRE = (-0.12, 0.08)
_CENTRE_STEP = 0.05
"""Where the lamp is brightest, y and x, from -1 to 1 over the field, and its step by channel."""


class TrueTiles(Record):
    """What raw tiles were made from: true-tiles/NAME/tiles.json.

    places_px : for each cycle the (y, x) of every tile on the slide, in the order of its file.
    stage_um : for each cycle the (y, x) that the file says of every tile.
    """

    schema_: str = Field(default="chc_gating/true-tiles/1", alias="schema")
    places_px: tuple[tuple[tuple[int, int], ...], ...]
    stage_um: tuple[tuple[tuple[float, float], ...], ...]
    dark_level: float
    vignetting: float
    tile_px: int


def field_gain(scan: RawScan, channel: int) -> FloatImage:
    """Return (y, x) the camera's true gain in a channel, 1 where the field is brightest.

    It falls with the square, and a little with the fourth power, of the distance from a centre.
    """
    line = (np.arange(scan.tile_px) + 0.5) / scan.tile_px * 2 - 1
    y = line[:, None] - (_CENTRE[0] + channel * _CENTRE_STEP)
    x = line[None, :] - (_CENTRE[1] - channel * _CENTRE_STEP)
    square = (y**2 + x**2) / 2
    return np.asarray(1 - scan.vignetting * (0.85 * square + 0.15 * square**2))


def write_raw_tiles(folder: Path, layout: SlideLayout, scan: RawScan, *, truth: Path) -> None:
    """Write ``cycleN.ome.tif`` for each cycle into a folder, and the truth into another."""
    folder.mkdir(parents=True, exist_ok=True)
    cycles = [_place_tiles(layout, scan, number) for number in range(len(scan.cycles))]
    for number, (channels, tiles) in enumerate(zip(scan.cycles, cycles, strict=True)):
        with replacing(folder / f"cycle{number + 1}.ome.tif") as path:
            _write_cycle(path, layout, scan, number=number, channels=channels, tiles=tiles)
    write_record(
        truth / "tiles.json",
        TrueTiles(
            places_px=tuple(tuple((t.y, t.x) for t in tiles) for tiles in cycles),
            stage_um=tuple(tuple((t.stage_y_um, t.stage_x_um) for t in tiles) for tiles in cycles),
            dark_level=scan.dark_level,
            vignetting=scan.vignetting,
            tile_px=scan.tile_px,
        ),
    )


@dataclass(frozen=True)
class _Placed:
    """A tile's true corner on the slide, and where the stage says that it stood."""

    y: int
    x: int
    stage_y_um: float
    stage_x_um: float


def _place_tiles(layout: SlideLayout, scan: RawScan, number: int) -> tuple[_Placed, ...]:
    """Return the tiles of a cycle row by row, every second row backwards, as stages scan.

    Outer tiles of the first cycle end where the slide does, so that all of it is seen.
    """
    size, px = layout.slide.pixel_size_um, scan.tile_px
    rng = np.random.default_rng((*layout.seed, _PLACE_SEED, number))
    ys, xs = (
        _grid(length, px, scan.overlap)
        for length in (layout.slide.height_px, layout.slide.width_px)
    )
    shift = rng.integers(-scan.cycle_shift_px, scan.cycle_shift_px + 1, 2) * (number > 0)
    sign = -1 if scan.flip_y else 1
    placed = []
    for i, y in enumerate(ys):
        for j, x in _row(xs, backwards=i % 2):
            stray = rng.integers(-scan.jitter_px, scan.jitter_px + 1, 2)
            if number == 0:
                stray *= (0 < i < len(ys) - 1, 0 < j < len(xs) - 1)
            placed.append(
                _Placed(
                    y=int(y + stray[0] + shift[0]),
                    x=int(x + stray[1] + shift[1]),
                    stage_y_um=_STAGE_ORIGIN_UM[0] + sign * y * size,
                    stage_x_um=_STAGE_ORIGIN_UM[1] + x * size,
                )
            )
    return tuple(placed)


def _row(xs: list[int], *, backwards: int) -> list[tuple[int, int]]:
    row = list(enumerate(xs))
    return row[::-1] if backwards else row


def _grid(length: int, tile_px: int, overlap: float) -> list[int]:
    """Return where tiles begin along an axis so that they overlap and the last one ends it."""
    count = max(math.ceil((length - tile_px * overlap) / (tile_px * (1 - overlap))), 1)
    last = max(length - tile_px, 0)
    return [round(i * last / max(count - 1, 1)) for i in range(count)]


def _write_cycle(
    path: Path,
    layout: SlideLayout,
    scan: RawScan,
    *,
    number: int,
    channels: tuple[str, ...],
    tiles: tuple[_Placed, ...],
) -> None:
    """Write the tiles of a cycle as the images of one OME-TIFF, each with its stage position."""
    import tifffile

    name = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, repr((layout.seed, number)))}"
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        for k, tile in enumerate(tiles):
            file.write(
                np.stack(list(_expose_tile(layout, scan, tile, k, number=number))),
                photometric="minisblack",
                metadata={**_describe_tile(layout, channels, tile), "UUID": name},
            )


def _describe_tile(
    layout: SlideLayout, channels: tuple[str, ...], tile: _Placed
) -> Mapping[str, object]:
    size = layout.slide.pixel_size_um
    planes = len(channels)
    return {
        "axes": "CYX",
        "Channel": {"Name": list(channels)},
        "PhysicalSizeX": size,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": size,
        "PhysicalSizeYUnit": "µm",
        "Plane": {
            "PositionX": [tile.stage_x_um] * planes,
            "PositionXUnit": ["µm"] * planes,
            "PositionY": [tile.stage_y_um] * planes,
            "PositionYUnit": ["µm"] * planes,
        },
    }


def _expose_tile(
    layout: SlideLayout, scan: RawScan, tile: _Placed, index: int, *, number: int
) -> Iterator[NDArray[np.uint16]]:
    """Yield the channels of a tile: light through the camera's field, then its noise."""
    box = Tile(tile.y, tile.x, scan.tile_px, scan.tile_px)
    signal = draw_signal(layout, box)
    for name in scan.cycles[number]:
        channel = CHANNEL_NAMES.index(name)
        rng = np.random.default_rng((*layout.seed, _NOISE_SEED, number, channel, index))
        light = signal[channel] + draw_background(layout, box, channel)
        yield expose(field_gain(scan, channel) * light, rng, dark_level=scan.dark_level)
