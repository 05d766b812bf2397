"""The nuclei of an image that fits in memory: what `chc segment` does, on an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box, grid_blocks
from chc_gating.imaging.methods import choose_method
from chc_gating.imaging.terrain import GreyImage
from chc_gating.model.segmentation import DEFAULT_METHOD, NUCLEUS_DIAMETER_UM, Method


def segment_nuclei(
    dna: NDArray[Any], pixel_size_um: float | None = None, *, method: Method = DEFAULT_METHOD
) -> NDArray[np.int32]:
    """Return labels of the nuclei in an image of the DNA channel.

    Parameters
    ----------
    dna : (y, x) integers or floats
        Grey levels; nuclei are bright. uint8 and uint16 are taken as they are; any other type is
        stretched to 16 bits, from its least to its greatest value.
    pixel_size_um : float, optional
        Micrometres per pixel; without it the typical diameter is estimated from the image.
    method : str
        One that looks at the DNA channel, as in a panel's ``segmentation``.

    Returns
    -------
    (y, x) int32
        0 is background; nuclei are 1, 2, ... in raster order of their seed pixels.
        All 0 where there is no nucleus.

    Raises
    ------
    ValueError
        The image is not two-dimensional or not finite, the pixel size is not positive, or the
        method looks at no image or cannot be used on this one.

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
    chosen = choose_method(method)
    height, width = dna.shape
    result = np.zeros((height, width), np.int32)
    if dna.size == 0:
        return result
    grey = _stretch_levels(dna)
    diameter_px = (
        chosen.find_diameter(grey) if pixel_size_um is None else NUCLEUS_DIAMETER_UM / pixel_size_um
    )

    def read(box: Box) -> GreyImage:
        return grey[box.slices]

    prepared = chosen.prepare(read, (height, width), diameter_px=diameter_px)
    seeds = np.full((height, width), -1, np.int64)
    for block in grid_blocks((height, width)):
        outer = block.grow(prepared.reach_px, (height, width))
        seeds[block.slices] = prepared.label_block(grey[outer.slices], block, outer=outer)
    inside = seeds >= 0
    result[inside] = np.unique(seeds[inside], return_inverse=True)[1] + 1
    return result


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
