"""The typical diameter of nuclei, estimated where no pixel size is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.nucleus_steps import measure_depth, smooth_image
from chc_gating.imaging.statistics import measure_noise
from chc_gating.imaging.terrain import GreyImage, as_uint16
from chc_gating.kernels.pixel_units import FRACTION_BITS, STEP

_SMALLEST_PX, _LARGEST_PX, _UNKNOWN_PX = 6, 150, 20
_LEAST_CONTRAST = 3
"""In SDs of pixel noise: below it nothing stands out of the image."""


def estimate_diameter(dna: GreyImage) -> float:
    """Return the typical diameter in pixels of the bright objects of an image.

    The mean depth of a disc of radius r is r/3; touching nuclei are hardly deeper than single
    ones. Between 6 and 150 px; 20 px where nothing stands out.
    """
    scale = NucleusScale(float(_UNKNOWN_PX))
    levels = smooth_image(as_uint16(dna), scale.weights)
    threshold = _split_levels(levels)
    noise = measure_noise(dna) * (1 << FRACTION_BITS)
    mask = levels > threshold
    if not mask.any() or mask.all():
        return float(_UNKNOWN_PX)
    if levels[mask].mean() - levels[~mask].mean() < _LEAST_CONTRAST * noise:
        return float(_UNKNOWN_PX)
    depth = measure_depth(mask, _LARGEST_PX // 2 * STEP)
    return float(np.clip(6 * depth[mask].mean() / STEP, _SMALLEST_PX, _LARGEST_PX))


def _split_levels(levels: NDArray[np.int32]) -> float:
    """Return Otsu's threshold of an image (Otsu 1979), on 1,024 levels."""
    counts, edges = np.histogram(levels, bins=1024)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
        between = np.where((below > 0) & (above > 0), below * above * apart, 0.0)
    return float(edges[1 + int(np.argmax(between))])
