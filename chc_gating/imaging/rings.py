"""Cells as nucleus plus ring: every pixel near a nucleus belongs to the nearest one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.pixels_ring import grow_labels

IndexImage = NDArray[np.int32]


def grow_cells(nuclei: IndexImage, radius_px: float) -> IndexImage:
    """Return labels of cells: nuclei grown into the background by at most ``radius_px``.

    Parameters
    ----------
    nuclei : (y, x) int32
        0 is background.
    radius_px : float
        Euclidean distance between pixel centres, inclusive; below 1 nothing grows.

    Returns
    -------
    (y, x) int32
        A background pixel has the label of the nearest nucleus within reach; of equally near
        ones the lower label. Nuclei keep their pixels.

    Examples
    --------
    >>> grow_cells(np.array([[1, 0, 0, 0, 2]], np.int32), 2.0)
    array([[1, 1, 1, 2, 2]], dtype=int32)
    """
    grown: IndexImage = grow_labels(np.ascontiguousarray(nuclei), _disc_offsets(radius_px))
    return grown


def _disc_offsets(radius_px: float) -> IndexImage:
    reach = math.floor(radius_px)
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    square = dy**2 + dx**2
    inside = (square > 0) & (square <= radius_px**2)
    offsets: IndexImage = np.stack([dy[inside], dx[inside], square[inside]], axis=1).astype(
        np.int32
    )
    return offsets
