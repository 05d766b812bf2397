"""Rings around nuclei: each pixel near a nucleus goes to the nearest one.

Axes: (y, x) pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel, part

IndexImage = NDArray[np.int32]


@kernel
def grow_labels(
    labels: IndexImage,
    grown: IndexImage,
    space: IndexImage,
    reach: int,
    limit: int,
    shift: int,
    far: int,
) -> None:
    """Fill ``grown`` (y, x) with labels grown into the background by a Euclidean distance.

    A background pixel takes the label at the least distance between pixel centres, of equal
    distances the lower label; a label loses nothing. ``reach`` is the distance rounded down to
    whole pixels, ``limit`` its square rounded down.

    A squared distance is a sum over axes, so the nearest along the column, found first, suffices
    for the search along the row. Distance and label are one int32, the distance above ``shift``
    bits of label, whose least is the answer: a loop of minima along a row becomes vector
    instructions. ``far`` is above every such number, and twice it fits. ``space`` is (2, x).
    """
    height, width = labels.shape
    _search_columns(labels, grown, space, reach, shift, np.int32(far))
    best = space[0]
    beyond = np.int32((limit + 1) << shift)
    mask = np.int32((1 << shift) - 1)
    for y in range(height):
        row = grown[y]
        for x in range(width):
            best[x] = row[x]
        for d in range(1, min(reach, width - 1) + 1):
            step = np.int32((d * d) << shift)
            for x in range(width - d):
                best[x] = min(best[x], np.int32(row[x + d] + step))
            for x in range(width - d):
                best[x + d] = min(best[x + d], np.int32(row[x] + step))
        for x in range(width):
            row[x] = best[x] & mask if best[x] < beyond else np.int32(0)


@part
def _search_columns(labels, nearest, space, reach, shift, far):  # type: ignore[no-untyped-def]
    """Find for each pixel the nearest label in its column: squared distance, then label."""
    height, width = labels.shape
    since, last = space[0], space[1]
    for x in range(width):
        since[x], last[x] = reach + 1, 0
    for y in range(height):
        _advance(labels[y], since, last)
        for x in range(width):
            key = np.int32(np.int32(np.int32(since[x] * since[x]) << shift) | last[x])
            nearest[y, x] = key if since[x] <= reach else far
    for x in range(width):
        since[x] = reach + 1
    for y in range(height - 1, -1, -1):
        _advance(labels[y], since, last)
        for x in range(width):
            key = np.int32(np.int32(np.int32(since[x] * since[x]) << shift) | last[x])
            nearest[y, x] = min(nearest[y, x], key if since[x] <= reach else far)


@part
def _advance(row: IndexImage, since: IndexImage, last: IndexImage) -> None:
    """Go one row on: the rows since the last label of each column, and that label."""
    for x in range(row.size):
        label = row[x]
        since[x] = np.int32(0) if label != 0 else np.int32(since[x] + 1)
        last[x] = label if label != 0 else last[x]
