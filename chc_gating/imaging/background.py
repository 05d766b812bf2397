"""Background of each channel over the slide: one level per square of a fixed grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.squares import SQUARE_PX
from chc_gating.imaging.sums import BlockCells, BlockPixels
from chc_gating.kernels.cell_entries import find_backgrounds
from chc_gating.kernels.pixel_columns import CHUNK, Core

_LOW_PERCENT = 1
"""With less background than this part of a square, as many of its darkest pixels stand for it."""


class BackgroundGrid:
    """Background levels, (rows, columns, m channels), NaN until a square's block is measured."""

    def __init__(self, slide_shape: tuple[int, int], channels: int) -> None:
        rows, columns = (-(-length // SQUARE_PX) for length in slide_shape)
        self._levels = np.full((rows, columns, channels), np.nan)

    def fill(self, block: Box, levels: NDArray[np.float64]) -> None:
        """Enter the levels (rows, columns, m) of the squares of a block."""
        y, x = block.y0 // SQUARE_PX, block.x0 // SQUARE_PX
        self._levels[y : y + levels.shape[0], x : x + levels.shape[1]] = levels

    def interpolate(
        self, centroid_y_px: NDArray[np.float64], centroid_x_px: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the background at k points, (k, m), bilinear between the squares' centres.

        Beyond the outermost centres the level of the nearest one.
        """
        low_y, high_y, share_y = _bracket(centroid_y_px, self._levels.shape[0])
        low_x, high_x, share_x = _bracket(centroid_x_px, self._levels.shape[1])
        levels = self._levels
        above = levels[low_y, low_x] * (1 - share_x) + levels[low_y, high_x] * share_x
        below = levels[high_y, low_x] * (1 - share_x) + levels[high_y, high_x] * share_x
        result: NDArray[np.float64] = above * (1 - share_y) + below * share_y
        return result


def measure_background(pixels: BlockPixels, cells: BlockCells) -> NDArray[np.float64]:
    """Return the background of each square of a block and channel, (rows, columns, m).

    The median of the pixels that belong to no cell; where they are fewer than 1 % of the square,
    the level that 1 % of its pixels do not exceed.
    """
    core = pixels.block.within(pixels.outer)
    rows, columns = (-(-length // SQUARE_PX) for length in (core.height, core.width))
    levels = np.empty((rows, columns, len(pixels.stack)))
    space = np.empty((2, SQUARE_PX**2 + CHUNK), np.uint16)
    find_backgrounds(
        cells.cells, pixels.stack, Core(*core.edges), SQUARE_PX, _LOW_PERCENT, space, levels
    )
    return levels


def _bracket(
    centroid_px: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the squares before and after each point and the share of the one after, (k, 1)."""
    position = np.clip((centroid_px + 0.5) / SQUARE_PX - 0.5, 0, count - 1)
    low = np.floor(position).astype(np.int64)
    return low, np.minimum(low + 1, count - 1), (position - low)[:, np.newaxis]
