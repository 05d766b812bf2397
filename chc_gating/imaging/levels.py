"""Grey levels that hold for a whole slide: background, its noise, and saturation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box, map_in_order, spread_boxes
from chc_gating.imaging.sums import BlockCells, BlockPixels
from chc_gating.kernels.cell_entries import count_levels
from chc_gating.kernels.pixel_columns import Core

_SAMPLE_BOXES, _SAMPLE_PX = 16, 256
_FEWEST_SHARE = 0.01
"""With fewer pixels outside of cells, the darkest ones stand for them."""
_DARK_SHARE = 0.02
_MAD_TO_SD = 1.4826
_ROUNDING_SD = 1 / math.sqrt(12)
"""SD of what rounding to whole grey levels adds: no noise is lower."""
_CAMERA_BITS = (10, 12, 14)
_PLATEAU_PIXELS = 10
_PLATEAU_FACTOR = 4
"""A camera's maximum holds this many times as many pixels as one of the levels just below it."""
_PLATEAU_NEIGHBOURS = 16


@dataclass(frozen=True)
class ChannelLevel:
    """Background of a channel over the slide, in grey levels as stored.

    background : median of the pixels that belong to no cell
    sd : their spread, 1.4826 times the median of the absolute deviations
    """

    background: float
    sd: float

    def find_threshold(self, *, sd: float, times: float) -> float:
        """Return the level above which a pixel is positive: ``times`` (background + ``sd`` SD).

        The rule of HELEN (Cytometry A 2024, cyto.a.24826), which takes 3 SD, and 1.5 times for
        CK and EPCAM.
        """
        return times * (self.background + sd * self.sd)


@dataclass(frozen=True)
class SlideLevels:
    """Levels of each channel, and the grey level at which the camera saturates, if it shows."""

    channels: tuple[ChannelLevel, ...]
    plateau: int | None


def measure_levels(
    read: Callable[[Box], tuple[BlockPixels, BlockCells]],
    shape: tuple[int, int],
    *,
    channels: int,
    maximum: int,
    threads: int = 1,
) -> SlideLevels:
    """Return the levels of a slide from boxes spread evenly over it.

    ``read`` returns a box's pixels and cells; the boxes depend on the slide's size alone.
    ``maximum`` is the grey level that the file says is saturated.
    """
    open_counts = np.zeros((channels, 1 << 16), np.int64)
    cell_counts = np.zeros((channels, 1 << 16), np.int64)
    boxes = spread_boxes(shape, count=_SAMPLE_BOXES, side=_SAMPLE_PX)
    for pixels, cells in map_in_order(read, boxes, threads=threads):
        core = Core(*pixels.block.within(pixels.outer).edges)
        count_levels(cells.cells, pixels.stack, core, open_counts, cell_counts)
    all_counts = open_counts + cell_counts
    levels = tuple(
        _measure_channel(few, many) for few, many in zip(open_counts, all_counts, strict=True)
    )
    return SlideLevels(levels, find_plateau(all_counts.sum(axis=0), maximum=maximum))


def find_plateau(counts: Sequence[int] | NDArray[np.int64], *, maximum: int) -> int | None:
    """Return the maximum of a camera of 10, 12 or 14 bits that the pixels pile up at, or None.

    counts : (65536,) pixels of each grey level. The highest level that occurs must be such a
    maximum, below ``maximum``, and hold many more pixels than the levels just below it.
    """
    present = np.flatnonzero(counts)
    top = int(present[-1]) if present.size else 0
    if top >= maximum or top not in [(1 << bits) - 1 for bits in _CAMERA_BITS]:
        return None
    beside = np.mean(counts[top - _PLATEAU_NEIGHBOURS : top])
    fewest = max(_PLATEAU_PIXELS, _PLATEAU_FACTOR * float(beside))
    return top if counts[top] >= fewest else None


def _measure_channel(open_counts: NDArray[np.int64], all_counts: NDArray[np.int64]) -> ChannelLevel:
    counts = open_counts
    if open_counts.sum() < max(_FEWEST_SHARE * all_counts.sum(), 1):
        darkest = _find_median(all_counts, share=_DARK_SHARE)
        counts = np.where(np.arange(all_counts.size) <= darkest, all_counts, 0)
    middle = _find_median(counts)
    deviations = np.bincount(np.abs(np.arange(counts.size) - middle), weights=counts)
    spread = _find_median(deviations)
    return ChannelLevel(float(middle), max(_MAD_TO_SD * spread, _ROUNDING_SD))


def _find_median(counts: NDArray[np.generic], *, share: float = 0.5) -> int:
    """Return the lowest level that at least ``share`` of the pixels do not exceed."""
    passed = np.cumsum(counts)
    return int(np.searchsorted(passed, share * passed[-1]))
