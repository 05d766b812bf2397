"""Whether donors scatter more than by counting alone: printed, never used to choose a model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc, gammaln

from chc_gating.model.events import FloatArray

_MOST_EVENTS = 60
"""Events up to which the exact distribution is computed: beyond it chi2 is as good."""
_EQUAL = 1e-9


@dataclass(frozen=True)
class DispersionTest:
    """Pearson's chi2 of equal rates, with its p by chi2; ``exact_p`` where it is computed."""

    chi2: float
    degrees: int
    p: float
    exact_p: float | None


def find_dispersion(counts: FloatArray, exposures: FloatArray) -> DispersionTest | None:
    """Return Pearson's test of one rate for all donors; None without events or with one donor.

    counts, exposures : (n,).
    """
    if counts.sum() == 0 or counts.size < 2:
        return None
    expected = exposures * counts.sum() / exposures.sum()
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    degrees = counts.size - 1
    equal = has_equal_exposures(exposures)
    exact = _find_exact_p(counts) if equal and counts.sum() <= _MOST_EVENTS else None
    return DispersionTest(chi2, degrees, float(gammaincc(degrees / 2, chi2 / 2)), exact)


def has_equal_exposures(exposures: FloatArray, *, tolerance: float = _EQUAL) -> bool:
    """Return whether all exposures are the same, to a relative tolerance."""
    return bool(np.ptp(exposures) <= tolerance * exposures.max())


def _find_exact_p(counts: FloatArray) -> float:
    """Return P(sum of squares >= observed) for events that fall on donors at random.

    Given their total, equal rates are a multinomial distribution; donors are added one by one.
    """
    total, donors = int(counts.sum()), counts.size
    states: dict[tuple[int, int], float] = {(0, 0): 1.0}
    shares = np.exp(-gammaln(np.arange(total + 1) + 1.0))
    for _ in range(donors):
        following: defaultdict[tuple[int, int], float] = defaultdict(float)
        for (used, squares), weight in states.items():
            for more in range(total - used + 1):
                following[used + more, squares + more * more] += weight * float(shares[more])
        states = following
    observed = int((counts**2).sum())
    scale = float(np.exp(gammaln(total + 1.0) - total * np.log(donors)))
    return scale * sum(
        weight
        for (used, squares), weight in states.items()
        if used == total and squares >= observed
    )
