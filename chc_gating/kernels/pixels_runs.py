"""Where the cells of a block lie: runs of pixels along rows, and which cells touch.

Axes: (y, x) pixels, k cells; compartment 0 is the nucleus, 1 the ring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel, part
from chc_gating.kernels.pixel_columns import BELOW, BESIDE, RUN_LENGTH, RUN_X, RUN_Y

Counts = NDArray[np.int64]
IndexImage = NDArray[np.int32]


@kernel
def list_runs(nuclei: IndexImage, cells: IndexImage, core, keys, runs, starts) -> int:  # type: ignore[no-untyped-def]
    """List the runs of the core's pixels as they come, and return how many there are.

    nuclei, cells : (y, x), 0 background, else 1 + index of the cell
    keys : (room,) int32, filled with twice the index of a run's cell, 1 more in its ring
    runs : (room, 3) int32, filled
    starts : (2k + 1,), zero; filled so that the runs of a key, once sorted, begin at starts[key]
    """
    y0, y1, x0, x1 = core
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
            runs[count, RUN_Y], runs[count, RUN_X], runs[count, RUN_LENGTH] = y, first, x - first
            starts[keys[count] + 1] += 1
            count += 1
    for key in range(starts.size - 1):
        starts[key + 1] += starts[key]
    return count


@kernel
def sort_runs(keys, runs, ends: Counts, ordered) -> None:  # type: ignore[no-untyped-def]
    """Fill ``ordered`` (r, 3) with runs sorted by key, of one key as they came.

    ``ends`` is where the runs of each key begin, and then where they end.
    """
    for i in range(ordered.shape[0]):
        at = ends[keys[i]]
        ends[keys[i]] += 1
        for field in range(3):
            ordered[at, field] = runs[i, field]


@kernel
def list_contacts(nuclei: IndexImage, cells: IndexImage, core, last: Counts, codes: Counts) -> int:  # type: ignore[no-untyped-def]
    """List which cells of the core touch which, and return how many numbers there are.

    codes : (room,), filled with 2 (k cell + other) + 1 where their nuclei touch, by indices
    last : (k,), -1 each

    Pixels touch that share a side. Each pixel of the core is looked at with all its neighbours,
    also those around the core. A contact stands there at least once, but may stand there often.
    """
    y0, y1, x0, x1 = core
    height, width = cells.shape
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
                    count = _add_contact(codes, count, cell, other, joined, last)
                if y0 <= ny < y1 and x0 <= nx < x1:
                    count = _add_contact(codes, count, other, cell, joined, last)
    return count


@part
def _add_contact(codes, count, cell, other, joined, last):  # type: ignore[no-untyped-def]
    """Add a contact, unless it is the one that was added last for this cell."""
    code = (np.int64(cell - 1) * last.size + other - 1) * 2 + joined
    if last[cell - 1] == code:
        return count
    last[cell - 1] = code
    codes[count] = code
    return count + 1


@kernel
def count_contacts(pairs: Counts, contacts: Counts) -> None:
    """Count how many different cells, and nuclei, touch each of k cells: ``contacts`` (k, 2).

    pairs : (p, 3), sorted, perhaps with repetitions: index of a cell, name of one that touches it,
        1 where the nuclei touch
    contacts : zero before
    """
    for i in range(pairs.shape[0]):
        cell = pairs[i, 0]
        same = i > 0 and pairs[i - 1, 0] == cell and pairs[i - 1, 1] == pairs[i, 1]
        if not same:
            contacts[cell, 0] += 1
        if pairs[i, 2] == 1 and not (same and pairs[i - 1, 2] == 1):
            contacts[cell, 1] += 1


@kernel
def find_outside(cells: IndexImage, core, outside) -> None:  # type: ignore[no-untyped-def]
    """Fill ``outside`` (k + 1,) uint8, zero before: BELOW and BESIDE bits of the cells.

    They say where a cell, by its number, has pixels outside of the core.
    """
    y0, y1, x0, x1 = core
    height, width = cells.shape
    for y in range(height):
        mark = np.uint8(BELOW) if y >= y1 else np.uint8(BESIDE)
        inner = y0 <= y < y1
        for x in range(x0 if inner else width):
            outside[cells[y, x]] |= mark
        for x in range(x1 if inner else width, width):
            outside[cells[y, x]] |= mark
