"""The DNA channel as a terrain: contrast over the local background, and depth in the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.kernels import pixels_smooth

GreyImage = NDArray[np.uint8] | NDArray[np.uint16]

_MIDDLE_PERCENT = 40
"""Where between the darker and the brighter pixels of its window a pixel turns to nucleus.

Below the middle, because the brighter pixels of a window may be a brighter neighbour's.
"""


@dataclass(frozen=True)
class Terrain:
    """Contrast over the local background and score (0 outside the mask), (y, x) int32."""

    contrast: NDArray[np.int32]
    score: NDArray[np.int32]


def survey_terrain(dna: GreyImage, *, scale: NucleusScale, floor: int) -> Terrain:
    """Return the terrain of an image, in smoothed units (1/16 grey level).

    The mask is where a smoothed pixel exceeds the mean of its window's darker pixels by more than
    ``floor`` and by more than 40 % of what the brighter ones exceed them by; darker and brighter
    are told apart by the window's mean. The score is the smoothed depth in the mask.
    """
    levels = pixels_smooth.smooth_image(as_uint16(dna), scale.weights)
    everything = np.full(levels.shape, -1, np.int32)
    mean = pixels_smooth.mean_above(levels, everything, scale.window)
    bright = pixels_smooth.mean_above(levels, mean, scale.window)
    # The darker pixels are those whose negative exceeds the mean's; negation is exact.
    dark = -pixels_smooth.mean_above(-levels, -mean - 1, scale.window)
    contrast = levels - dark
    mask = contrast > np.maximum(floor, _MIDDLE_PERCENT * (bright - dark) // 100)
    depth = pixels_smooth.measure_depth(mask, scale.radius * pixels_smooth.STEP)
    score = pixels_smooth.smooth_image(depth, scale.depth_weights) + np.int32(1)
    score[~mask] = 0
    return Terrain(contrast=contrast, score=score)


def as_uint16(image: GreyImage) -> NDArray[np.uint16]:
    """Return contiguous native 16-bit grey levels; 8-bit ones keep their values."""
    return np.ascontiguousarray(image, dtype=np.uint16)
