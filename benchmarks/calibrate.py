"""Whether the statistics hold what they claim, over simulated studies with known truth.

    python benchmarks/calibrate.py [--studies 2000] [--seed 1] [--quick] [--output DOCUMENT]

Writes every cell between the markers of docs/statistics.md, and exits with code 1 where a claim
does not hold beyond three Monte Carlo errors. --quick takes 100 studies a cell and writes nothing.
A module benchmarks/calibrate_NAME.py with ``calibrate_sections(*, studies, seed)`` that returns
sections (benchmarks/calibration.py) takes part by being there.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from calibration import Row, Section, render_verdicts  # noqa: E402

from chc_gating.counting.intervals import (  # noqa: E402
    ExtraLimits,
    RateInterval,
    find_extra_limits,
    find_rate_interval,
)
from chc_gating.counting.mixing import exact, mix_beta, mix_recovery  # noqa: E402
from chc_gating.counting.recovery_spread import (  # noqa: E402
    SpikeReplicate,
    predict_recovery,
)
from chc_gating.monitoring.cohort_permutation import compare_groups  # noqa: E402
from chc_gating.monitoring.cohort_rates import (  # noqa: E402
    Counts,
    find_scores,
    ratio_is_inside,
)
from chc_gating.monitoring.cohort_roc import find_auc, find_auc_limits  # noqa: E402
from chc_gating.monitoring.rate_ratio import find_ratio  # noqa: E402

DOCUMENT = ROOT / "docs" / "statistics.md"
BEGIN, END = "<!-- make calibrate: begin -->", "<!-- make calibrate: end -->"
MEANS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
NOMINAL, MIXTURE_CLAIM, APPROXIMATE_CLAIM = 0.95, 0.94, 0.94
SPIKES, RECOVERIES = (10, 100, 1000), (0.6, 0.75)
REPLICATES, REPLICATE_CELLS, PRECISIONS = 5, 100, (10.0, 40.0)
SPREAD_RECOVERY = 0.75
GROUP_SIZES, ALPHAS, GROUP_MEANS = (5, 10, 20), (0.0, 0.5, 2.0), (1.0, 3.0, 10.0, 50.0)
AREAS = (0.5, 0.7, 0.9, 0.97)
QUICK_STUDIES = 100

Generator = np.random.Generator


def _covers(interval: RateInterval, rate: float) -> bool:
    return interval.low <= rate <= interval.high


def calibrate_exact(studies: int, rng: Generator) -> Section:
    """Garwood's limits, the one-sided bound, and the extras for comparison."""

    @cache
    def limits(count: int) -> tuple[RateInterval, ExtraLimits]:
        one = exact(1.0)
        return find_rate_interval(count, one), find_extra_limits(count, one)

    shares: list[tuple[float, ...]] = []
    for mean in MEANS:
        found = [limits(int(k)) for k in rng.poisson(mean, studies)]
        covered = [
            (
                _covers(one, mean),
                mean <= one.upper,
                extra.jeffreys_low <= mean <= extra.jeffreys_high,
                extra.midp_low <= mean <= extra.midp_high,
            )
            for one, extra in found
        ]
        shares.append(tuple(np.mean(covered, axis=0).tolist()))
    garwood, bound, jeffreys, midp = (tuple(column) for column in zip(*shares, strict=True))
    return Section(
        "Exposure and recovery exact",
        "Share of studies whose interval holds the true rate, by expected count.",
        "expected count",
        tuple(f"{mean:g}" for mean in MEANS),
        (
            Row("Garwood, 95 %", garwood, at_least=NOMINAL),
            Row("one-sided 95 % upper bound", bound, at_least=NOMINAL),
            Row("Jeffreys (an extra)", jeffreys),
            Row("mid-p (an extra)", midp),
        ),
    )


