"""Ratio of two Poisson rates with exact conditional limits."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betaincinv

from chc_gating.counting.intervals import CONFIDENCE


@dataclass(frozen=True)
class Ratio:
    """A ratio and its limits; None: the counts give none on that side."""

    value: float | None
    low: float | None
    high: float | None


def find_ratio(
    first: int,
    second: int,
    *,
    first_ml: float = 1.0,
    second_ml: float = 1.0,
    confidence: float = CONFIDENCE,
) -> Ratio:
    """Return (first / first_ml) over (second / second_ml) with central exact limits.

    first | first + second ~ Bin(n, q); the Clopper-Pearson limits of q give q / (1 - q) times
    second_ml / first_ml (Przyborowski and Wilenski 1940, Biometrika 31, 313). Two zeros: none.

    Examples
    --------
    >>> found = find_ratio(14, 5, first_ml=4.80, second_ml=5.0925)
    >>> round(found.value, 6), round(found.low, 6), round(found.high, 6)
    (2.970625, 1.011087, 10.538345)
    """
    if first + second == 0:
        return Ratio(None, None, None)
    tail, scale = (1 - confidence) / 2, second_ml / first_ml
    low = 0.0 if first == 0 else _odds(float(betaincinv(first, second + 1, tail))) * scale
    high = None if second == 0 else _odds(float(betaincinv(first + 1, second, 1 - tail))) * scale
    return Ratio(first / second * scale if second else None, low, high)


def _odds(share: float) -> float:
    return share / (1 - share)
