"""The negative binomial likelihood of counts with exposures, for many alphas at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from chc_gating.model.events import FloatArray

IntArray = npt.NDArray[np.int64]

MOST_ALPHA = 50.0
"""Largest over-dispersion that is searched: a patient's SD seven times the mean."""
_LEAST_ALPHA = 1e-5
"""Below it the Gamma functions cancel to fewer digits than alpha matters in: Poisson."""
_COARSE, _FINE, _REFINEMENTS = 28, 9, 4
"""The top of a smooth profile: a grid of log alpha, four times a quarter of the way to its
neighbours, then a parabola. 65 alphas in six calls; the height is right to 1e-9."""
_NO_GAIN = 1e-7
"""Log-likelihood below which a dispersion is the search's accuracy, and is none."""
_NEWTON_STEPS = 60


@dataclass(frozen=True)
class Stratum:
    """Draws of one rate: counts and exposures (n,), the counts that occur and how often (u,)."""

    counts: IntArray
    exposures: FloatArray
    found: IntArray
    times: IntArray

    @classmethod
    def of(cls, counts: IntArray, exposures: FloatArray) -> Stratum:
        """Return a stratum; its counts are gone through once."""
        return cls(counts, exposures, *np.unique(counts, return_counts=True))

    def scaled(self, factor: float) -> Stratum:
        """Return the stratum with its exposures times a factor."""
        return replace(self, exposures=self.exposures * factor)


def find_best_alpha(profile: Callable[[FloatArray], FloatArray]) -> tuple[float, float]:
    """Return the alpha at which a profile is highest, and its height there.

    profile : (a,) alphas to (a,) log-likelihoods. Alpha is 0 where no dispersion gains on it.
    """
    none = float(profile(np.zeros(1))[0])
    grid = np.linspace(np.log(_LEAST_ALPHA), np.log(MOST_ALPHA), _COARSE)
    values = profile(np.exp(grid))
    for _ in range(_REFINEMENTS):
        best = int(np.argmax(values))
        around = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
        grid = np.linspace(*around, _FINE)
        values = profile(np.exp(grid))
    point, height = float(grid[np.argmax(values)]), float(values.max())
    vertex = _find_vertex(grid, values)
    if vertex is not None:
        at_vertex = float(profile(np.exp(np.array([vertex])))[0])
        point, height = (vertex, at_vertex) if at_vertex >= height else (point, height)
    return (0.0, none) if none >= height - _NO_GAIN else (float(np.exp(point)), height)


def _find_vertex(grid: FloatArray, values: FloatArray) -> float | None:
    """Return where the parabola through the highest point and its neighbours is highest."""
    best = int(np.argmax(values))
    if not 0 < best < grid.size - 1:
        return None
    left, top, right = values[best - 1 : best + 2]
    bend = left - 2 * top + right
    if bend >= 0:
        return None
    return float(grid[best] + (left - right) / (2 * bend) * (grid[1] - grid[0]))


def solve_rates(stratum: Stratum, alphas: FloatArray) -> FloatArray:
    """Return (a,) rates that solve sum (x - b E) / (1 + alpha b E) = 0; 0 for counts all zero."""
    counts, exposures = stratum.counts, stratum.exposures
    if stratum.found[-1] == 0:
        return np.zeros(alphas.size)
    log_rates = np.full(alphas.size, np.log(counts.sum() / exposures.sum()))
    for _ in range(_NEWTON_STEPS):
        means = np.exp(log_rates)[:, None] * exposures
        spread = 1 + alphas[:, None] * means
        score = ((counts - means) / spread).sum(axis=1)
        slope = (means * (1 + alphas[:, None] * counts) / spread**2).sum(axis=1)
        step = np.clip(score / slope, -1, 1)
        log_rates = log_rates + step
        if np.abs(step).max() < 1e-10:  # the next step would be its square
            break
    return np.asarray(np.exp(log_rates), dtype=np.float64)


def add_log_likelihoods(stratum: Stratum, rates: FloatArray, alphas: FloatArray) -> FloatArray:
    """Return (a,) sums over draws of log P(count) at each rate and alpha, 0 for Poisson.

    Gamma functions are of the counts that occur, not of every draw: most draws share theirs.
    """
    counts, found, times = stratum.counts, stratum.found, stratum.times
    means = rates[:, None] * stratum.exposures
    safe = np.maximum(means, 1e-300)
    logs = np.log(safe) @ counts.astype(np.float64)
    poisson = logs - means.sum(axis=1)
    dispersed = alphas > _LEAST_ALPHA / 2
    a = np.where(dispersed, alphas, 1.0)
    size = 1 / a
    gammas = (gammaln(found + size[:, None]) - gammaln(size)[:, None]) @ times
    spread = np.log1p(a[:, None] * means)
    binomial = logs - spread @ counts - size * spread.sum(axis=1)
    total = np.where(dispersed, gammas + binomial + counts.sum() * np.log(a), poisson)
    return np.asarray(total - times @ gammaln(found + 1.0), dtype=np.float64)