def calibrate_mixture(studies: int, rng: Generator) -> Section:
    """The mixture over R ~ Beta(recovered + 1/2, lost + 1/2)."""
    rows = [
        Row(
            f"R {recovery:g}, {spiked:,} cells spiked",
            tuple(_cover_mixture(studies, rng, spiked, recovery, mean) for mean in MEANS),
            at_least=MIXTURE_CLAIM,
        )
        for recovery in RECOVERIES
        for spiked in SPIKES
    ]
    return Section(
        "Recovery from one spike draw",
        "The mixture interval; recovery and count are simulated in every study.",
        "expected count",
        tuple(f"{mean:g}" for mean in MEANS),
        tuple(rows),
    )


def _cover_mixture(
    studies: int, rng: Generator, spiked: int, recovery: float, mean: float
) -> float:
    @cache
    def interval(count: int, recovered: int) -> RateInterval:
        mixture = mix_recovery(recovered, spiked - recovered, shape=count + 1)
        return find_rate_interval(count, mixture)

    recovered = rng.binomial(spiked, recovery, studies)
    while not recovered.all():  # a spike draw without a cell is refused, not used
        recovered = np.where(recovered > 0, recovered, rng.binomial(spiked, recovery, studies))
    counts = rng.poisson(mean, studies)
    rate = mean / recovery
    pairs = zip(counts.tolist(), recovered.tolist(), strict=True)
    return float(np.mean([_covers(interval(k, r), rate) for k, r in pairs]))


def calibrate_spread(studies: int, rng: Generator) -> Section:
    """The beta-binomial predictive recovery, with the patient's own recovery drawn too."""
    rows, recovery = [], SPREAD_RECOVERY
    for precision in PRECISIONS:
        spread = np.sqrt(recovery * (1 - recovery) / (1 + precision))
        shares = _cover_spread(studies, rng, recovery, precision)
        rows.append(Row(f"R {recovery:g}, SD {spread:.3f}", shares, at_least=MIXTURE_CLAIM))
    return Section(
        f"Recovery differs between spike draws ({REPLICATES} of {REPLICATE_CELLS} cells)",
        "The beta-binomial recovery of a new draw; the patient's recovery is another draw of the "
        "same distribution.",
        "expected count",
        tuple(f"{mean:g}" for mean in MEANS),
        tuple(rows),
    )


def _cover_spread(
    studies: int, rng: Generator, recovery: float, precision: float
) -> tuple[float, ...]:
    a, b = recovery * precision, (1 - recovery) * precision
    own = rng.beta(a, b, studies)
    found = rng.binomial(REPLICATE_CELLS, rng.beta(a, b, (studies, REPLICATES)))
    shapes = [_find_shape(counts.tolist()) for counts in found]
    shares = []
    for mean in MEANS:
        rate = mean / recovery
        counts = rng.poisson(rate * own)
        covered = [
            _covers(find_rate_interval(k, mix_beta(*shape, shape=k + 1)), rate)
            for k, shape in zip(counts.tolist(), shapes, strict=True)
        ]
        shares.append(float(np.mean(covered)))
    return tuple(shares)


def _find_shape(recovered: list[int]) -> tuple[float, float]:
    shape = predict_recovery([SpikeReplicate(k, REPLICATE_CELLS) for k in recovered])
    if shape is not None:
        return shape.a, shape.b
    total = sum(recovered)
    return total + 0.5, REPLICATES * REPLICATE_CELLS - total + 0.5


def calibrate_pair(studies: int, rng: Generator) -> Section:
    """The exact conditional interval of the ratio of two counts."""

    @cache
    def limits(first: int, second: int) -> tuple[float, float]:
        ratio = find_ratio(first, second)
        high = np.inf if ratio.high is None else ratio.high
        return (0.0 if ratio.low is None else ratio.low), high

    means = MEANS[1:]
    rows = []
    for true in (1.0, 3.0, 10.0):
        shares = []
        for mean in means:
            counts = zip(rng.poisson(true * mean, studies), rng.poisson(mean, studies), strict=True)
            found = [limits(int(one), int(two)) for one, two in counts]
            shares.append(float(np.mean([low <= true <= high for low, high in found])))
        rows.append(Row(f"true ratio {true:g}", tuple(shares), at_least=NOMINAL))
    return Section(
        "Ratio of two counts (agreement, CHC over CTC of a draw)",
        "Exact conditional limits, by the smaller expected count.",
        "expected count",
        tuple(f"{mean:g}" for mean in means),
        tuple(rows),
    )


