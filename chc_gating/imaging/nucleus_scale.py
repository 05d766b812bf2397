"""Sizes of the nuclear segmentation in pixels, and how far it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.pixel_units import WEIGHT_BITS


@dataclass(frozen=True)
class NucleusScale:
    """Sizes in pixels that follow from the typical diameter of a nucleus."""

    diameter_px: float

    @property
    def weights(self) -> NDArray[np.int32]:
        """Smoothing of the image: a Gaussian of a twenty-fifth of the diameter."""
        return _gaussian_weights(max(self.diameter_px / 25, 0.6))

    @property
    def depth_weights(self) -> NDArray[np.int32]:
        """Smoothing of the depth, which removes maxima that the pixel raster makes."""
        return _gaussian_weights(max(self.diameter_px / 14, 0.6))

    @property
    def window(self) -> int:
        """Half width of the window of the local threshold."""
        return max(round(1.5 * self.diameter_px), 3)

    @property
    def radius(self) -> int:
        """Half width of the largest nucleus: three typical diameters across."""
        return max(round(1.5 * self.diameter_px), 4)

    @property
    def join(self) -> int:
        """Seeds nearer than this are one nucleus."""
        return max(round(0.28 * self.diameter_px), 1)

    @property
    def smallest_area_px(self) -> int:
        """A nucleus has at least the area of a disc of 35 % of the typical diameter."""
        return max(round(math.pi / 4 * (0.35 * self.diameter_px) ** 2), 4)

    @property
    def basin_reach_px(self) -> int:
        """How far a label looks at basins: at the whole of its own nucleus."""
        return 2 * self.radius

    @property
    def score_reach_px(self) -> int:
        """How far a label looks at scores: at the maxima that a basin's may be joined to."""
        return self.basin_reach_px + self.join + 1

    @property
    def mask_reach_px(self) -> int:
        """How far a label looks at the mask: as far as the depth of a pixel does, smoothed."""
        return self.score_reach_px + self.radius + self.depth_weights.size // 2

    @property
    def reach_px(self) -> int:
        """How far the label of a pixel looks: the halo of a block."""
        return self.mask_reach_px + 2 * self.window + self.weights.size // 2


def _gaussian_weights(sigma_px: float) -> NDArray[np.int32]:
    """Return Gaussian weights as integers that sum to 2**WEIGHT_BITS, three sigma wide."""
    radius = math.ceil(3 * sigma_px)
    offsets = np.arange(-radius, radius + 1)
    shape = np.exp(-0.5 * (offsets / sigma_px) ** 2)
    total = 1 << WEIGHT_BITS
    weights: NDArray[np.int32] = np.floor(shape / shape.sum() * total).astype(np.int32)
    weights[radius] += total - int(weights.sum())
    return weights
