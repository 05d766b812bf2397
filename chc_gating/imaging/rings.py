"""Cells as nucleus plus ring: every pixel near a nucleus belongs to the nearest one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.kernels.cell_entries import grow_labels

IndexImage = NDArray[np.int32]

_FAR = 2**30 - 1
"""Above any distance and label of the kernel; twice it fits an int32."""


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
    reach = math.floor(max(radius_px, 0.0))
    shift = int(nuclei.max(initial=0)).bit_length()
    if (2 * reach * reach + 1) << shift > _FAR:
        raise ChcError(
            f"a ring of {radius_px:.0f} px is too wide for this many nuclei; lower ring_um"
        )
    nuclei = np.ascontiguousarray(nuclei)
    grown: IndexImage = np.empty_like(nuclei)
    space = np.empty((2, nuclei.shape[1]), np.int32)
    limit = math.floor(radius_px * radius_px)
    grow_labels(nuclei, grown, space, reach, limit, shift, _FAR)
    return grown
