"""Other analytes of the same patient: reference change value and doubling time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

Z_ONE_SIDED_95 = 1.6448536269514722


def find_reference_change(analytical_cv: float, individual_cv: float) -> tuple[float, float]:
    """Return the relative rise and fall beyond which two results differ (one-sided 95 % each).

    Log-normal form (Fokkema et al. 2006, Clin Chem 52, 1602): exp(+-1.645 sqrt(2) sigma) - 1,
    sigma^2 = ln(1 + CVa^2 + CVi^2).

    Examples
    --------
    >>> [round(100 * change, 1) for change in find_reference_change(0.05, 0.15)]
    [44.1, -30.6]
    """
    sigma = math.sqrt(math.log(1 + analytical_cv**2 + individual_cv**2))
    rise = math.exp(Z_ONE_SIDED_95 * math.sqrt(2) * sigma)
    return rise - 1, 1 / rise - 1


def find_doubling(
    times: Sequence[float], values: Sequence[float]
) -> tuple[float | None, float | None, float | None] | None:
    """Return doubling time and 95 % limits by least squares on the logarithm.

    A limit that is None is "never". None as a whole for fewer than 3 values above 0, or one time.
    """
    kept = [(t, math.log(v)) for t, v in zip(times, values, strict=True) if v > 0]
    if len(kept) < 3 or len({t for t, _ in kept}) < 2:
        return None
    t, y = np.array(kept).T
    spread = float(((t - t.mean()) ** 2).sum())
    slope = float(((t - t.mean()) * y).sum() / spread)
    rest = y - y.mean() - slope * (t - t.mean())
    error = math.sqrt(float((rest**2).sum()) / (len(kept) - 2) / spread)
    wide = float(stdtrit(len(kept) - 2, 0.975)) * error
    return _double(slope), _double(slope + wide), _double(slope - wide)


def _double(slope: float) -> float | None:
    return math.log(2) / slope if slope > 0 else None
