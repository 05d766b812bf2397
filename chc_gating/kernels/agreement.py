"""How well two images agree: the sums of Pearson's correlation in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

Image = NDArray[np.float32]


@kernel
def sum_products(first: Image, second: Image) -> tuple[float, float, float, float, float]:
    """Return the sums of a, b, a * a, b * b and a * b over two (y, x) images of equal size.

    Each row is summed by itself, so that small numbers are not lost in large sums.
    """
    total_a = total_b = total_aa = total_bb = total_ab = 0.0
    for y in range(first.shape[0]):
        row_a = row_b = row_aa = row_bb = row_ab = 0.0
        for x in range(first.shape[1]):
            a, b = float(first[y, x]), float(second[y, x])
            row_a += a
            row_b += b
            row_aa += a * a
            row_bb += b * b
            row_ab += a * b
        total_a += row_a
        total_b += row_b
        total_aa += row_aa
        total_bb += row_bb
        total_ab += row_ab
    return total_a, total_b, total_aa, total_bb, total_ab
