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
def list_runs(nuclei: IndexImage, cells: IndexImage, core, space, keys, runs, starts) -> int:  # type: ignore[no-untyped-def]
    """List the runs of the core's pixels as they come, and return how many there are.

    nuclei, cells : (y, x), 0 background, else 1 + index of the cell
    space : a `pixel_columns.Marks` as wide as the core
    keys : (room,) int32, filled with twice the index of a run's cell, 1 more in its ring
    runs : (room, 3) int32, filled
    starts : (2k + 1,), zero; filled so that the runs of a key, once sorted, begin at starts[key]
    """
    y0, y1, x0, x1 = core
    count = 0
    if starts.size == 1:
        return 0
    for y in range(y0, y1):
        owners, inner = cells[y, x0:x1], nuclei[y, x0:x1]
        changes = _find_changes(owners, inner, space)
        for i in range(changes):
            first, last = space.places[i], space.places[i + 1] if i + 1 < changes else x1 - x0
            cell = owners[first]
            # Written in the background as well, and then over: cheaper than a branch.
            present = 1 if cell > 0 else 0
            key = max(2 * cell - 2 + (1 if inner[first] != cell else 0), 0)
            keys[count] = key
            runs[count, RUN_Y], runs[count, RUN_X], runs[count, RUN_LENGTH] = (
                y,
                x0 + first,
                last - first,
            )
            starts[key + 1] += present
            count += present
    for key in range(starts.size - 1):
        starts[key + 1] += starts[key]
    return count


@part
def _find_changes(owners, inner, space):  # type: ignore[no-untyped-def]
    """Find where in a row another cell or nucleus begins than to the left, and how many do."""
    marks = space.marks
    marks[0] = 1
    for x in range(1, owners.size):
        other = (owners[x] ^ owners[x - 1]) | (inner[x] ^ inner[x - 1])
        marks[x] = np.uint8(1) if other != 0 else np.uint8(0)
    return _list_marks(space, owners.size)


@part
def _list_marks(space, width):  # type: ignore[no-untyped-def]
    """Find which of the first marks are 1, and how many are; the others of a word are taken as 0.

    Eight at a time, of which all are mostly 0; else each is written, and then over where it is 0.
    """
    marks, words, places = space
    for x in range(width, (width + 7) // 8 * 8):
        marks[x] = 0
    count = 0
    for word in range((width + 7) // 8):
        if words[word] == 0:
            continue
        for x in range(8 * word, 8 * word + 8):
            places[count] = x
            count += marks[x]
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
def list_contacts(  # type: ignore[no-untyped-def]
    nuclei: IndexImage, cells: IndexImage, core, space, last: Counts, codes: Counts
) -> int:
    """List which cells of the core touch which, and return how many numbers there are.

    space : a `pixel_columns.Marks` one wider than the core
    codes : (room,), filled with 2 (k cell + other) + 1 where their nuclei touch, by indices
    last : (k,), -1 each

    Pixels touch that share a side. Each pixel of the core is looked at with all its neighbours,
    also those around the core. A contact stands there at least once, but may stand there often.
    """
    y0, y1, x0, x1 = core
    height, width = cells.shape
    left = max(x0 - 1, 0)
    count = 0
    for y in range(max(y0 - 1, 0), y1):
        below = y + 1 if y + 1 < height else y
        found = _find_borders(cells[y], cells[below], left, x1, space)
        for i in range(found):
            x = left + space.places[i]
            cell = cells[y, x]
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
def _find_borders(row, below, left, right, space):  # type: ignore[no-untyped-def]
    """Find the pixels of a row with another cell to the right or below, and how many there are."""
    marks, width = space.marks, right - left
    cells, under = row[left:right], below[left:right]
    beside = row[left + 1 : right + 1]  # one shorter at the image's edge
    for x in range(beside.size):
        differs = (cells[x] != beside[x]) & (beside[x] != 0)
        differs |= (cells[x] != under[x]) & (under[x] != 0)
        marks[x] = np.uint8(1) if (cells[x] != 0) & differs else np.uint8(0)
    for x in range(beside.size, width):
        differs = (cells[x] != under[x]) & (under[x] != 0)
        marks[x] = np.uint8(1) if (cells[x] != 0) & differs else np.uint8(0)
    return _list_marks(space, right - left)


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
