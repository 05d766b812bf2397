"""The outlines of cells in crops: which pixels are the cell's nucleus, its ring, other nuclei."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box, map_in_order
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.rings import grow_cells

OUTSIDE, NUCLEUS, RING, OTHER_NUCLEUS = 0, 1, 2, 3
"""Values of outlines.tif."""


def outline_cells(
    labels: Labels,
    boxes: Sequence[Box],
    *,
    cell_ids: Sequence[int],
    ring_px: float,
    threads: int = 1,
) -> Iterator[NDArray[np.uint8]]:
    """Yield (y, x) uint8 per crop: what each pixel is to the crop's cell.

    boxes : the crops, which may reach beyond the slide. cell_ids : the cell of each.
    """

    def outline(work: tuple[Box, int]) -> NDArray[np.uint8]:
        return _outline_cell(labels, *work, ring_px=ring_px)

    return map_in_order(outline, zip(boxes, cell_ids, strict=True), threads=threads)


def _outline_cell(labels: Labels, box: Box, cell: int, *, ring_px: float) -> NDArray[np.uint8]:
    margin = math.floor(ring_px) + 1
    page = np.zeros((box.height, box.width), np.uint8)
    inside = box.clip(labels.shape)
    outer = inside.grow(margin, labels.shape)
    found = labels.read(outer)
    ids, places = np.unique(found, return_inverse=True)
    first = int(ids.size > 0 and ids[0] == 0)
    nuclei = (places.reshape(found.shape) + 1 - first).astype(np.int32)
    grown = grow_cells(nuclei, ring_px)
    own = int(np.searchsorted(ids, cell + 1)) + 1 - first
    marks = np.zeros(found.shape, np.uint8)
    marks[nuclei > 0] = OTHER_NUCLEUS
    marks[(grown == own) & (nuclei == 0)] = RING
    marks[nuclei == own] = NUCLEUS
    page[inside.within(box).slices] = marks[inside.within(outer).slices]
    return page
