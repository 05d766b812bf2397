"""A count over a background that was counted itself: labelled extras, never the call.

n events on (the draw), m off (the control or the donors), ``ratio`` the on exposure over the off.
"""

from __future__ import annotations

import math

from scipy.special import betainc, xlogy

_HALF_CHI2_95 = 1.9207294103470609
"""Half the quantile .95 of chi2 with one degree of freedom."""


def find_excess_p(on: int, off: int, ratio: float) -> float:
    """Return the exact p of no excess, P(Bin(n + m, ratio / (1 + ratio)) >= n).

    Przyborowski and Wilenski 1940, Biometrika 31, 313: given the total, the split is binomial.

    Examples
    --------
    >>> round(find_excess_p(13, 11, 0.5), 8)
    0.02844113
    """
    return float(betainc(on, off + 1, ratio / (1 + ratio))) if on > 0 else 1.0


def find_li_ma(on: int, off: int, ratio: float) -> float:
    """Return Li and Ma's significance (1983, ApJ 272, 317, eq. 17), negative below expectation.

    It overstates at small counts: for (5, 0, .2) it says 4.23 where the exact value is 3.65.
    """
    total = on + off
    on_part = xlogy(on, (1 + ratio) / ratio * on / total) if on else 0.0
    off_part = xlogy(off, (1 + ratio) * off / total) if off else 0.0
    size = math.sqrt(max(0.0, 2 * float(on_part + off_part)))
    return size if on >= ratio * off else -size


def find_profile_interval(on: int, off: int, ratio: float) -> tuple[float, float]:
    """Return the 95 % profile-likelihood interval of the true events among the n.

    Rolke, Lopez and Conrad 2005, NIM A 551, 493. Not below 0; 0 where n is at most ratio m.

    Examples
    --------
    >>> [round(limit, 6) for limit in find_profile_interval(13, 11, 0.5)]
    [0.445621, 16.37289]
    """
    from scipy.optimize import brentq  # slow to load, and only needed here

    best = max(0.0, on - ratio * off)
    top = _find_profile(best, on, off, ratio)

    def drop(signal: float) -> float:
        return top - _find_profile(signal, on, off, ratio) - _HALF_CHI2_95

    low = 0.0 if best == 0 or drop(0.0) <= 0 else brentq(drop, 0.0, best, xtol=1e-12)
    high = best + 10 + 10 * math.sqrt(on + ratio**2 * off + 1)
    return float(low), float(brentq(drop, best, high, xtol=1e-12))


def _find_profile(signal: float, on: int, off: int, ratio: float) -> float:
    """Return the log-likelihood at the background that fits a signal best, up to a constant."""
    a = 1 + ratio
    b = (on + off) * ratio - a * signal
    # The background's own root, in the form that does not cancel.
    root = math.sqrt(b * b + 4 * a * ratio * off * signal)
    background = (b + root) / (2 * a) if b >= 0 else 2 * ratio * off * signal / (root - b)
    expected = signal + background
    return float(
        xlogy(on, expected) - expected + xlogy(off, background / ratio) - background / ratio
    )
