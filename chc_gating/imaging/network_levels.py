"""Grey levels as the network takes them: the slide's background is 0, its bright nuclei 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.statistics import measure_noise
from chc_gating.imaging.terrain import GreyImage, as_uint16

_LEVELS = 1 << 16
_LOW_PERCENT = 5.0
_BRIGHT_PERCENT = 70.0
_STANDS_OUT = 8.0
"""In SDs of the noise, above the background."""
_NOISE_FLOOR = 24.0
"""Least range in SDs of the noise: on an image of noise alone the noise stays small."""
_SPREAD_FLOOR = 24.0
"""Least range in SDs of the background, which blurred noise widens but hardly shows in pixels."""
_NOTHING, _SPREAD_OF_NOTHING = 12.0, 60.0
"""Where nothing stands out by the first, the least range is the second. Gaussian noise reaches 6;
pictures with nuclei are at 18 and more.
"""
_SPREAD_PERCENTS = (1.0, 10.0)
_SPREAD_WIDTH = 1.0448
"""Percentiles below most of the background's pixels, and how many SD they lie apart (Gaussian)."""
_LEAST_RANGE = 4.0
"""Least range in grey levels: an image without noise has some as well."""
_TOP = 1.5
"""Brighter than this is as bright as this."""


@dataclass(frozen=True)
class GreyRange:
    """Grey levels of the background and of bright nuclei, for a whole slide."""

    low: float
    high: float

    def normalise(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return grey levels as 0 (background) to 1 (bright nuclei), at most 1.5."""
        scaled = (grey - np.float32(self.low)) / np.float32(self.high - self.low)
        clipped: NDArray[np.float32] = np.clip(scaled, np.float32(0), np.float32(_TOP))
        return clipped


def measure_range(pieces: Iterable[GreyImage]) -> GreyRange:
    """Return the grey range of a slide from pieces of it.

    A piece's background is its 5th percentile; the slide's is the median of them. Of the pixels
    that exceed their piece's background by 8 SD of the noise, over all pieces, bright nuclei are
    as bright as the 70th percentile by squared contrast: where nuclei are rare, an uneven
    background outnumbers them, but not by that measure. They are at least 24 SD above, of the
    noise and of the spread of the background; 60 of the spread where nothing exceeds 12, as in
    noise alone that a blur made smooth. What is twice as bright as the background is no noise:
    then the spread does not count, since in tissue, which leaves little background, it is that of
    the cells. Noise and spread are medians over pieces. Pieces of one value alone, which no camera
    made, count only where there are no others.
    """
    greys = [as_uint16(piece) for piece in pieces if piece.size]
    greys = [grey for grey in greys if grey.min() < grey.max()] or greys[:1]
    if not greys:
        return GreyRange(low=0.0, high=_LEAST_RANGE)
    noise = float(np.median([measure_noise(grey) for grey in greys]))
    lows, spreads, bright = [], [], np.zeros(_LEVELS, np.int64)
    for grey in greys:
        counts = np.bincount(grey.ravel(), minlength=_LEVELS)
        low = _find_percentile(counts, _LOW_PERCENT)
        bright[: _LEVELS - low] += counts[low:]
        lows.append(low)
        first, second = (_find_percentile(counts, percent) for percent in _SPREAD_PERCENTS)
        spreads.append((second - first) / _SPREAD_WIDTH)
    bright[: int(_STANDS_OUT * max(noise, 0.5)) + 1] = 0
    light = bright * np.arange(_LEVELS, dtype=np.float64) ** 2
    spread = float(np.median(spreads))
    contrast = float(_find_percentile(light, _BRIGHT_PERCENT))
    background = float(np.median(lows))
    widths = _SPREAD_FLOOR if contrast > _NOTHING * spread else _SPREAD_OF_NOTHING
    if contrast > background > 0:
        widths = 0.0
    contrast = max(contrast, _NOISE_FLOOR * noise, widths * spread, _LEAST_RANGE)
    return GreyRange(low=background, high=background + contrast)


def _find_percentile(counts: NDArray[np.int64] | NDArray[np.float64], percent: float) -> int:
    """Return the least level at or below which this share of the pixels lies; 0 without any."""
    total = float(counts.sum())
    if total == 0:
        return 0
    return int(np.searchsorted(np.cumsum(counts), percent / 100 * total))
