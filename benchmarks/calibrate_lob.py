"""How often blank draws exceed the limit of blank that 20 donors gave, over many calibrations.

    python benchmarks/calibrate_lob.py [--calibrations 2000] [--donors 20] [--seed 1]

For each expected background (per draw of equal exposure) and dispersion, donors are simulated,
fitted and given a limit of blank; the chance that a blank draw exceeds it is computed exactly.
Printed: the mean over calibrations (at most 5 % for Poisson and 7.5 % up to alpha 2.5 are claimed),
its Monte Carlo error, and the scatter of single calibrations (median, 95th percentile, worst).
Exit code 1 where a claim fails beyond three Monte Carlo errors.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np

from chc_gating.counting.background_distribution import find_upper_tail
from chc_gating.counting.background_fit import fit_backgrounds
from chc_gating.counting.detection import find_lob

MEANS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
ALPHAS = (0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5)
POISSON_CLAIM, DISPERSED_CLAIM = 0.05, 0.075


@dataclass(frozen=True)
class Cell:
    """One expected background and dispersion: how often blank draws exceed their limit."""

    mean: float
    alpha: float
    exceeded: float
    error: float
    median: float
    p95: float
    worst: float

    @property
    def claim(self) -> float:
        """What is claimed of the average."""
        return POISSON_CLAIM if self.alpha == 0 else DISPERSED_CLAIM

    @property
    def holds(self) -> bool:
        """Whether the average is within the claim, up to three Monte Carlo errors."""
        return self.exceeded <= self.claim + 3 * self.error


def calibrate(
    mean: float, alpha: float, *, calibrations: int, donors: int, rng: np.random.Generator
) -> Cell:
    """Return how often blank draws exceed the limit of blank over simulated calibrations."""
    shape = (calibrations, donors)
    means = rng.gamma(1 / alpha, alpha * mean, shape) if alpha else np.full(shape, mean)
    counts = rng.poisson(means).astype(float)
    fits = fit_backgrounds(counts, np.ones(shape))
    lobs = find_lob(*fits.predict(1.0))
    chances = find_upper_tail(lobs + 1, mean, alpha)
    return Cell(
        mean=mean,
        alpha=alpha,
        exceeded=float(chances.mean()),
        error=float(chances.std(ddof=1) / np.sqrt(calibrations)),
        median=float(np.median(chances)),
        p95=float(np.quantile(chances, 0.95)),
        worst=float(chances.max()),
    )


def calibrate_all(*, calibrations: int, donors: int, seed: int) -> list[Cell]:
    """Return every cell of the table."""
    rng = np.random.default_rng(seed)
    return [
        calibrate(mean, alpha, calibrations=calibrations, donors=donors, rng=rng)
        for alpha in ALPHAS
        for mean in MEANS
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calibrations", type=int, default=2000)
    parser.add_argument("--donors", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    cells = calibrate_all(**vars(options))
    print("| alpha | mean | exceeded | MC error | median | 95 % of calibrations below | worst |")
    print("|---|---|---|---|---|---|---|")
    for c in cells:
        flag = "" if c.holds else f" above {c.claim:.3f}"
        print(
            f"| {c.alpha:g} | {c.mean:g} | {c.exceeded:.4f}{flag} | {c.error:.4f} | {c.median:.4f} "
            f"| {c.p95:.3f} | {c.worst:.3f} |"
        )
    print(f"{options.calibrations} calibrations a cell, {time.perf_counter() - start:.1f} s")
    if not all(c.holds for c in cells):
        sys.exit(1)


if __name__ == "__main__":
    main()
