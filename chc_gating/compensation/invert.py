"""The compensation matrix: the inverse of a spillover matrix, refused where it is worthless."""

from __future__ import annotations

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.model.events import FloatArray
from chc_gating.model.spillover import Spillover

MAX_CONDITION_NUMBER = 1e8
"""Beyond it a relative error of 1e-8 in the matrix, or float32 rounding, changes every value."""


def condition_number(spillover: Spillover) -> float:
    """Return the 2-norm condition number of the matrix; inf where it is singular."""
    largest_first = np.linalg.svd(spillover.matrix, compute_uv=False)
    return float(largest_first[0] / largest_first[-1]) if largest_first[-1] > 0 else float("inf")


def invert_spillover(spillover: Spillover) -> FloatArray:
    """Return the inverse (d, d) float64: compensated (n, d) = raw (n, d) @ inverse.

    Raises ChcError where the matrix is singular, or its condition number exceeds 1e8.

    Examples
    --------
    >>> s = Spillover(("A", "B"), np.array([[1.0, 0.5], [0.0, 1.0]]), "example")
    >>> invert_spillover(s)
    array([[ 1. , -0.5],
           [ 0. ,  1. ]])
    """
    condition = condition_number(spillover)
    if not condition <= MAX_CONDITION_NUMBER:
        raise ChcError(
            f"spillover from {spillover.source}: the matrix over "
            f"{', '.join(spillover.channels)} is singular (condition number {condition:.3g}, "
            f"at most {MAX_CONDITION_NUMBER:.0e}); two of its rows are almost alike: "
            "give another matrix"
        )
    return np.asarray(np.linalg.inv(spillover.matrix), dtype=np.float64)
