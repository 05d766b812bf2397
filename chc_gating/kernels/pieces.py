"""Connected pieces of a label image. Axes: (y, x) pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

LabelImage = NDArray[np.int64]
RootImage = NDArray[np.int32]

OUTSIDE = -1


@kernel
def _find_root(parents, here: int) -> int:  # type: ignore[no-untyped-def]
    while parents[here] != here:
        here = parents[here]
    return here


@kernel
def find_pieces(labels: LabelImage) -> RootImage:
    """Return for each pixel the first pixel of its piece in raster order, -1 where label is 0.

    Pixels are of one piece where a way over neighbours (also across corners) of their own label
    joins them. Pixels are held as flat indices, y * width + x.
    """
    height, width = labels.shape
    parents = np.full(labels.size, OUTSIDE, np.int32)
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label == 0:
                continue
            here = y * width + x
            parents[here] = here
            for ny, nx in ((y - 1, x - 1), (y - 1, x), (y - 1, x + 1), (y, x - 1)):
                if ny < 0 or nx < 0 or nx >= width or labels[ny, nx] != label:
                    continue
                one, other = _find_root(parents, here), _find_root(parents, ny * width + nx)
                parents[max(one, other)] = min(one, other)
    # A parent comes before its children, so one look at it is enough.
    for here in range(labels.size):
        if parents[here] != OUTSIDE:
            parents[here] = parents[parents[here]]
    return parents.reshape((height, width))


@kernel
def measure_pieces(roots: RootImage, box):  # type: ignore[no-untyped-def]
    """Return root, area, height and width of the pieces with a pixel in ``box``, (k, 4) int64.

    Area, height and width are those of the whole piece in the array. ``box`` is (y0, y1, x0, x1).
    Pieces come in raster order of their roots.
    """
    width = roots.shape[1]
    of = roots.ravel()
    row_of = np.full(roots.size, OUTSIDE, np.int32)
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if roots[y, x] != OUTSIDE:
                row_of[roots[y, x]] = 0
    count = 0
    for here in range(roots.size):
        if row_of[here] == 0:
            row_of[here] = count
            count += 1
    found = np.zeros((count, 4), np.int64)
    edges = np.empty((count, 3), np.int64)  # bottom, left, right
    for here in range(roots.size):
        if of[here] == OUTSIDE or row_of[of[here]] == OUTSIDE:
            continue
        k, y, x = row_of[of[here]], here // width, here % width
        if found[k, 1] == 0:
            found[k, 0] = of[here]
            edges[k] = y, x, x
        found[k, 1] += 1
        edges[k, 0] = y
        edges[k, 1] = min(edges[k, 1], x)
        edges[k, 2] = max(edges[k, 2], x)
    found[:, 2] = edges[:, 0] - found[:, 0] // width + 1
    found[:, 3] = edges[:, 2] - edges[:, 1] + 1
    return found


@kernel
def count_others(labels: LabelImage, roots: RootImage, pieces, radius: int):  # type: ignore[no-untyped-def]
    """Return for each piece how many pixels near its root have its label and are not of it, (k,).

    Near is the square of ``radius`` around the root, clipped to the array; the first column of
    ``pieces`` are roots.
    """
    height, width = labels.shape
    others = np.zeros(pieces.shape[0], np.int64)
    for k in range(pieces.shape[0]):
        root = pieces[k, 0]
        y, x = root // width, root % width
        for ny in range(max(y - radius, 0), min(y + radius + 1, height)):
            for nx in range(max(x - radius, 0), min(x + radius + 1, width)):
                if labels[ny, nx] == labels[y, x] and roots[ny, nx] != root:
                    others[k] += 1
    return others


@kernel
def place_pieces(roots: RootImage, pieces, kept, box, origin, slide_width: int) -> LabelImage:  # type: ignore[no-untyped-def]
    """Return the root's index on the slide of each pixel of ``box``, -1 outside kept pieces.

    ``kept`` (k,) says which of the ``pieces`` are; ``origin`` is the array's first pixel (y, x) on
    the slide.
    """
    width = roots.shape[1]
    index_of = np.full(roots.size, OUTSIDE, np.int64)
    for k in range(pieces.shape[0]):
        if kept[k]:
            root = pieces[k, 0]
            place = (root // width + origin[0]) * slide_width
            index_of[root] = place + root % width + origin[1]
    y0, y1, x0, x1 = box
    result = np.full((y1 - y0, x1 - x0), OUTSIDE, np.int64)
    for y in range(y0, y1):
        for x in range(x0, x1):
            if roots[y, x] != OUTSIDE:
                result[y - y0, x - x0] = index_of[roots[y, x]]
    return result
