"""Crops of candidates and controls in all channels: crops.tif with crops.json beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile
from numpy.typing import NDArray
from pydantic import Field

from chc_gating.imaging.blocks import Box, map_in_order
from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.crop_outlines import outline_cells
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.overview import draw_overview
from chc_gating.imaging.slide import Slide
from chc_gating.model.record import Record
from chc_gating.storage.atomic import replacing
from chc_gating.storage.records import write_record

CROP_UM = 40.0
"""Side of a crop: a large cell and its neighbours."""
MAX_CROPS = 5_000
"""Rare cells are fewer; where a cut is set wrongly, crops must not fill the disk."""
OUTLINES, OVERVIEW = "outlines.tif", "overview.tif"


@dataclass(frozen=True)
class CropSource:
    """What crops are cut from, beside the slide: labels for outlines, the DNA for an overview.

    labels : None where there are none. cells : the slide's cells. dna : the index of the
    channel. ring_px : the ring's width.
    """

    labels: Labels | None
    cells: CellGroups
    dna: int
    ring_px: float


@dataclass(frozen=True)
class CroppedCells:
    """k cells to crop: candidates first, then controls with their phenotypes.

    ids : (k,) int64 cell ids. centroids_px : (k, 2) y and x.
    """

    ids: NDArray[np.int64]
    centroids_px: NDArray[np.float64]
    candidates: int
    control_phenotypes: tuple[str, ...] = ()


class CropStack(Record):
    """crops.json: what crops.tif, outlines.tif and overview.tif hold.

    crops.tif is (cell, channel, y, x) uint16, the grey levels as stored: the crops of
    ``candidates``, then those of ``controls``, by cell id; a cell's centroid lies in pixel
    (``size_px`` // 2, ``size_px`` // 2). ``valid`` holds for each the box [y0, y1, x0, x1) of the
    crop that lies on the slide; beyond it pixels are 0. Without cells crops.tif holds one page of
    zeros. Of more than MAX_CROPS candidates so many are taken, evenly spaced along the slide.

    outlines.tif is (cell, y, x) uint8: 1 the cell's nucleus, 2 its ring, 3 other nuclei; zeros
    where ``has_outlines`` is false, since no labels were given. overview.tif is (y, x) uint16: the
    mean DNA in squares of ``overview_px`` pixels of the slide, of all its pixels, or of its nuclei
    alone less the background (``overview_of``).
    """

    schema_: str = Field(default="chc_gating/crops/1", alias="schema")
    channels: tuple[str, ...]
    pixel_size_um: float | None
    size_px: int
    maximum: int | None
    candidates: tuple[int, ...]
    controls: tuple[int, ...] = ()
    control_phenotypes: tuple[str, ...] = ()
    has_outlines: bool = False
    overview_px: float | None = None
    overview_of: Literal["pixels", "nuclei"] = "pixels"
    valid: tuple[tuple[int, int, int, int], ...]


def write_crops(
    slide: Slide,
    cells: CroppedCells,
    *,
    source: CropSource,
    output: Path,
    crop_um: float = CROP_UM,
    threads: int = 1,
) -> None:
    """Write crops.tif, outlines.tif, overview.tif and crops.json into a folder.

    ``crop_um`` is the side of a crop; an even number of pixels is taken. Pixels are read on
    ``threads``, which change nothing.
    """
    size = max(2 * round(crop_um / slide.pixel_size_um / 2), 8)
    corners = np.floor(cells.centroids_px + 0.5).astype(np.int64).reshape(-1, 2) - size // 2
    boxes = [Box(int(y), int(y) + size, int(x), int(x) + size) for y, x in corners]
    ids = cells.ids.tolist()
    pages = _read_crops(slide, boxes, threads=threads)
    _write_stack(output / "crops.tif", pages, count=len(boxes), slide=slide, size=size)
    outlines: Iterator[NDArray[np.uint8]] = iter([np.zeros((size, size), np.uint8)] * len(boxes))
    if source.labels is not None:
        outlines = outline_cells(
            source.labels, boxes, cell_ids=ids, ring_px=source.ring_px, threads=threads
        )
    _write_outlines(output / OUTLINES, outlines, count=len(boxes), size=size)
    overview = draw_overview(slide, source.dna, cells=source.cells)
    _write_page(output / OVERVIEW, overview.levels)
    valid = [box.clip(slide.shape).within(box) for box in boxes]
    write_record(
        output / "crops.json",
        CropStack(
            channels=slide.channels,
            pixel_size_um=slide.pixel_size_um,
            size_px=size,
            maximum=slide.maximum,
            candidates=tuple(ids[: cells.candidates]),
            controls=tuple(ids[cells.candidates :]),
            control_phenotypes=cells.control_phenotypes,
            has_outlines=source.labels is not None,
            overview_px=overview.side_px,
            overview_of=overview.of,
            valid=tuple((box.y0, box.y1, box.x0, box.x1) for box in valid),
        ),
    )


def write_no_crops(output: Path) -> None:
    """Write the same files of a slide that could not be measured."""
    _write_page(output / "crops.tif", np.zeros((1, 1), np.uint16))
    _write_page(output / OUTLINES, np.zeros((1, 1), np.uint8))
    _write_page(output / OVERVIEW, np.zeros((1, 1), np.uint16))
    write_record(
        output / "crops.json",
        CropStack(
            channels=(), pixel_size_um=None, size_px=1, maximum=None, candidates=(), valid=()
        ),
    )


def _write_page(path: Path, page: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    with replacing(path) as temporary:
        tifffile.imwrite(temporary, page, software=False, metadata=None)


def _write_outlines(
    path: Path, pages: Iterator[NDArray[np.uint8]], *, count: int, size: int
) -> None:
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            pages if count else iter([np.zeros((size, size), np.uint8)]),
            shape=(max(count, 1), size, size),
            dtype=np.uint8,
            photometric="minisblack",
            compression="zlib",
            software=False,
            metadata={"axes": "QYX"} if count else None,
        )


def _read_crops(
    slide: Slide, boxes: Sequence[Box], *, threads: int
) -> Iterator[NDArray[np.uint16]]:
    """Yield the crops page by page: all channels of a candidate, then the next."""

    def read(box: Box) -> NDArray[np.uint16]:
        inside = box.clip(slide.shape)
        crop = np.zeros((len(slide.channels), box.height, box.width), np.uint16)
        for channel, page in enumerate(crop):
            page[inside.within(box).slices] = slide.read_box(channel, inside)
        return crop

    for crop in map_in_order(read, boxes, threads=threads):
        yield from crop


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
            compressionargs={"level": 1},
            software=False,
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
            metadata={"axes": "QCYX"} if count else None,
        )
