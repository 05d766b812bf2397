"""Grey levels as the network takes them: the slide's background is 0, its bright nuclei 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.statistics import measure_noise
from chc_gating.imaging.terrain import GreyImage, as_uint16

_LOW_PERCENT = 5.0
_BRIGHT_PERCENT = 95.0
"""Of the pixels that stand out of the noise: bright nuclei, but no debris brighter still."""
_STANDS_OUT = 8.0
"""In SDs of the noise, above the background."""
_NOISE_FLOOR = 24.0
"""Least range in SDs of the noise: on an image of noise alone the noise stays small."""
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

    The background is the 5th percentile of all pixels; bright is the 95th percentile of those
    that exceed it by 8 SD of the noise, and at least 24 SD of the noise above it. Noise is the
    median over the pieces.
    """
    counts = np.zeros(1 << 16, np.int64)
    noises = []
    for piece in pieces:
        grey = as_uint16(piece)
        counts += np.bincount(grey.ravel(), minlength=1 << 16)
        noises.append(measure_noise(grey))
    noise = float(np.median(noises)) if noises else 0.0
    low = _find_percentile(counts, _LOW_PERCENT)
    bright = counts.copy()
    bright[: int(low + _STANDS_OUT * max(noise, 0.5)) + 1] = 0
    high = _find_percentile(bright, _BRIGHT_PERCENT)
    return GreyRange(low=low, high=max(high, low + max(_NOISE_FLOOR * noise, _LEAST_RANGE)))


def _find_percentile(counts: NDArray[np.int64], percent: float) -> float:
    """Return the least level at or below which this share of the pixels lies; 0 without any."""
    total = int(counts.sum())
    if total == 0:
        return 0.0
    return float(np.searchsorted(np.cumsum(counts), percent / 100 * total))
