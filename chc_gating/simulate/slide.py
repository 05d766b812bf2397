"""Write a simulated slide as OME-TIFF, and its true outlines, tile by tile."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.simulate.slide_cells import CHANNEL_NAMES
from chc_gating.simulate.slide_layout import SlideLayout
from chc_gating.simulate.slide_pixels import Tile, draw_image


def write_slide(path: Path, layout: SlideLayout) -> None:
    """Write the (4, y, x) uint16 image: tiled, compressed, with names and pixel size."""
    import tifffile

    slide = layout.slide
    tifffile.imwrite(
        path,
        _image_tiles(layout),
        shape=(len(CHANNEL_NAMES), slide.height_px, slide.width_px),
        dtype=np.uint16,
        tile=(slide.tile_px, slide.tile_px),
        compression="zlib",
        compressionargs={"level": 3},
        photometric="minisblack",
        bigtiff=True,
        ome=True,
        metadata={
            "axes": "CYX",
            "Channel": {"Name": list(CHANNEL_NAMES)},
            "PhysicalSizeX": slide.pixel_size_um,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": slide.pixel_size_um,
            "PhysicalSizeYUnit": "µm",
            "UUID": _name_file(layout),
        },
    )


def count_kinds(layout: SlideLayout) -> dict[str, int]:
    """Return the number of cells of every kind on the slide."""
    return dict(sorted(Counter(cell.kind for cell in layout.all_cells()).items()))


def slide_tiles(layout: SlideLayout, size_px: int) -> Iterator[Tile]:
    """Yield the tiles of a slide in raster order; those at the far edges are smaller."""
    height, width = layout.slide.height_px, layout.slide.width_px
    for y0 in range(0, height, size_px):
        for x0 in range(0, width, size_px):
            yield Tile(y0, x0, min(size_px, height - y0), min(size_px, width - x0))


def _image_tiles(layout: SlideLayout) -> Iterator[NDArray[np.uint16]]:
    for channel in range(len(CHANNEL_NAMES)):
        for tile in slide_tiles(layout, layout.slide.tile_px):
            yield draw_image(layout, tile, channel)


def _name_file(layout: SlideLayout) -> str:
    """Return the file's UUID: from the seed, so that the same recipe gives the same bytes."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, repr(layout.seed))}"
