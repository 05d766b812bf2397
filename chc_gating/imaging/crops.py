"""Crops of candidates in all channels: crops.tif with crops.json beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from pydantic import Field

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.slide import Slide
from chc_gating.model.record import Record
from chc_gating.storage.atomic import replacing
from chc_gating.storage.records import write_record

CROP_UM = 40.0
"""Side of a crop: a large cell and its neighbours."""


class CropStack(Record):
    """crops.json: what crops.tif holds.

    crops.tif is (candidate, channel, y, x) uint16, the grey levels as stored; a candidate's
    centroid lies in pixel (``size_px`` // 2, ``size_px`` // 2). ``valid`` holds for each
    candidate the box [y0, y1, x0, x1) of the crop that lies on the slide; beyond it pixels are 0.
    Without candidates crops.tif holds one page of zeros, and ``candidates`` is empty.
    """

    schema_: str = Field(default="chc_gating/crops/1", alias="schema")
    channels: tuple[str, ...]
    pixel_size_um: float | None
    size_px: int
    maximum: int | None
    candidates: tuple[int, ...]
    valid: tuple[tuple[int, int, int, int], ...]


def write_crops(
    slide: Slide,
    centroids_px: NDArray[np.float64],
    *,
    candidate_ids: Sequence[int],
    output: Path,
    crop_um: float = CROP_UM,
) -> None:
    """Write crops.tif and crops.json of a slide's candidates.

    Parameters
    ----------
    slide : Slide
    centroids_px : (k, 2) float64
        y and x on the slide.
    candidate_ids : k whole numbers
        Ids that crops.json names, in the order of the crops.
    output : Path
        The folder.
    crop_um : float
        Side of a crop; an even number of pixels is taken.
    """
    size = max(2 * round(crop_um / slide.pixel_size_um / 2), 8)
    corners = np.floor(centroids_px + 0.5).astype(np.int64).reshape(-1, 2) - size // 2
    boxes = [Box(int(y), int(y) + size, int(x), int(x) + size) for y, x in corners]
    _write_stack(
        output / "crops.tif", _read_crops(slide, boxes), count=len(boxes), slide=slide, size=size
    )
    valid = [box.clip(slide.shape).within(box) for box in boxes]
    write_record(
        output / "crops.json",
        CropStack(
            channels=slide.channels,
            pixel_size_um=slide.pixel_size_um,
            size_px=size,
            maximum=slide.maximum,
            candidates=tuple(int(i) for i in candidate_ids),
            valid=tuple((box.y0, box.y1, box.x0, box.x1) for box in valid),
        ),
    )


def write_no_crops(output: Path) -> None:
    """Write crops.tif and crops.json of a slide that could not be measured."""
    with replacing(output / "crops.tif") as temporary:
        tifffile.imwrite(temporary, np.zeros((1, 1), np.uint16), software=False, metadata=None)
    write_record(
        output / "crops.json",
        CropStack(
            channels=(), pixel_size_um=None, size_px=1, maximum=None, candidates=(), valid=()
        ),
    )


def _read_crops(slide: Slide, boxes: Sequence[Box]) -> Iterator[NDArray[np.uint16]]:
    """Yield the crops page by page: all channels of a candidate, then the next."""
    for box in boxes:
        inside = box.clip(slide.shape)
        for channel in range(len(slide.channels)):
            page = np.zeros((box.height, box.width), np.uint16)
            page[inside.within(box).slices] = slide.read_box(channel, inside)
            yield page


def _write_stack(
    path: Path, pages: Iterator[NDArray[np.uint16]], *, count: int, slide: Slide, size: int
) -> None:
    """Write the pages as one stack; a TIFF cannot be empty, so no crop is one page of zeros."""
    shape = (count, len(slide.channels), size, size) if count else (1, 1, size, size)
    per_cm = 1e4 / slide.pixel_size_um
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            pages if count else iter([np.zeros((size, size), np.uint16)]),
            shape=shape,
            dtype=np.uint16,
            photometric="minisblack",
            compression="zlib",
            software=False,
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
            metadata={"axes": "QCYX"} if count else None,
        )
