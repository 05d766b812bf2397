"""CLSI EP17-A2, the laboratory's standard for limits, beside ours where its conditions hold.

It is made for continuous measurements of repeated blanks; on counts it needs equal exposures. Its
parametric form corrects by B - K, results less samples, and is none here: donors give one result
each, so that B - K is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

EQUAL_EXPOSURES = 0.01
"""Relative difference of exposures that is called equal: pipetting is no better."""


def find_nonparametric_lob(blanks: ArrayLike) -> float:
    """Return the result at rank 0.5 + 0.95 B, between neighbours by straight line.

    EP17-A2, section 5.3.3.1. Below B = 10 the rank is the last one.

    Examples
    --------
    >>> find_nonparametric_lob([0, 0, 0, 1, 1, 2, 2, 3, 4, 8])
    8.0
    """
    ordered = np.sort(np.asarray(blanks, dtype=np.float64))
    rank = min(0.5 + 0.95 * ordered.size, float(ordered.size))
    return float(np.interp(rank, np.arange(1, ordered.size + 1), ordered))
