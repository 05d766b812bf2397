"""Where the cells of a block lie: runs of pixels along rows, and which cells touch.

Axes: (y, x) pixels, k cells; compartment 0 is the nucleus, 1 the ring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel, part

Counts = NDArray[np.int64]
IndexImage = NDArray[np.int32]

RUN_Y, RUN_X, RUN_LENGTH = 0, 1, 2

BELOW, BESIDE = 1, 2
"""Bits of where a cell has pixels outside of the core."""


@kernel
def collect_runs(nuclei: IndexImage, cells: IndexImage, k: int, core):  # type: ignore[no-untyped-def]
    """Return the runs of the core's pixels, sorted by cell and compartment, then as in a page.

    nuclei, cells : (y, x), 0 background, else 1 + index of the cell
    core : (y0, y1, x0, x1) within the arrays

    Returns starts (2k + 1,) int64, runs (r, 3) int32: the runs of cell i's nucleus are those from
    starts[2i] to starts[2i + 1], of its ring those from there to starts[2i + 2].
    """
    y0, y1, x0, x1 = core
    starts = np.zeros(2 * k + 1, np.int64)
    for y in range(y0, y1):
        last = np.int32(-1)
        for x in range(x0, x1):
            key = _find_key(nuclei[y, x], cells[y, x])
            if key != last:
                last = key
                if key >= 0:
                    starts[key + 1] += 1
    for key in range(2 * k):
        starts[key + 1] += starts[key]
    runs = np.empty((starts[2 * k], 3), np.int32)
    ends = starts[:-1].copy()
    for y in range(y0, y1):
        last = np.int32(-1)
        first = x0
        for x in range(x0, x1):
            key = _find_key(nuclei[y, x], cells[y, x])
            if key != last:
                _end_run(runs, ends, last, y, first, x)
                last = key
                first = x
        _end_run(runs, ends, last, y, first, x1)
    return starts, runs


@part
def _find_key(nucleus: int, cell: int) -> int:
    """Return twice a cell's index, 1 more in its ring; below 0 in the background."""
    return 2 * cell - 2 if nucleus == cell else 2 * cell - 1


@part
def _end_run(runs, ends, key, y, first, end):  # type: ignore[no-untyped-def]
    if key >= 0:
        run = runs[ends[key]]
        run[RUN_Y] = y
        run[RUN_X] = first
        run[RUN_LENGTH] = end - first
        ends[key] += 1


@kernel
def find_contacts(nuclei: IndexImage, cells: IndexImage, core) -> Counts:  # type: ignore[no-untyped-def]
    """Return (r, 3): index of a cell in the core, of one that touches it, 1 where nuclei touch.

    Pixels touch that share a side. Each pair stands there at least once and may stand there
    often. Each pixel of the core is looked at with all its neighbours, also those around the core.
    """
    y0, y1, x0, x1 = core
    height, width = cells.shape
    found = np.empty((256, 3), np.int64)
    count = 0
    for y in range(max(y0 - 1, 0), y1):
        for x in range(max(x0 - 1, 0), x1):
            cell = cells[y, x]
            if cell == 0:
                continue
            for ny, nx in ((y + 1, x), (y, x + 1)):
                if ny >= height or nx >= width:
                    continue
                other = cells[ny, nx]
                if other == 0 or other == cell:
                    continue
                by_nucleus = nuclei[y, x] == cell and nuclei[ny, nx] == other
                if count + 2 > found.shape[0]:
                    found = _double(found)
                if y >= y0 and x >= x0:
                    count = _add_contact(found, count, cell - 1, other - 1, by_nucleus)
                if y0 <= ny < y1 and x0 <= nx < x1:
                    count = _add_contact(found, count, other - 1, cell - 1, by_nucleus)
    return found[:count]


@part
def _add_contact(found, count, cell, other, by_nucleus):  # type: ignore[no-untyped-def]
    found[count, 0] = cell
    found[count, 1] = other
    found[count, 2] = by_nucleus
    return count + 1


@part
def _double(found: Counts) -> Counts:
    longer = np.empty((2 * found.shape[0], 3), np.int64)
    longer[: found.shape[0]] = found
    return longer


@kernel
def find_outside(cells: IndexImage, k: int, core) -> NDArray[np.uint8]:  # type: ignore[no-untyped-def]
    """Return for each cell (k,) where it has pixels outside of the core: BELOW, BESIDE bits."""
    y0, y1, x0, x1 = core
    height, width = cells.shape
    outside = np.zeros(k + 1, np.uint8)
    for y in range(height):
        mark = np.uint8(BELOW) if y >= y1 else np.uint8(BESIDE)
        inner = y0 <= y < y1
        for x in range(x0 if inner else width):
            outside[cells[y, x]] |= mark
        for x in range(x1 if inner else width, width):
            outside[cells[y, x]] |= mark
    return outside[1:]