def calibrate_groups(studies: int, rng: Generator) -> Section:
    """The ratio of two groups' rates: profile likelihood of the negative binomial."""
    rows = [
        Row(
            f"{size} patients a group, alpha {alpha:g}",
            tuple(_cover_groups(studies, rng, size, alpha, mean) for mean in GROUP_MEANS),
        )
        for size in GROUP_SIZES
        for alpha in ALPHAS
    ]
    every = [share for row in rows for share in row.shares]
    rows.append(Row("all of these", tuple(_column_means(rows)), mean_at_least=APPROXIMATE_CLAIM))
    return Section(
        "Ratio of two groups' rates",
        "Negative binomial profile likelihood held against F; approximate. The true ratio is 2.",
        "expected count of a patient",
        tuple(f"{mean:g}" for mean in GROUP_MEANS),
        tuple(rows),
        (f"The lowest of the {len(every)} cells is {min(every):.3f}.",),
    )


def _column_means(rows: list[Row]) -> Iterator[float]:
    for column in zip(*(row.shares for row in rows), strict=True):
        yield sum(column) / len(column)


def _cover_groups(studies: int, rng: Generator, size: int, alpha: float, mean: float) -> float:
    strata = np.repeat([0, 1], size)
    exposures = rng.uniform(3, 6, (studies, 2 * size))
    rates = mean / 4.5 * np.where(strata, 2.0, 1.0) * exposures
    if alpha > 0:
        rates = rates * rng.gamma(1 / alpha, alpha, rates.shape)
    counts = rng.poisson(rates)
    inside = [
        ratio_is_inside(Counts(k, e, strata), 1, 0, ratio=2.0)
        for k, e in zip(counts, exposures, strict=True)
    ]
    return float(np.mean(inside))


def calibrate_permutation(studies: int, rng: Generator) -> Section:
    """How often the permutation p is at most .05 where groups do not differ."""
    rows = []
    for alpha in ALPHAS:
        shares = []
        for mean in GROUP_MEANS:
            scale = rng.gamma(1 / alpha, alpha, (studies, 10)) if alpha > 0 else 1.0
            exposures = rng.uniform(3, 6, (studies, 10))
            counts = rng.poisson(mean / 4.5 * exposures * scale)
            strata = np.repeat([0, 1], 5)
            data = (Counts(k, e, strata) for k, e in zip(counts, exposures, strict=True))
            p = [compare_groups(find_scores(one), strata, seed=1).p for one in data]
            shares.append(float(np.mean(np.array(p) <= 0.05)))
        rows.append(Row(f"alpha {alpha:g}", tuple(shares), at_most=0.05))
    return Section(
        "Permutation p of two groups of 5",
        "Share of studies with p at most .05 where the groups do not differ.",
        "expected count of a patient",
        tuple(f"{mean:g}" for mean in GROUP_MEANS),
        tuple(rows),
    )


def calibrate_areas(studies: int, rng: Generator) -> Section:
    """Newcombe's interval of the area under the ROC curve, normal values of one spread."""
    from scipy.special import ndtri

    rows = []
    for size in GROUP_SIZES:
        shares = []
        for area in AREAS:
            shift = np.sqrt(2) * ndtri(area)
            higher, lower = rng.normal(shift, 1, (studies, size)), rng.normal(0, 1, (studies, size))
            found = [
                find_auc_limits(find_auc(one, two), size, size)
                for one, two in zip(higher, lower, strict=True)
            ]
            shares.append(float(np.mean([low <= area <= high for low, high in found])))
        rows.append(Row(f"{size} patients a group", tuple(shares), mean_at_least=APPROXIMATE_CLAIM))
    return Section(
        "Area under the ROC curve",
        "Score-type limits of Newcombe (2006), method 5; approximate.",
        "true area",
        tuple(f"{area:g}" for area in AREAS),
        tuple(rows),
    )


