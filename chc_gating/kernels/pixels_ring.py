"""Rings around nuclei: each pixel near a nucleus goes to the nearest one.

Axes: (y, x) pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

IndexImage = NDArray[np.int32]

_FAR = np.int32(2**31 - 1)


@kernel
def grow_labels(labels: IndexImage, offsets: IndexImage) -> IndexImage:
    """Return labels grown into the background by the distance of ``offsets``.

    ``offsets`` (k, 3) has (dy, dx, dy*dy + dx*dx) of every pixel within reach. A background
    pixel takes the label at the least distance, of equal distances the lower label; a label
    loses nothing. The order in which pixels are visited does not matter: the least of (distance,
    label) is the same in any order. Only rim pixels are spread, since the label pixel nearest to
    a background pixel always has a background pixel beside it.
    """
    height, width = labels.shape
    grown = labels.copy()
    nearest = np.full((height, width), _FAR, np.int32)
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label == 0:
                continue
            rim = (
                (y > 0 and labels[y - 1, x] == 0)
                or (y + 1 < height and labels[y + 1, x] == 0)
                or (x > 0 and labels[y, x - 1] == 0)
                or (x + 1 < width and labels[y, x + 1] == 0)
            )
            if not rim:
                continue
            for k in range(offsets.shape[0]):
                ny, nx = y + offsets[k, 0], x + offsets[k, 1]
                if ny < 0 or ny >= height or nx < 0 or nx >= width or labels[ny, nx] != 0:
                    continue
                distance = offsets[k, 2]
                if distance < nearest[ny, nx] or (
                    distance == nearest[ny, nx] and label < grown[ny, nx]
                ):
                    nearest[ny, nx] = distance
                    grown[ny, nx] = label
    return grown
