"""Pixels of raw tiles, one tile at a time."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.closing import Closing
from chc_gating.imaging.raw_tiles import TileSet
from chc_gating.imaging.slide import Slide, open_slide
from chc_gating.imaging.tile_source import RawTile

_HELD_BYTES = 256 << 20
_MOST_OPEN = 128
"""Files kept open for the next tile: far below what a process may open."""


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
