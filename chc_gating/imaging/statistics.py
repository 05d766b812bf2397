"""Numbers that hold for a whole slide, from boxes spread evenly over it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box, map_in_order, spread_boxes
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.terrain import GreyImage, as_uint16, survey_contrast
from chc_gating.kernels import pixel_units

ReadBox = Callable[[Box], GreyImage]
"""Returns the DNA channel's pixels of a box."""

_NOISE_FACTOR_MASK = 4
_NOISE_FACTOR_SEED = 7
"""Noise SDs above the local background: of a pixel in the mask, of a seed's pixel.

After smoothing a square millimetre holds some 10**5 independent pixels; beyond 7 SD none is
expected by chance even where camera noise is twice as heavy-tailed as assumed.
"""
_TYPICAL_SHARE = 0.2
"""A seed has at least this share of the slide's typical nuclear contrast (haze, debris)."""
_SAMPLE_BOXES, _SAMPLE_PX = 36, 256
_FRACTION = 1 << pixel_units.FRACTION_BITS


@dataclass(frozen=True)
class SlideStatistics:
    """Numbers that hold for the whole slide, in smoothed units (1/16 grey level).

    floor : contrast over the local background from which a pixel may be nucleus.
    lowest_seed : contrast that a nucleus's seed has at least.
    """

    floor: int
    lowest_seed: int


def measure_statistics(
    read: ReadBox, shape: tuple[int, int], *, scale: NucleusScale, threads: int = 1
) -> SlideStatistics:
    """Return the slide-wide statistics from boxes spread evenly over the slide.

    The boxes depend on the slide's size alone; each is read once. Noise is the median over boxes
    of the pixel noise among their darker pixels; the typical contrast is the median of those
    pixels that stand out of the noise, 0 where hardly any does.
    """

    def look(box: Box) -> tuple[GreyImage, float]:
        image = read(box)
        return image, measure_noise(image)

    boxes = spread_boxes(shape, count=_SAMPLE_BOXES, side=_SAMPLE_PX)
    images, noises = zip(*map_in_order(look, boxes, threads=threads), strict=True)
    noise = float(np.median(noises))
    weights = scale.weights / float(1 << pixel_units.WEIGHT_BITS)
    smoothed_noise = max(noise * float(np.sum(weights**2)), 0.5) * _FRACTION
    floor = math.ceil(_NOISE_FACTOR_MASK * smoothed_noise)
    lowest = math.ceil(_NOISE_FACTOR_SEED * smoothed_noise)

    def find_bright(image: GreyImage) -> NDArray[np.int32]:
        whole = Box(0, image.shape[0], 0, image.shape[1])
        contrast, mask = survey_contrast(image, whole, scale=scale, floor=floor)
        return contrast[mask & (contrast >= lowest)]

    bright = np.concatenate(list(map_in_order(find_bright, images, threads=threads)))
    typical = float(np.median(bright)) if bright.size >= scale.smallest_area_px else 0.0
    return SlideStatistics(floor=floor, lowest_seed=max(lowest, int(_TYPICAL_SHARE * typical)))


def measure_noise(image: GreyImage) -> float:
    """Return the SD of a pixel's noise from second differences along rows, in grey levels.

    Only pixels at or below the median count: bright ones carry structure and shot noise. A
    structure that is wide against a pixel hardly enters (Immerkaer 1996 has the idea in 2-D).
    """
    if image.shape[1] < 3:
        return 0.0
    grey = as_uint16(image).astype(np.int32)
    middle = grey[:, 1:-1]
    differences = np.abs(grey[:, :-2] - 2 * middle + grey[:, 2:])
    dark = differences[middle <= np.median(middle)]
    return 1.4826 * float(np.median(dark)) / math.sqrt(6)
