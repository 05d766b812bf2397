"""Whether acquisitions of one draw agree: exact tests of counts in proportion to exposures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.special import bdtr, bdtrc, gammaln

from chc_gating.counting.exposure_mixture import find_effective_volume
from chc_gating.counting.groups import Group
from chc_gating.model.exposure import Recovery
from chc_gating.model.phenotypes import CANDIDATE_CLASSES

DIFFERENCE_P = 0.001
"""Below it acquisitions are flagged: their counts do not fit one rate."""
_MOST_CELLS = 200_000
"""Outcomes times acquisitions that are enumerated, in about 0.1 s; beyond it a bound is taken."""
_TIE = 1e-7
"""Part by which probabilities that are equal may differ by rounding."""


def find_homogeneity_p(counts: Sequence[int], exposures: Sequence[float]) -> float:
    """Return the exact p value of one rate for all acquisitions.

    Given their sum the counts are multinomial, in the proportions of the exposures. Two: central
    binomial, twice the smaller tail. More: the probability of all outcomes that are no likelier
    than the one seen; where these are too many, the smallest central p of one acquisition against
    all others times their number (Bonferroni), which is never below the size it claims.

    counts : (a,) events. exposures : (a,) mL, above 0.

    Returns 1.0 for fewer than two acquisitions or no event at all.

    Examples
    --------
    >>> round(find_homogeneity_p([1, 11], [2.0, 3.0925]), 4)
    0.0441
    """
    total, volume = sum(counts), sum(exposures)
    if len(counts) < 2 or total == 0:
        return 1.0
    shares = [exposure / volume for exposure in exposures]
    if len(counts) == 2:
        return _find_central_p(counts[0], total, shares[0])
    outcomes = math.comb(total + len(counts) - 1, len(counts) - 1)
    if outcomes * len(counts) <= _MOST_CELLS:
        return _find_multinomial_p(counts, shares)
    alone = (_find_central_p(k, total, q) for k, q in zip(counts, shares, strict=True))
    return min(1.0, len(counts) * min(alone))


def _find_central_p(count: int, total: int, share: float) -> float:
    below = float(bdtr(count, total, share))
    above = float(bdtrc(count - 1, total, share)) if count > 0 else 1.0
    return min(1.0, 2 * min(below, above))


def _find_multinomial_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    total, parts = sum(counts), len(counts)
    bars = np.array(list(combinations(range(total + parts - 1), parts - 1)))
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, total + parts - 1)))
    outcomes = np.vstack([np.array(counts)[np.newaxis], np.diff(edges, axis=1) - 1])
    log_p = gammaln(total + 1) + (
        outcomes * np.log(np.array(shares)) - gammaln(outcomes + 1.0)
    ).sum(axis=1)
    seen, others = log_p[0], log_p[1:]
    return min(1.0, float(np.exp(others[others <= seen + _TIE]).sum()))


def find_differing_phenotypes(group: Group, recovery: Recovery | None) -> tuple[str, ...]:
    """Return CHC and CTC where the summed acquisitions' counts do not fit one rate.

    By the exposures that were measured, before a recovery end to end replaces them. Not asked
    where one is not known, and where recovery would be needed to compare them and is not known.
    Leukocytes are not asked: of millions, the error of a pipette is a difference.
    """
    exposures = [member.exposure for member in group.summed]
    mixed = len({exposure.recovery_applies for exposure in exposures}) > 1
    if group.volume_ml is None or (mixed and recovery is None):
        return ()
    volumes = [find_effective_volume([exposure], recovery) for exposure in exposures]
    return tuple(
        name
        for name in CANDIDATE_CLASSES
        if find_homogeneity_p(group.list_events(name), volumes) < DIFFERENCE_P
    )
