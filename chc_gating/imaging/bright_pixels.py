"""Pixels of a slide that are bright in one channel, spread over all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import count_blocks, grid_blocks
from chc_gating.imaging.slide import Slide

MOST_PIXELS = 400_000
_BRIGHT_SD = 12.0
"""Above the block's median: beyond all noise, and where a hundredth of the light can be told."""
_SATURATED = 0.95


def sample_bright(slide: Slide, channels: tuple[int, ...], *, stained: int) -> NDArray[np.float64]:
    """Return (n, m) grey levels of the pixels of a slide that are bright in a stained channel.

    Parameters
    ----------
    channels : m indices of channels
    stained : position in ``channels`` of the one that decides

    Returns
    -------
    array
        At most 400,000 pixels, the same number of each block at most; none that is saturated in
        any channel. Background is not subtracted.
    """
    share = -(-MOST_PIXELS // count_blocks(slide.shape))
    found = []
    for block in grid_blocks(slide.shape):
        stack = np.stack([slide.read_box(channel, block) for channel in channels])
        pixels = stack.reshape(len(channels), -1)
        level = pixels[stained]
        middle = float(np.median(level))
        # The lower half of the noise: cells widen the upper one.
        below = level[level <= middle]
        sd = max(1.4826 * float(np.median(middle - below)), 1.0)
        bright = (level > middle + _BRIGHT_SD * sd) & (
            pixels.max(axis=0) < _SATURATED * slide.maximum
        )
        chosen = np.flatnonzero(bright)
        chosen = chosen[:: max(-(-chosen.size // share), 1)]
        found.append(pixels[:, chosen].T.astype(np.float64))
    return np.concatenate(found)
