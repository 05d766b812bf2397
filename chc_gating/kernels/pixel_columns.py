"""What the kernels of cells are given and fill: columns of their arrays, by name.

Of plain Python, so that a process can use the kernels' object code without numba.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Core(NamedTuple):
    """Pixels [y0, y1) x [x0, x1) within arrays: those that are measured."""

    y0: int
    y1: int
    x0: int
    x1: int


class Marks(NamedTuple):
    """Room to mark pixels of a row and to list those that are marked."""

    marks: NDArray[np.uint8]  # (n,), a multiple of 8
    words: NDArray[np.uint64]  # (n / 8,) the same memory
    places: NDArray[np.int64]  # (n,)


def make_marks(width: int) -> Marks:
    """Return room for a row of so many pixels."""
    marks = np.zeros((width + 7) // 8 * 8, np.uint8)
    return Marks(marks, marks.view(np.uint64), np.zeros(marks.size + 8, np.int64))


RUN_Y, RUN_X, RUN_LENGTH = range(3)
"""Columns of runs of pixels along rows."""

CHUNK_BITS = 7
CHUNK = 1 << CHUNK_BITS
"""Grey levels of a compartment are padded to so many: loops over them have no remainder."""

VECTOR = 16
"""Pixels that are copied at a time: about as many as a run has."""


def count_chunks(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many chunks hold so many pixels each, and a vector that is copied too much."""
    chunks: NDArray[np.int64] = (sizes + VECTOR + CHUNK - 1) >> CHUNK_BITS
    return np.where(sizes > 0, chunks, 0)


BELOW, BESIDE = 1, 2
"""Bits of where a cell has pixels outside of the core."""

SUM, SUM_SQUARES, MINIMUM, MAXIMUM, SATURATED, POSITIVE = range(6)
GREY_SUMS = 6
"""Columns of the grey sums: sum, sum of squares, minimum, maximum, pixels that are saturated,
pixels above the channel's background."""

QUANTILES = (0.5, 0.9)
MEDIAN, Q90 = range(2)

SHAPE_SUMS = 15
(
    AREA,
    SUM_Y,
    SUM_X,
    SUM_YY,
    SUM_XX,
    SUM_XY,
    TOP,
    BOTTOM,
    LEFT,
    RIGHT,
    HULL_AREA,
    RING_AREA,
    ON_EDGE,
    LAPLACIAN,
    LAPLACIAN_SQUARES,
) = range(SHAPE_SUMS)
"""Columns of the shape sums, of the nucleus where its name says nothing else. Coordinates are
counted from the cell's seed pixel; bottom and right are inclusive. The hull is the convex one,
the Laplacian that of the DNA channel."""
