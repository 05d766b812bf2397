"""A slide made small: its DNA in squares, for a picture with the positions of candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.slide import Slide

LONGEST_PX = 512
"""Squares along the longer side of the slide, at most."""
READ_WHOLE_PX = 1 << 24
"""Up to so many pixels a level of the slide is read (4,096 x 4,096: a few tenths of a second)."""
_ROWS = 1 << 16
"""Cells that are added up at a time: always so many, so that sums are rounded alike."""


@dataclass(frozen=True)
class Overview:
    """Mean grey levels of the DNA in squares, (rows, columns) uint16.

    ``side_px`` is a square's side in pixels of the slide; one at the far edge may reach beyond it.
    ``of`` pixels: as stored, background included. ``of`` nuclei: the nuclei alone, background
    subtracted, spread over the square that holds their centroid.
    """

    levels: NDArray[np.uint16]
    side_px: float
    of: Literal["pixels", "nuclei"]


def draw_overview(slide: Slide, channel: int, *, cells: CellGroups) -> Overview:
    """Return a slide's overview.

    From the smallest level of its pyramid that is large enough, or from a small slide itself. A
    large slide without a pyramid is not read once more, which would take as long as to find its
    nuclei: their DNA stands in the measured ``cells``.
    """
    level = _choose_level(slide)
    height, width = slide.levels[level].shape
    if height * width > READ_WHOLE_PX:
        return _sum_nuclei(slide, channel, cells)
    side = max(1, -(-max(height, width) // LONGEST_PX))
    small = np.empty((-(-height // side), -(-width // side)), np.uint16)
    for i in range(small.shape[0]):
        box = Box(i * side, min((i + 1) * side, height), 0, width)
        small[i] = _mean_columns(slide.read_box(channel, box, level=level), side)
    return Overview(small, side * max(slide.shape) / max(height, width), "pixels")


def _choose_level(slide: Slide) -> int:
    """Return the last level of the pyramid that is still as large as an overview."""
    enough = [i for i, level in enumerate(slide.levels) if max(level.shape) >= LONGEST_PX]
    return max(enough, default=0)


def _mean_columns(band: NDArray[np.uint16], side: int) -> NDArray[np.uint16]:
    """Return the means of a band's squares, side by side."""
    starts = np.arange(0, band.shape[1], side)
    sums = np.add.reduceat(band.sum(axis=0, dtype=np.int64), starts)
    counts = np.diff(np.append(starts, band.shape[1])) * band.shape[0]
    means: NDArray[np.uint16] = np.round(sums / counts).astype(np.uint16)
    return means


def _sum_nuclei(slide: Slide, channel: int, cells: CellGroups) -> Overview:
    name = slide.channels[channel]
    side = -(-max(slide.shape) // LONGEST_PX)
    rows, columns = (-(-length // side) for length in slide.shape)
    total = np.zeros(rows * columns)
    wanted = ["centroid_y_px", "centroid_x_px", "area_px"]
    wanted += [f"nucleus_mean:{name}", f"background:{name}"]
    for _, found in cells.batches(wanted, _ROWS):
        y, x, area, mean, background = (found[column] for column in wanted)
        squares = (y // side).astype(np.int64) * columns + (x // side).astype(np.int64)
        dna = np.maximum((mean - background) * area, 0)
        total += np.bincount(squares, weights=dna, minlength=total.size)
    levels = np.clip(np.round(total / side**2), 0, 65535).astype(np.uint16)
    return Overview(levels.reshape(rows, columns), float(side), "nuclei")
