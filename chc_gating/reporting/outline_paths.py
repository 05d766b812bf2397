"""The edge of a region of pixels as an SVG path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def trace_edges(region: NDArray[np.bool_]) -> str:
    """Return the edges between a region (y, x) and the rest as an SVG path, in pixels.

    Pixel (y, x) is the square from (x, y) to (x + 1, y + 1). Edges at the border of the picture
    are left out: the region goes on there. Edges in one line are one stroke; an empty region has
    an empty path.

    Examples
    --------
    >>> trace_edges(np.array([[False, False, False], [False, True, True], [False, False, False]]))
    'M1 1H3M1 2H3M1 1V2'
    """
    level = np.diff(region.astype(np.int8), axis=0) != 0
    upright = np.diff(region.astype(np.int8), axis=1) != 0
    strokes = [f"M{a} {y + 1}H{b}" for y, a, b in _find_runs(level)]
    strokes += [f"M{x + 1} {a}V{b}" for x, a, b in _find_runs(upright.T)]
    return "".join(strokes)


def _find_runs(marks: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return the runs of true along each row: row, first, one past the last."""
    padded = np.pad(marks, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    return [(int(r), int(a), int(b)) for r, a, b in zip(rows, starts, ends, strict=True)]
