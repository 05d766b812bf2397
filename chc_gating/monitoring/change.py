"""Change between two draws: by counting alone, and with the biology between draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, gammaln, xlogy

from chc_gating.counting.intervals import CONFIDENCE
from chc_gating.monitoring.distributions import (
    FloatArray,
    find_binomial_tails,
    find_log_likelihood,
)
from chc_gating.monitoring.rate_ratio import find_ratio

_NEWTON_STEPS = 100
_TAIL_SDS = 12.0
"""Standard deviations of a Poisson count beyond which nothing is added to a sum."""


@dataclass(frozen=True)
class Measured:
    """One draw of a comparison: events and mL of blood really examined, without recovery."""

    count: int
    exposure_ml: float

    def __post_init__(self) -> None:
        if self.count < 0 or not self.exposure_ml > 0:
            raise ValueError(f"a count of 0 or more in a volume above 0, not {self}")


@dataclass(frozen=True)
class Change:
    """The change from an earlier to a later draw; the ratio is later over earlier.

    ``ratio`` is None where the earlier count is 0 (no finite ratio), ``ratio_high`` likewise;
    ``p_clinical`` where the laboratory's alpha is not known. ``p_midp`` and ``p_score`` are
    extras.
    """

    ratio: float | None
    ratio_low: float
    ratio_high: float | None
    p_analytical: float
    p_midp: float
    p_score: float
    p_clinical: float | None


def compare_draws(
    earlier: Measured, later: Measured, *, biological_alpha: float | None = None
) -> Change:
    """Return the change between two draws.

    Analytical: given the sum n, the later count is Bin(n, E2 / (E1 + E2)) when nothing changed
    (Przyborowski & Wilenski 1940, Biometrika 31, 313); p is twice the smaller tail, the ratio's
    limits are Clopper & Pearson's (1934), q / (1 - q) * E1 / E2. Clinical: the likelihood ratio
    of negative binomials with the laboratory's alpha, chi-square with 1 degree of freedom.
    Both counts 0: every p is 1 and the ratio is not known.
    """
    ratio, low, high = find_ratio_limits(earlier, later)
    share = later.exposure_ml / (earlier.exposure_ml + later.exposure_ml)
    total = earlier.count + later.count
    below, above = find_binomial_tails(later.count, total, share=share)
    half = _binomial_mass(later.count, total, share) / 2
    clinical = (
        None
        if biological_alpha is None
        else find_clinical_p(earlier, later, alpha=biological_alpha)
    )
    return Change(
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        p_analytical=min(1.0, 2 * min(below, above)),
        p_midp=min(1.0, 2 * min(below - half, above - half)),
        p_score=find_score_p(earlier, later),
        p_clinical=clinical,
    )


def find_ratio_limits(
    earlier: Measured, later: Measured, *, confidence: float = CONFIDENCE
) -> tuple[float | None, float, float | None]:
    """Return the rate ratio, later over earlier, and its exact limits; None is no finite value."""
    found = find_ratio(
        later.count,
        earlier.count,
        first_ml=later.exposure_ml,
        second_ml=earlier.exposure_ml,
        confidence=confidence,
    )
    return found.value, found.low or 0.0, found.high


def _binomial_mass(successes: int, trials: int, share: float) -> float:
    choices = gammaln(trials + 1) - gammaln(successes + 1) - gammaln(trials - successes + 1)
    log_mass = choices + xlogy(successes, share) + xlogy(trials - successes, 1 - share)
    return math.exp(float(log_mass))


def find_score_p(earlier: Measured, later: Measured) -> float:
    """Return the two-sided p of the score E-test (Krishnamoorthy & Thomson 2004), an extra.

    The score statistic's null distribution is summed over both Poisson counts at the rate that
    is likeliest when nothing changed.
    """
    total = earlier.count + later.count
    if total == 0:
        return 1.0
    volume = earlier.exposure_ml + later.exposure_ml
    means = [total * each.exposure_ml / volume for each in (earlier, later)]
    first, second = (np.arange(_last_count(mean) + 1, dtype=float) for mean in means)
    chances = np.outer(_poisson_mass(first, means[0]), _poisson_mass(second, means[1]))
    scale = later.exposure_ml / earlier.exposure_ml
    observed = float(_score(np.array(float(earlier.count)), np.array(float(later.count)), scale))
    possible = _score(first[:, None], second[None, :], scale)
    return min(1.0, float(chances[np.abs(possible) >= abs(observed) - 1e-12].sum()))


def _score(first: FloatArray, second: FloatArray, scale: float) -> FloatArray:
    spread = np.sqrt(np.maximum((first + second) * scale, 1e-300))
    return np.asarray(np.where(first + second > 0, (second - first * scale) / spread, 0.0))


def _last_count(mean: float) -> int:
    return int(mean + _TAIL_SDS * math.sqrt(mean) + 30)


def _poisson_mass(counts: FloatArray, mean: float) -> FloatArray:
    return np.asarray(np.exp(xlogy(counts, mean) - mean - gammaln(counts + 1)))


def find_clinical_p(earlier: Measured, later: Measured, *, alpha: float) -> float:
    """Return the likelihood-ratio p of no change when draws scatter by NB(mean, alpha) too."""
    counts = np.array([earlier.count, later.count], dtype=float)
    volumes = np.array([earlier.exposure_ml, later.exposure_ml])
    if counts.sum() == 0:
        return 1.0
    rate = find_common_rate(counts, volumes, alpha=alpha)
    gain = find_log_likelihood(counts, counts, alpha) - find_log_likelihood(
        counts, rate * volumes, alpha
    )
    return float(chdtrc(1, max(0.0, 2 * gain)))


def find_common_rate(counts: FloatArray, volumes: FloatArray, *, alpha: float) -> float:
    """Return the likeliest common rate per mL of NB counts with a known alpha; 0 for no event."""
    if counts.sum() == 0:
        return 0.0
    log_rate = math.log(float(counts.sum() / volumes.sum()))
    for _ in range(_NEWTON_STEPS):
        means = math.exp(log_rate) * volumes
        slope = float(((counts - means) / (1 + alpha * means)).sum())
        information = float((means * (1 + alpha * counts) / (1 + alpha * means) ** 2).sum())
        step = max(-1.0, min(1.0, slope / information))
        log_rate += step
        if abs(step) < 1e-13:
            break
    return math.exp(log_rate)
