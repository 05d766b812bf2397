"""The true outlines as a label image, in the format of `chc segment`, so that `chc measure` can
count on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.records import Segmentation
from chc_gating.model.acquisition import SlideFacts
from chc_gating.simulate.slide import slide_tiles
from chc_gating.simulate.slide_cells import CHANNEL_NAMES
from chc_gating.simulate.slide_layout import SlideLayout
from chc_gating.simulate.slide_pixels import draw_outlines
from chc_gating.storage.atomic import replacing
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import write_record

_TILE_PX = 1024


def write_outlines(folder: Path, layout: SlideLayout, *, slide: Path, nuclei: int) -> None:
    """Write labels.tif and segmentation.json, as if the nuclei had been found.

    Pixels hold 1 + the index of the seed pixel of their nucleus, 0 in the background.

    slide : the image that the outlines belong to. nuclei : how many there are.
    """
    _write_labels(folder / "labels.tif", layout)
    file = layout.slide
    height, width, size_um = file.height_px, file.width_px, file.pixel_size_um
    record = Segmentation(
        software_version=software_version(),
        inputs=(describe_input("raw", slide),),
        parameters={"method": "true outlines of a simulated slide"},
        status="counted",
        channels=CHANNEL_NAMES,
        slide=SlideFacts(
            width_px=width,
            height_px=height,
            pixel_size_um=size_um,
            nuclei=nuclei,
            area_mm2=height * width * size_um**2 / 1e6,
        ),
    )
    write_record(folder / "segmentation.json", record)


def _write_labels(path: Path, layout: SlideLayout) -> None:
    import tifffile

    slide = layout.slide
    dtype = np.uint32 if slide.height_px * slide.width_px < 2**32 else np.uint64
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            _label_tiles(layout, dtype),
            shape=(slide.height_px, slide.width_px),
            dtype=dtype,
            tile=(_TILE_PX, _TILE_PX),
            compression="zlib",
            photometric="minisblack",
            bigtiff=True,
            metadata=None,
            software=False,
        )


def _label_tiles(
    layout: SlideLayout, dtype: type[np.uint32 | np.uint64]
) -> Iterator[NDArray[np.uint32 | np.uint64]]:
    for tile in slide_tiles(layout, _TILE_PX):
        yield draw_outlines(layout, tile).astype(dtype)
