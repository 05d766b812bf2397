"""Whether raw tiles belong together: of one camera, one cycle, and at places that can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.slide import open_slide
from chc_gating.imaging.tile_source import RawTile

_SAME_PLACE_SHARE = 0.05
"""Two tiles of a cycle nearer than this share of a side are one place, imaged twice."""
_LARGEST_OVERLAP = 0.75
SMALLEST_OVERLAP_PX = 8


@dataclass(frozen=True)
class TileFacts:
    """What the tiles of a slide, or of a cycle of it (channels, repairs), have in common."""

    channels: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    maximum: int
    pixel_size_um: float
    repairs: tuple[str, ...]


def check_cycle(
    tiles: Sequence[RawTile], *, pixel_size_um: float | None, names: Sequence[str] | None
) -> TileFacts:
    """Return what the tiles of a cycle share, each opened once; refuse a tile that differs."""
    first: TileFacts | None = None
    for tile in tiles:
        with open_slide(
            tile.file, image=tile.image, pixel_size_um=pixel_size_um, channel_names=names
        ) as slide:
            facts = TileFacts(
                slide.channels,
                slide.shape,
                slide.dtype,
                slide.maximum,
                slide.pixel_size_um,
                slide.repairs,
            )
        first = facts if first is None else first
        require_alike(facts, first, tile=tile)
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


def _pixel_repairs(facts: TileFacts) -> tuple[str, ...]:
    """Return what the reader said of the pixels themselves."""
    return tuple(text for text in facts.repairs if text.startswith("pixels: "))


def require_alike(facts: TileFacts, first: TileFacts, *, tile: RawTile) -> None:
    """Refuse a tile of another size, pixel type or pixel size than the first."""
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


def check_places(
    places: NDArray[np.float64],
    tile_shape: tuple[int, int],
    *,
    tiles: Sequence[RawTile],
    where: str,
) -> None:
    """Refuse tiles at one place, and places that cannot be in um: no overlap, or nearly all.

    places : (n, 2) stage positions in pixels. where : what a message names, source and cycle.
    """
    shape = np.array(tile_shape)
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
    if nearest.min() < _SAME_PLACE_SHARE:
        tile = tiles[int(nearest.argmin())]
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
