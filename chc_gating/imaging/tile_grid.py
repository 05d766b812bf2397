"""The grid in which a stage took the raw tiles of a cycle, as its positions say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.raw_tiles import Cycle, TileSet

_SAME_LINE = 0.3
"""Tiles whose positions differ by less than this share of a side are of one row or column."""


@dataclass(frozen=True)
class TileGrid:
    """Rows and columns of a cycle's tiles, along the stage's axes.

    overlap_px : what two neighbours share along y and x (median), None where no two do.
    """

    tiles: int
    rows: int
    columns: int
    overlap_px: tuple[float | None, float | None]


def describe_grid(tiles: TileSet, cycle: Cycle) -> TileGrid:
    """Return the grid of a cycle; a gap in it changes neither rows nor columns."""
    places, shape = tiles.stage_px(cycle), np.array(tiles.shape, np.float64)
    rows, columns = (_count_lines(places[:, axis], shape[axis]) for axis in (0, 1))
    return TileGrid(
        tiles=len(places),
        rows=rows,
        columns=columns,
        overlap_px=(_find_overlap(places, shape, 0), _find_overlap(places, shape, 1)),
    )


def _count_lines(values: NDArray[np.float64], side: float) -> int:
    return 1 + int((np.diff(np.sort(values)) > _SAME_LINE * side).sum())


def _find_overlap(
    places: NDArray[np.float64], shape: NDArray[np.float64], axis: int
) -> float | None:
    """Return what neighbours along an axis share, None where none overlap."""
    shared = []
    for place in places:
        apart = places - place
        beside = np.abs(apart[:, 1 - axis]) < _SAME_LINE * shape[1 - axis]
        steps = apart[beside & (apart[:, axis] > _SAME_LINE * shape[axis]), axis]
        if steps.size and steps.min() < shape[axis]:
            shared.append(shape[axis] - steps.min())
    return float(np.median(shared)) if shared else None
