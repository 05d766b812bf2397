"""Raw tiles of a slide, cycle by cycle: checked, and read one at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.closing import Closing
from chc_gating.imaging.slide import Slide, open_slide
from chc_gating.imaging.tile_source import RawTile, find_tiles

_HELD_BYTES = 256 << 20
_MOST_OPEN = 128
"""Files kept open for the next tile: far below what a process may open."""
_SAME_PLACE_SHARE = 0.05
"""Two tiles of a cycle nearer than this share of a side are one place, imaged twice."""
_LARGEST_OVERLAP = 0.75
SMALLEST_OVERLAP_PX = 8


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
        _check_cycle(group, pixel_size_um=pixel_size_um, names=names)
        for group, names in zip(groups, given, strict=True)
    ]
    first = facts[0]
    for fact, group in zip(facts, groups, strict=True):
        _require_alike(fact, first, tile=group[0])
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
        _check_places(found, cycle)
    return found


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


class TileReader(Closing):
    """Reads pixels of tiles; the files of the tiles last read stay open."""

    def __init__(self, tiles: TileSet) -> None:
        self._tiles = tiles
        self._held: OrderedDict[tuple[Path, int], Slide] = OrderedDict()
        height, width = tiles.shape
        most = max(len(cycle.channels) for cycle in tiles.cycles)
        one = max(height * width * tiles.dtype.itemsize * most, 1)
        self._limit = min(max(_HELD_BYTES // one, 4), _MOST_OPEN)

    def read(self, tile: RawTile, channel_index: int, box: Box | None = None) -> NDArray[Any]:
        """Return a channel of a tile, or a box of it, as stored.

        Raises RawFileError where the file has changed or cannot be decoded.
        """
        height, width = self._tiles.shape
        inner = box or Box(0, height, 0, width)
        whole = Box(tile.y0 + inner.y0, tile.y0 + inner.y1, tile.x0 + inner.x0, tile.x0 + inner.x1)
        return self._open(tile).read_box(channel_index, whole)

    def _open(self, tile: RawTile) -> Slide:
        key = (tile.file, tile.image)
        slide = self._held.get(key)
        if slide is None:
            slide = open_slide(tile.file, image=tile.image, pixel_size_um=self._tiles.pixel_size_um)
            self._held[key] = slide
            if len(self._held) > self._limit:
                self._held.popitem(last=False)[1].close()
        self._held.move_to_end(key)
        return slide

    def close(self) -> None:
        """Close the files that are open."""
        for slide in self._held.values():
            slide.close()
        self._held.clear()


@dataclass(frozen=True)
class _Facts:
    channels: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    maximum: int
    pixel_size_um: float
    repairs: tuple[str, ...]


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


def _check_cycle(
    tiles: Sequence[RawTile], *, pixel_size_um: float | None, names: Sequence[str] | None
) -> _Facts:
    """Return what the tiles of a cycle share; refuse a tile that differs."""
    first: _Facts | None = None
    for tile in tiles:
        with open_slide(
            tile.file, image=tile.image, pixel_size_um=pixel_size_um, channel_names=names
        ) as slide:
            facts = _Facts(
                slide.channels,
                slide.shape,
                slide.dtype,
                slide.maximum,
                slide.pixel_size_um,
                slide.repairs,
            )
        first = facts if first is None else first
        _require_alike(facts, first, tile=tile)
        if _pixel_repairs(facts) != _pixel_repairs(first):
            raise RawFileError(
                f"{tile.file}: image {tile.image} has floating-point pixels on another scale than "
                "the first tile of its cycle; export all tiles as whole grey levels"
            )
        if facts.channels != first.channels:
            raise RawFileError(
                f"{tile.file}: image {tile.image} has other channels than the first tile of its "
                "cycle; export all tiles with the same channels"
            )
    if first is None:
        raise ValueError("a cycle without tiles")
    return first


def _pixel_repairs(facts: _Facts) -> tuple[str, ...]:
    """Return what the reader said of the pixels themselves."""
    return tuple(text for text in facts.repairs if text.startswith("pixels: "))


def _require_alike(facts: _Facts, first: _Facts, *, tile: RawTile) -> None:
    for what, one, other in (
        ("size", facts.shape, first.shape),
        ("pixel type", facts.dtype, first.dtype),
    ):
        if one != other:
            raise RawFileError(
                f"{tile.file}: image {tile.image} has another {what} than the first tile ({one} "
                f"and {other}); give tiles of one camera and one binning"
            )
    if abs(facts.pixel_size_um / first.pixel_size_um - 1) > 0.01:
        raise RawFileError(
            f"{tile.file}: image {tile.image} has another pixel size than the first tile; fill "
            "pixel_size_um in the acquisitions sheet if its metadata are wrong"
        )


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


def _check_places(tiles: TileSet, cycle: Cycle) -> None:
    """Refuse tiles at one place, and places that cannot be in um: no overlap, or nearly all."""
    places, shape = tiles.stage_px(cycle), np.array(tiles.shape)
    if len(places) < 2:
        return
    nearest = np.full(len(places), np.inf)
    largest = np.zeros(len(places))
    for i, place in enumerate(places):
        apart = np.abs(np.delete(places, i, axis=0) - place)
        common = np.maximum(shape - apart, 0)
        nearest[i] = np.max(apart / shape, axis=1).min()
        seams = common.min(axis=1) >= SMALLEST_OVERLAP_PX
        largest[i] = np.max(common.prod(axis=1) * seams) / shape.prod()
    where = f"{tiles.source}: cycle {cycle.number}"
    if nearest.min() < _SAME_PLACE_SHARE:
        tile = cycle.tiles[int(nearest.argmin())]
        raise RawFileError(
            f"{where}: two tiles have the same stage position, one of them is image {tile.image} "
            f"of {tile.file.name}; take one out, or tell cycles apart by the file names (cycle1, "
            "cycle2) or the column cycle of tiles.tsv"
        )
    if largest.max() == 0:
        raise RawFileError(
            f"{where}: no two tiles overlap at their stage positions; check the unit of the "
            "positions and the pixel size (a stitched slide is given as one file)"
        )
    if np.median(largest) > _LARGEST_OVERLAP:
        raise RawFileError(
            f"{where}: tiles overlap by more than three quarters; check the unit of the stage "
            "positions and the pixel size"
        )
