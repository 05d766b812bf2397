"""Nuclei from the DNA channel: smoothing, local and global threshold, depth, watershed.

**Reach.** How a pixel is labelled depends only on pixels within `NucleusScale.reach_px`:

- smoothing looks half the width of its weights away;
- the local threshold compares the mean of the brighter and of the darker pixels of a window,
  themselves told apart by the window's mean: twice ``window``;
- the depth of a pixel in the mask is capped, so it looks ``radius`` px away, plus its smoothing;
- a maximum of the depth is joined to a higher one at most ``join`` px away;
- a pixel belongs to a seed at most ``radius`` away, by a way whose every pixel lies within
  ``radius`` of that seed; so does every other pixel of the same nucleus, whose area decides
  whether it is kept: 2 x ``radius``.

All of it is integer arithmetic, so equal pixels give equal labels wherever they lie. The only
numbers from farther away are those of `SlideStatistics`, taken once for the whole slide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box, grid_blocks
from chc_gating.imaging.diameter import estimate_diameter
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.statistics import SlideStatistics, measure_statistics
from chc_gating.imaging.terrain import GreyImage, survey_terrain
from chc_gating.kernels import watershed

SeedImage = NDArray[np.int64]

_EDGE_PERCENT = 25
"""A nucleus ends where its contrast falls below this share of its seed's."""


def segment_nuclei(dna: NDArray[Any], pixel_size_um: float | None = None) -> NDArray[np.int32]:
    """Return labels of the nuclei in an image of the DNA channel.

    Parameters
    ----------
    dna : (y, x) integers or floats
        Grey levels; nuclei are bright. uint8 and uint16 are taken as they are; any other type is
        stretched to 16 bits, from its least to its greatest value.
    pixel_size_um : float, optional
        Micrometres per pixel; without it the typical diameter is estimated from the image.

    Returns
    -------
    (y, x) int32
        0 is background; nuclei are 1, 2, ... in raster order of their seed pixels.
        All 0 where there is no nucleus.

    Raises
    ------
    ValueError
        The image is not two-dimensional or not finite, or the pixel size is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:60, :60]
    >>> disc = (y - 30) ** 2 + (x - 30) ** 2 < 100
    >>> labels = segment_nuclei(np.where(disc, 900, 100).astype(np.uint16), pixel_size_um=0.5)
    >>> int(labels.max())
    1
    """
    if dna.ndim != 2 or dna.dtype.kind not in "buif":
        raise ValueError(f"dna is (y, x) of grey levels; got {dna.ndim} axes of {dna.dtype}")
    if pixel_size_um is not None and not pixel_size_um > 0:
        raise ValueError(f"pixel_size_um is above 0; got {pixel_size_um}")
    height, width = dna.shape
    result = np.zeros((height, width), np.int32)
    if dna.size == 0:
        return result
    grey = _stretch_levels(dna)
    scale = (
        NucleusScale(estimate_diameter(grey))
        if pixel_size_um is None
        else NucleusScale.from_pixel_size(pixel_size_um)
    )

    def read(box: Box) -> GreyImage:
        return grey[box.slices]

    statistics = measure_statistics(read, (height, width), scale=scale)
    seeds = np.full((height, width), -1, np.int64)
    for block in grid_blocks((height, width)):
        outer = block.grow(scale.reach_px, (height, width))
        seeds[block.slices] = label_block(
            grey[outer.slices], block, outer=outer, width=width, scale=scale, statistics=statistics
        )
    inside = seeds >= 0
    result[inside] = np.unique(seeds[inside], return_inverse=True)[1] + 1
    return result


def label_block(
    dna: GreyImage,
    block: Box,
    *,
    outer: Box,
    width: int,
    scale: NucleusScale,
    statistics: SlideStatistics,
) -> SeedImage:
    """Return the seed index of each pixel of a block, -1 in the background.

    Parameters
    ----------
    dna : (y, x) uint8 or uint16
        The pixels of ``outer``, which is ``block`` grown by the scale's reach.
    width : int
        The slide's width: a seed at (y, x) of the slide has the index y * width + x.

    Returns
    -------
    (y, x) int64, of the block's shape
        Equal to what any other block says of the same pixel.
    """
    terrain = survey_terrain(dna, scale=scale, floor=statistics.floor)
    ways = watershed.climb_once(terrain.score)
    watershed.join_maxima(terrain.score, ways, scale.join)
    seeds = watershed.label_basins(
        ways, terrain.contrast, statistics.lowest_seed, _EDGE_PERCENT, scale.radius
    )
    core = block.within(outer)
    counted = core.grow(2 * scale.radius, (outer.height, outer.width))
    labels: SeedImage = watershed.keep_nuclei(
        seeds, scale.smallest_area_px, counted.edges, core.edges, (outer.y0, outer.x0), width
    )
    return labels


def _stretch_levels(image: NDArray[Any]) -> GreyImage:
    """Return an image as uint8 or uint16; types of other ranges are stretched over 16 bits."""
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    if image.dtype == np.uint16:
        return image.astype(np.uint16, copy=False)
    values = image.astype(np.float64)
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("dna holds values that are not finite")
    factor = 65535 / (high - low) if high > low else 0.0
    stretched: NDArray[np.uint16] = np.rint((values - low) * factor).astype(np.uint16)
    return stretched
