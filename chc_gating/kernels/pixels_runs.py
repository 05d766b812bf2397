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
    # Room for the most there could be; memory that is never written is never taken.
    most = (y1 - y0) * (x1 - x0)
    keys = np.empty(most, np.int32)
    found = np.empty((most, 3), np.int32)
    count = 0
    for y in range(y0, y1):
        x = x0
        while x < x1:
            cell = cells[y, x]
            if cell == 0:
                x += 1
                continue
            nucleus = nuclei[y, x]
            first = x
            x += 1
            while x < x1 and cells[y, x] == cell and nuclei[y, x] == nucleus:
                x += 1
            keys[count] = 2 * cell - 2 if nucleus == cell else 2 * cell - 1
            found[count, RUN_Y], found[count, RUN_X], found[count, RUN_LENGTH] = y, first, x - first
            starts[keys[count] + 1] += 1
            count += 1
    for key in range(2 * k):
        starts[key + 1] += starts[key]
    runs = np.empty((count, 3), np.int32)
    ends = starts[:-1].copy()
    for i in range(count):
        at = ends[keys[i]]
        ends[keys[i]] += 1
        for field in range(3):
            runs[at, field] = found[i, field]
    return starts, runs


@kernel
def find_contacts(nuclei: IndexImage, cells: IndexImage, k: int, core) -> Counts:  # type: ignore[no-untyped-def]
    """Return (p, 3): index of a cell in the core, of one that touches it, 1 where nuclei touch.

    Pixels touch that share a side. Each pixel of the core is looked at with all its neighbours,
    also those around the core. Rows are unique and sorted; a pair whose nuclei touch and whose
    rings touch elsewhere has two.
    """
    y0, y1, x0, x1 = core
    height, width = cells.shape
    # Room for the most there could be; memory that is never written is never taken.
    found = np.empty(4 * (y1 - y0 + 1) * (x1 - x0 + 1), np.int64)
    last = np.full(k, -1, np.int64)
    count = 0
    for y in range(max(y0 - 1, 0), y1):
        for x in range(max(x0 - 1, 0), x1):
            cell = cells[y, x]
            if cell == 0:
                continue
            for down in range(2):
                ny, nx = y + down, x + 1 - down
                if ny == height or nx == width:
                    continue
                other = cells[ny, nx]
                if other == cell or other == 0:
                    continue
                joined = 1 if nuclei[y, x] == cell and nuclei[ny, nx] == other else 0
                if y >= y0 and x >= x0:
                    count = _add_contact(found, count, cell, other, joined, last)
                if y0 <= ny < y1 and x0 <= nx < x1:
                    count = _add_contact(found, count, other, cell, joined, last)
    pairs: Counts = _list_unique(np.sort(found[:count]), k)
    return pairs


@part
def _add_contact(found, count, cell, other, joined, last):  # type: ignore[no-untyped-def]
    """Add a contact as one number, unless it is the one that was added last for this cell."""
    code = ((cell - 1) * last.size + other - 1) * 2 + joined
    if last[cell - 1] == code:
        return count
    last[cell - 1] = code
    found[count] = code
    return count + 1


@part
def _list_unique(codes, k):  # type: ignore[no-untyped-def]
    pairs = np.empty((codes.size, 3), np.int64)
    count = 0
    for i in range(codes.size):
        if i > 0 and codes[i] == codes[i - 1]:
            continue
        pairs[count, 0] = codes[i] // 2 // k
        pairs[count, 1] = codes[i] // 2 % k
        pairs[count, 2] = codes[i] % 2
        count += 1
    return pairs[:count]


@kernel
def count_contacts(pairs: Counts, k: int) -> Counts:
    """Return how many different cells, and nuclei, touch each of k cells (k, 2).

    pairs : (p, 3) as of `find_contacts`, sorted, perhaps with repetitions.
    """
    contacts = np.zeros((k, 2), np.int64)
    for i in range(pairs.shape[0]):
        cell = pairs[i, 0]
        same = i > 0 and pairs[i - 1, 0] == cell and pairs[i - 1, 1] == pairs[i, 1]
        if not same:
            contacts[cell, 0] += 1
        if pairs[i, 2] == 1 and not (same and pairs[i - 1, 2] == 1):
            contacts[cell, 1] += 1
    return contacts


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
