"""Area under the ROC curve of rates, with an interval that holds at an area of 1 too."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from chc_gating.counting.intervals import CONFIDENCE
from chc_gating.model.events import FloatArray

_NEAR = 1e-12


def find_auc(higher: FloatArray, lower: FloatArray) -> float:
    """Return P(a rate of ``higher`` is above one of ``lower``), ties counted one half.

    Examples
    --------
    >>> find_auc(np.array([2.0, 3.0]), np.array([0.0, 2.0]))
    0.875
    """
    difference = np.sign(higher[:, None] - lower[None, :])
    return float((difference.mean() + 1) / 2)


def find_auc_limits(
    area: float, n_higher: int, n_lower: int, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the score-type limits of Newcombe (2006, Statistics in Medicine 25, 559), method 5.

    |area - A| = z sqrt(V(A)), V the exponential-model variance of Hanley and McNeil (1982) with
    both sizes less 1 replaced by their mean. DeLong's variance is 0 where groups do not overlap,
    and would give a small study no width; this one gives it.
    """
    z = float(ndtri((1 + confidence) / 2))
    # At an area of 0 or 1 the excess has a root in the estimate itself, which is not the limit.
    inside = min(max(area, _NEAR), 1 - _NEAR)
    sizes = (area, n_higher, n_lower, z)
    low = 0.0 if area <= 0 else brentq(_excess, 0.0, inside, args=sizes)
    high = 1.0 if area >= 1 else brentq(_excess, inside, 1.0, args=sizes)
    return float(low), float(high)


def _excess(true: float, area: float, n_higher: int, n_lower: int, z: float) -> float:
    others = (n_higher + n_lower) / 2 - 1
    spread = 1 + others * ((1 - true) / (2 - true) + true / (1 + true))
    variance = true * (1 - true) * spread / (n_higher * n_lower)
    return abs(area - true) - z * float(np.sqrt(variance))
