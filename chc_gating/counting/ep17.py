"""CLSI EP17-A2, the laboratory's standard for limits, beside ours where its conditions hold.

It is made for continuous measurements of repeated blanks; on counts it needs equal exposures.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from chc_gating.errors import ChcError
from chc_gating.model.events import FloatArray

NORMAL_95 = 1.645
"""The quantile .95 of the normal distribution as EP17-A2 rounds it."""
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


def find_parametric_lob(blanks: ArrayLike, *, samples: int | None = None) -> float:
    """Return mean + c SD of blank results: EP17-A2 with c = 1.645 / (1 - 1 / (4 (B - K))).

    samples : K, the number of blank samples; None takes c = 1.645, without the correction.

    Raises ChcError with one result a sample: B - K is 0, and the correction does not exist.
    """
    results = np.asarray(blanks, dtype=np.float64)
    factor = NORMAL_95 if samples is None else _correct(results.size - samples)
    return float(results.mean() + factor * results.std(ddof=1))


def find_classical_lod(lob: float, low_level: FloatArray) -> float:
    """Return LoB + c SD, the SD pooled within low-level samples: c by L - J.

    low_level : (samples J, results a sample), L results in all.
    """
    samples, results = low_level.shape
    spread = math.sqrt(float(low_level.var(axis=1, ddof=1).mean()))
    return lob + _correct(samples * results - samples) * spread


def _correct(degrees: int) -> float:
    if degrees <= 0:
        raise ChcError(
            "parametric EP17-A2: one result a sample leaves B - K = 0 degrees of freedom; repeat "
            "the blanks, or use the non-parametric form"
        )
    return NORMAL_95 / (1 - 1 / (4 * degrees))
