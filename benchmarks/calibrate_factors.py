"""Coverage where the exposure itself is uncertain: end to end, blood count, bead lot, and two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from calibration import Row, Section

from chc_gating.counting.blood_count import find_log_sigma
from chc_gating.counting.exposure_mixture import mix_exposures
from chc_gating.counting.intervals import find_rate_interval
from chc_gating.model.exposure import Exposure, Recovery, UncertainFactor

Generator = np.random.Generator

MEANS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
CLAIM = 0.94
BLOOD_COUNTS, BEAD_LOTS, BEADS = (0.055645, 0.138), (0.05, 0.15), 2_000
END_TO_END = ((0.25, 100), (0.25, 1000), (0.45, 100))
"""Recovery of the whole way and cells spiked."""


def calibrate_end_to_end(studies: int, rng: Generator) -> list[Row]:
    """A recovery end to end: whole blood, of which the recovery says what was counted."""
    rows = []
    for rate, spiked in END_TO_END:
        shares, limits = [], keep_limits(lambda r, n=spiked: _whole_blood(r, n))
        for mean in MEANS:
            found = np.maximum(rng.binomial(spiked, rate, studies), 1)
            shares.append(_share(rng.poisson(mean, studies), found, mean / rate, limits))
        name = f"end to end: R {rate:g}, {spiked:,} cells spiked"
        rows.append(Row(name, tuple(shares), at_least=CLAIM))
    return rows


def _whole_blood(recovered: int, spiked: int) -> tuple[Exposure, Recovery]:
    blood = Exposure(volume_ml=1.0, source="volume_ml")
    return blood, Recovery(recovered=recovered, spiked=spiked, scope="end_to_end")


def calibrate_log_normal(studies: int, rng: Generator) -> list[Row]:
    """A blood count, or a bead lot with beads counted, whose stated number is off."""
    rows = []
    for cv in BLOOD_COUNTS:
        factor = UncertainFactor(name="cells per uL", sigma=find_log_sigma(cv))
        shares = tuple(_cover_factor(studies, rng, mean, [factor], 0.0) for mean in MEANS)
        rows.append(Row(f"blood count, CV {cv:.3g}", shares, at_least=CLAIM))
    for cv in BEAD_LOTS:
        factor = UncertainFactor(name="bead lot", sigma=find_log_sigma(cv))
        shares = tuple(_cover_factor(studies, rng, mean, [factor], BEADS**-0.5) for mean in MEANS)
        name = f"bead lot, CV {cv:.3g}, {BEADS:,} beads counted"
        rows.append(Row(name, shares, at_least=CLAIM))
    return rows


def _cover_factor(
    studies: int,
    rng: Generator,
    mean: float,
    factors: Sequence[UncertainFactor],
    counting_cv: float,
) -> float:
    """The stated volume is 1; the true one is off by the factors and by the beads counted."""
    sigma = float(np.hypot(factors[0].sigma, counting_cv))
    true = np.exp(sigma * rng.standard_normal(studies))
    # The true rate is such that the stated volume, times its error, holds the expected count.
    counts = rng.poisson(mean * true)

    exposure = Exposure(
        volume_ml=1.0, source="beads", uncertain=tuple(factors), counting_cv=counting_cv
    )
    limits = keep_limits(lambda _: (exposure, None))
    return _share(counts, np.ones(studies, dtype=int), mean, limits)


def calibrate_two_factors(studies: int, rng: Generator) -> list[Row]:
    """A bead lot and a handling recovery together."""
    lot = UncertainFactor(name="bead lot", sigma=find_log_sigma(0.1))
    exposure = Exposure(volume_ml=1.0, source="beads", uncertain=(lot,))
    limits = keep_limits(lambda r: (exposure, Recovery(recovered=r, spiked=10, scope="handling")))
    shares = []
    for mean in MEANS:
        found = np.maximum(rng.binomial(10, 0.75, studies), 1)
        counts = rng.poisson(mean * np.exp(lot.sigma * rng.standard_normal(studies)))
        shares.append(_share(counts, found, mean / 0.75, limits))
    name = "bead lot, CV 0.1, and R 0.75 of 10 cells"
    return [Row(name, tuple(shares), at_least=CLAIM)]


Limits = Callable[[int, int], tuple[float, float]]


def keep_limits(make: Callable[[int], tuple[Exposure, Recovery | None]]) -> Limits:
    """Return the limits of a count and the spiked cells found; each pair is computed once."""

    @cache
    def limits(count: int, recovered: int) -> tuple[float, float]:
        exposure, recovery = make(recovered)
        interval = find_rate_interval(count, mix_exposures([exposure], recovery, shape=count + 1))
        return interval.low, interval.high

    return limits


def _share(counts: np.ndarray, found: np.ndarray, rate: float, limits: Limits) -> float:
    pairs = zip(counts.tolist(), found.tolist(), strict=True)
    return float(np.mean([low <= rate <= high for low, high in (limits(*one) for one in pairs)]))


def calibrate_sections(*, studies: int, seed: int) -> list[Section]:
    """Return the table of uncertain exposures."""
    runs = (calibrate_end_to_end, calibrate_log_normal, calibrate_two_factors)
    rows = [
        row
        for run in runs
        for row in run(studies, np.random.default_rng([seed, *(ord(c) for c in run.__name__)]))
    ]
    return [
        Section(
            "Exposure uncertain otherwise",
            "The mixture interval; the error of the stated number is simulated in every study.",
            "expected count",
            tuple(f"{mean:g}" for mean in MEANS),
            tuple(rows),
        )
    ]
