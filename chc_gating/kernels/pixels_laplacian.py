"""How sharp an image is at each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel


@kernel
def find_laplacian(image: NDArray[np.uint16], result: NDArray[np.int32]) -> None:
    """Fill ``result`` (y, x): the sum of a pixel's four neighbours less four times the pixel.

    Beyond the edge of the image the pixel itself stands for its neighbour.
    """
    height, width = image.shape
    for y in range(height):
        above = image[max(y - 1, 0)]
        row = image[y]
        below = image[min(y + 1, height - 1)]
        # The ends apart, so that what is between is a loop of vector instructions.
        for x in range(1, width - 1):
            beside = np.int32(row[x - 1]) + np.int32(row[x + 1])
            result[y, x] = beside + np.int32(above[x]) + np.int32(below[x]) - 4 * np.int32(row[x])
        for x in (0, width - 1):
            beside = np.int32(row[max(x - 1, 0)]) + np.int32(row[min(x + 1, width - 1)])
            result[y, x] = beside + np.int32(above[x]) + np.int32(below[x]) - 4 * np.int32(row[x])
