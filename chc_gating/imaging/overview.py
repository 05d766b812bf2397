"""A slide made small: its DNA in squares, for a picture with the positions of candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.slide import Slide

LONGEST_PX = 512
"""Squares along the longer side of the slide, at most."""
READ_WHOLE_PX = 1 << 26
"""Up to so many pixels a slide is read whole (8,192 x 8,192: less than a second)."""
_SAMPLED_SQUARES = 64
_SAMPLE_PX = 64
"""Of a larger slide so many squares along the longer side, of each the middle pixels: reading
all of it would take as long as to find the nuclei again."""


def draw_overview(slide: Slide, channel: int) -> tuple[NDArray[np.uint16], float]:
    """Return the mean grey levels of a channel in squares, and their side in pixels of the slide.

    Of a slide with a pyramid, from the smallest of its levels that is large enough. A square at
    the far edge may reach beyond the slide; its mean is of what lies on it.
    """
    level = _choose_level(slide)
    height, width = slide.levels[level].shape
    whole = height * width <= READ_WHOLE_PX
    squares = LONGEST_PX if whole else _SAMPLED_SQUARES
    side = max(1, -(-max(height, width) // squares))
    read = side if whole else min(side, _SAMPLE_PX)
    small = np.empty((-(-height // side), -(-width // side)), np.uint16)
    for i in range(small.shape[0]):
        y0 = min(i * side + (side - read) // 2, height - 1)
        y1 = min(y0 + read, height)
        if whole:
            band = slide.read_box(channel, Box(y0, y1, 0, width), level=level)
            small[i] = _mean_columns(band, side)
            continue
        for j in range(small.shape[1]):
            x0 = min(j * side + (side - read) // 2, width - 1)
            box = Box(y0, y1, x0, min(x0 + read, width))
            small[i, j] = round(float(slide.read_box(channel, box, level=level).mean()))
    return small, side * max(slide.shape) / max(height, width)


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
