"""Raw tiles of a slide, cycle by cycle, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.slide import open_slide
from chc_gating.imaging.tile_checks import check_cycle, check_places, require_alike
from chc_gating.imaging.tile_source import RawTile, find_tiles


@dataclass(frozen=True)
class Cycle:
    """The tiles of one staining cycle and the names of its channels, unique over all cycles."""

    number: int
    tiles: tuple[RawTile, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class TileSet:
    """All raw tiles of a slide: of one size, one pixel type and one pixel size.

    shape : (y, x) pixels of a tile. maximum : the grey level at which a pixel is saturated.
    """

    source: Path
    cycles: tuple[Cycle, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    maximum: int
    pixel_size_um: float
    repairs: tuple[str, ...] = ()
    is_grid: bool = False

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of all cycles, in order."""
        return tuple(name for cycle in self.cycles for name in cycle.channels)

    def stage_px(self, cycle: Cycle) -> NDArray[np.float64]:
        """Return (n, 2) stage positions (y, x) of a cycle's tiles in pixels."""
        places = [(tile.stage_y_um, tile.stage_x_um) for tile in cycle.tiles]
        return np.array(places, dtype=np.float64).reshape(-1, 2) / self.pixel_size_um


def open_tiles(
    source: Path,
    *,
    pixel_size_um: float | None = None,
    channel_names: Sequence[str] | None = None,
) -> TileSet:
    """Return the raw tiles of a folder, a tile table or an OME-TIFF of several images.

    Every tile is opened once and held against the first.

    Parameters
    ----------
    pixel_size_um : float, optional
        From the sheet; it is taken before what the files say.
    channel_names : sequence of str, optional
        From the panel: the channels of all cycles, first cycle first; taken where the files do
        not name theirs.

    Raises
    ------
    RawFileError
        As `find_tiles` and `open_slide`; tiles differ in size, type, pixel size or channels; two
        tiles of a cycle lie at one place; no tiles overlap, or they overlap by more than 3/4.
    """
    tiles, notes = find_tiles(source)
    numbers = sorted({tile.cycle for tile in tiles})
    groups = [tuple(tile for tile in tiles if tile.cycle == number) for number in numbers]
    counts = [_count_channels(group[0], pixel_size_um) for group in groups]
    given = _share_names(channel_names, counts, source=source)
    facts = [
        check_cycle(group, pixel_size_um=pixel_size_um, names=names)
        for group, names in zip(groups, given, strict=True)
    ]
    first = facts[0]
    for fact, group in zip(facts, groups, strict=True):
        require_alike(fact, first, tile=group[0])
    names = _unique_names([fact.channels for fact in facts], numbers)
    found = TileSet(
        source=Path(source),
        cycles=tuple(
            Cycle(number, group, channels)
            for number, group, channels in zip(numbers, groups, names, strict=True)
        ),
        shape=first.shape,
        dtype=first.dtype,
        maximum=min(fact.maximum for fact in facts),
        pixel_size_um=first.pixel_size_um,
        repairs=tuple(dict.fromkeys([*notes, *(text for fact in facts for text in fact.repairs)])),
    )
    for cycle in found.cycles:
        check_places(
            found.stage_px(cycle),
            found.shape,
            tiles=cycle.tiles,
            where=f"{found.source}: cycle {cycle.number}",
        )
    return found


def name_channels(source: Path) -> tuple[str, ...]:
    """Return the channels of all cycles of raw tiles that may lack a pixel size.

    Only the first tile of each cycle is opened. Raises as `open_tiles`.
    """
    tiles, _ = find_tiles(source)
    first: dict[int, RawTile] = {}
    for tile in tiles:
        first.setdefault(tile.cycle, tile)
    names = []
    for tile in first.values():
        with open_slide(tile.file, image=tile.image, pixel_size_um=1.0) as slide:
            names.append(slide.channels)
    return tuple(name for found in _unique_names(names, list(first)) for name in found)


def grid_tiles(
    slide: Path,
    tile_shape: tuple[int, int],
    *,
    image: int = 0,
    pixel_size_um: float | None = None,
    channel_names: Sequence[str] | None = None,
) -> TileSet:
    """Return the camera's tiles of a slide that is an unstitched grid of them, without overlap.

    Raises RawFileError where the slide's sides are no multiples of the tile's.
    """
    with open_slide(
        slide, image=image, pixel_size_um=pixel_size_um, channel_names=channel_names
    ) as opened:
        height, width = tile_shape
        if opened.shape[0] % height or opened.shape[1] % width:
            raise RawFileError(
                f"{slide}: its {opened.shape[1]} x {opened.shape[0]} px are no whole number of "
                f"camera tiles of {width} x {height} px; correct camera_tile_px, or leave it blank"
            )
        size = opened.pixel_size_um
        tiles = tuple(
            RawTile(Path(slide), image, 1, y * size, x * size, y0=y, x0=x)
            for y in range(0, opened.shape[0], height)
            for x in range(0, opened.shape[1], width)
        )
        return TileSet(
            source=Path(slide),
            cycles=(Cycle(1, tiles, opened.channels),),
            shape=tile_shape,
            dtype=opened.dtype,
            maximum=opened.maximum,
            pixel_size_um=size,
            repairs=opened.repairs,
            is_grid=True,
        )


def _count_channels(tile: RawTile, pixel_size_um: float | None) -> int:
    with open_slide(tile.file, image=tile.image, pixel_size_um=pixel_size_um) as slide:
        return len(slide.channels)


def _share_names(
    names: Sequence[str] | None, counts: Sequence[int], *, source: Path
) -> list[tuple[str, ...] | None]:
    """Return the panel's channel names of each cycle, None where the panel gives none."""
    if names is None:
        return [None] * len(counts)
    if len(names) != sum(counts):
        parts = " + ".join(map(str, counts))
        raise RawFileError(
            f"{source}: its cycles have {parts} channels, the panel's channel_names name "
            f"{len(names)}: {', '.join(names)}; name every channel of every cycle once, in order"
        )
    ends = np.cumsum(counts).tolist()
    return [tuple(names[end - count : end]) for end, count in zip(ends, counts, strict=True)]


def _unique_names(
    names: Sequence[tuple[str, ...]], numbers: Sequence[int]
) -> list[tuple[str, ...]]:
    """Return the channels' names; one that an earlier cycle has gets its cycle's number.

    Channels that no cycle names are numbered through.
    """
    unnamed = [tuple(f"channel {i + 1}" for i in range(len(found))) for found in names]
    taken: set[str] = set()
    result = []
    for found, plain, number in zip(names, unnamed, numbers, strict=True):
        chosen = [
            f"channel {len(taken) + i + 1}"
            if found == plain
            else name
            if name not in taken
            else f"{name} cycle {number}"
            for i, name in enumerate(found)
        ]
        taken.update(chosen)
        result.append(tuple(chosen))
    return result
