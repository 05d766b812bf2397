"""The DNA channel as a terrain: contrast over the local background, and depth in the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.nucleus_steps import (
    find_contrast,
    mean_box,
    measure_depth,
    smooth_image,
)
from chc_gating.kernels.pixel_units import STEP

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


def survey_contrast(
    dna: GreyImage, box: Box, *, scale: NucleusScale, floor: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return contrast, in smoothed units (1/16 grey level), and mask of a box of an image.

    The mask is where a smoothed pixel exceeds the mean of its window's darker pixels by more than
    ``floor`` and by more than 40 % of what the brighter ones exceed them by; darker and brighter
    are told apart by the window's mean.
    """
    levels = smooth_image(as_uint16(dna), scale.weights)
    mean = mean_box(levels, scale.window)
    return find_contrast(levels, mean, scale.window, floor=floor, percent=_MIDDLE_PERCENT, box=box)


def survey_terrain(dna: GreyImage, box: Box, *, scale: NucleusScale, floor: int) -> Terrain:
    """Return the terrain of a box of an image. The score is the smoothed depth in the mask."""
    contrast, mask = survey_contrast(dna, box, scale=scale, floor=floor)
    depth = measure_depth(mask, scale.radius * STEP)
    score = smooth_image(depth, scale.depth_weights)
    score += 1
    score *= mask
    return Terrain(contrast=contrast, score=score)


def as_uint16(image: GreyImage) -> NDArray[np.uint16]:
    """Return contiguous native 16-bit grey levels; 8-bit ones keep their values."""
    return np.ascontiguousarray(image, dtype=np.uint16)