SECTIONS: tuple[Callable[[int, Generator], Section], ...] = (
    calibrate_exact,
    calibrate_mixture,
    calibrate_spread,
    calibrate_pair,
    calibrate_groups,
    calibrate_permutation,
    calibrate_areas,
)
"""Every section has a generator of its own, so that adding one changes no other."""


def calibrate_lob(module: ModuleType, *, studies: int, seed: int) -> Section:
    """Return the table of benchmarks/calibrate_lob.py, where it is there, in the form of this one.

    A share is the mean over calibrations of an exact chance, so its error is below that of a share
    of so many studies, and the claims are held up with room; the module itself is stricter.
    """
    cells = module.calibrate_all(calibrations=studies, donors=20, seed=seed)
    rows = []
    for alpha in dict.fromkeys(cell.alpha for cell in cells):
        own = [cell for cell in cells if cell.alpha == alpha]
        exceeded, upper, worst = (
            tuple(getattr(cell, name) for cell in own) for name in ("exceeded", "p95", "worst")
        )
        rows += [
            Row(f"alpha {alpha:g}: mean", exceeded, at_most=own[0].claim),
            Row(f"alpha {alpha:g}: 95 % of calibrations below", upper),
            Row(f"alpha {alpha:g}: worst calibration", worst),
        ]
    means = dict.fromkeys(f"{cell.mean:g}" for cell in cells)
    return Section(
        "Limit of blank from 20 donors",
        "How often a blank draw exceeds it: mean over calibrations, and how single ones scatter.",
        "expected background",
        tuple(means),
        tuple(rows),
    )


def calibrate_all(*, studies: int, seed: int) -> Iterator[Section]:
    """Yield every section: those above, then those of the modules calibrate_NAME."""
    for run in SECTIONS:
        name = [ord(letter) for letter in run.__name__]
        yield run(studies, np.random.default_rng([seed, *name]))
    for path in sorted((ROOT / "benchmarks").glob("calibrate_*.py")):
        module = importlib.import_module(path.stem)
        if path.stem == "calibrate_lob":
            yield calibrate_lob(module, studies=studies, seed=seed)
        if hasattr(module, "calibrate_sections"):
            yield from module.calibrate_sections(studies=studies, seed=seed)


def write_tables(document: Path, text: str) -> None:
    """Put the tables between the markers of a document."""
    before, _, rest = document.read_text("utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"{document}: no {BEGIN} ... {END}")
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


def main() -> None:
    """Run all sections, print them, and write them into the document."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="100 studies a cell; writes nothing")
    parser.add_argument("--output", type=Path, default=DOCUMENT)
    options = parser.parse_args()
    studies = QUICK_STUDIES if options.quick else options.studies
    start, sections, tables, misses = time.perf_counter(), [], [], []
    for section in calibrate_all(studies=studies, seed=options.seed):
        sections.append(section)
        tables.append(section.render())
        misses += [
            f"{section.heading}: {m}" for row in section.rows for m in row.list_misses(studies)
        ]
        print(f"{tables[-1]}\n\n({time.perf_counter() - start:.0f} s)\n", flush=True)
    head = (
        f"{studies:,} simulated studies a cell, seed {options.seed}; a share of .95 has a Monte "
        f"Carlo error of {np.sqrt(0.95 * 0.05 / studies):.4f}. A claim holds where no cell "
        "misses it by more than three such errors."
    )
    head += f"\n\n{render_verdicts(sections, studies)}"
    if not options.quick:
        write_tables(options.output, "\n\n".join([head, *tables]))
    print("\n".join(misses) or "Every claim holds.")
    sys.exit(bool(misses))


if __name__ == "__main__":
    main()
