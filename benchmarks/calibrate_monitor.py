"""False alarms, run lengths and power of the monitor, over simulated series with known truth."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
from calibration import ERRORS, Row, Section

from chc_gating.monitoring.change import Measured, find_clinical_p
from chc_gating.monitoring.control_chart import (
    find_cusum_run_length,
    find_reference,
    run_charts,
)
from chc_gating.monitoring.false_alarms import Follow, find_false_alarm_chance
from chc_gating.monitoring.power import POWER, find_critical_count, find_smallest_rise
from chc_gating.monitoring.rules import MonitorRules

Generator = np.random.Generator

RATES = (0.4, 0.8, 1.6, 4.0)
"""Cells per mL of a series in which nothing changes."""
VOLUMES = (5.09, 4.80, 5.30, 5.09, 4.60, 5.00, 5.20, 4.90)
BASELINE_ML = (5.0, 5.0)
DAYS = tuple(f"2026-0{month}-01" for month in range(1, 9))
CHARTS = ((0.4, 4.0), (0.8, 5.0), (0.8, 6.0), (1.6, 8.0))
"""Rate of no change per mL, and h; for a rise to twice the rate, in 5 mL."""
LONGEST = 20_000
EXPECTED, ALPHA = (3.0, 5.0, 10.0, 20.0, 100.0), 0.1
APPROXIMATE_POWER, APPROXIMATE_SIZE = 0.75, 0.075


def calibrate_false_alarms(studies: int, rng: Generator) -> Section:
    """The stated chance of a confirmed false alarm against series that are followed."""
    rows = []
    for rule in ("cusum", "ewma"):
        for known in (True, False):
            rules = MonitorRules(alarm_rule=rule)
            baseline_ml = None if known else sum(BASELINE_ML)
            follow = Follow(VOLUMES, DAYS, baseline_ml)
            stated = tuple(find_false_alarm_chance(rate, follow, rules=rules) for rate in RATES)
            seen = tuple(_share_alarms(studies, rng, rate, rules, known=known) for rate in RATES)
            name = f"{rule}, {'rate known' if known else 'baseline of two draws'}"
            rows += [
                Row(f"{name}: stated", stated),
                Row(f"{name}: seen", seen, at_most=stated, at_least=stated),
            ]
    return Section(
        "False alarms of the monitor",
        f"Share of series of {len(VOLUMES)} draws without a change that end in an alarm confirmed "
        "by two draws in a row (`false_alarm_chance`); default settings.",
        "cells per mL",
        tuple(f"{rate:g}" for rate in RATES),
        tuple(rows),
    )


def _share_alarms(
    studies: int, rng: Generator, rate: float, rules: MonitorRules, *, known: bool
) -> float:
    return float(np.mean([_follow(rng, rate, rules, known=known) for _ in range(studies)]))


def _follow(rng: Generator, rate: float, rules: MonitorRules, *, known: bool) -> bool:
    """Follow one series draw by draw, by the functions that the monitor's charts are drawn with."""
    low = rate if known else rng.poisson(rate * np.array(BASELINE_ML)).sum() / sum(BASELINE_ML)
    if low == 0:
        return False
    counts = rng.poisson(rate * np.array(VOLUMES)).tolist()
    places = run_charts(counts, VOLUMES, low_per_ml=low, rules=rules)
    signals = [place.signal for place in places]
    return any(one and two for one, two in pairwise(signals))


def calibrate_run_lengths(studies: int, rng: Generator) -> Section:
    """Simulated run lengths of the CUSUM over those that the Markov chain states."""
    quiet, risen, errors = [], [], []
    for rate, h in CHARTS:
        reference = 5 * find_reference(rate, 2 * rate)
        for fold, found in ((1, quiet), (2, risen)):
            stated = find_cusum_run_length(5 * rate * fold, reference=reference, h=h)
            lengths = _run_until_signal(studies, rng, 5 * rate * fold, reference=reference, h=h)
            found.append(float(lengths.mean()) / stated)
            errors.append(float(lengths.std(ddof=1)) / sqrt(studies) / stated)
    margin = ERRORS * max(errors)
    stated_text = ", ".join(
        f"{find_cusum_run_length(5 * rate, reference=5 * find_reference(rate, 2 * rate), h=h):.0f}"
        for rate, h in CHARTS
    )
    return Section(
        "CUSUM run length",
        "Mean draws to a signal in simulation over those stated (Markov chain); 5 mL a draw.",
        "rate per mL, h",
        tuple(f"{rate:g}, {h:g}" for rate, h in CHARTS),
        (
            Row("no change", tuple(quiet), at_least=1, at_most=1, margin=margin),
            Row("risen twofold", tuple(risen), at_least=1, at_most=1, margin=margin),
        ),
        (f"Stated without a change: {stated_text} draws.",),
    )


def _run_until_signal(
    studies: int, rng: Generator, mean: float, *, reference: float, h: float
) -> np.ndarray:
    totals, lengths = np.zeros(studies), np.zeros(studies)
    alive = np.ones(studies, dtype=bool)
    for _ in range(LONGEST):
        lengths[alive] += 1
        totals[alive] = np.maximum(0, totals[alive] + rng.poisson(mean, alive.sum()) - reference)
        alive &= totals <= h
        if not alive.any():
            break
    return lengths


def calibrate_power(studies: int, rng: Generator) -> Section:
    """How often the smallest detectable rise is found, and a rise that is none."""
    exact, clinical, false, false_clinical = [], [], [], []
    for mean in EXPECTED:
        fold = find_smallest_rise(mean, exposure_ml=5, next_exposure_ml=5) or 1.0
        first, second = rng.poisson(mean, studies), rng.poisson(mean * fold, studies)
        exact.append(_share_rises(first, second))
        false.append(_share_rises(rng.poisson(mean, studies), rng.poisson(mean, studies)))
        fold = find_smallest_rise(mean, exposure_ml=5, next_exposure_ml=5, biological_alpha=ALPHA)
        first, second = (_scatter(studies, rng, m) for m in (mean, mean * (fold or 1.0)))
        clinical.append(_share_clinical_rises(first, second))
        first, second = (_scatter(studies, rng, mean) for _ in range(2))
        false_clinical.append(_share_clinical_rises(first, second))
    return Section(
        "Smallest detectable rise of two draws",
        "Share of pairs called a rise at one-sided 5 % (counting alone: the critical next count; "
        f"with alpha {ALPHA:g}: the clinical p halved, a rise only) at the rise that is stated to "
        "be found with 80 % power, and without one. The latter are approximate.",
        "expected baseline",
        tuple(f"{mean:g}" for mean in EXPECTED),
        (
            Row("counting alone: power", tuple(exact), at_least=POWER),
            Row("counting alone: no rise", tuple(false), at_most=0.05),
            Row(f"alpha {ALPHA:g}: power", tuple(clinical), at_least=APPROXIMATE_POWER),
            Row(f"alpha {ALPHA:g}: no rise", tuple(false_clinical), at_most=APPROXIMATE_SIZE),
        ),
    )


def _scatter(studies: int, rng: Generator, mean: float) -> np.ndarray:
    """Return counts of draws whose true rates scatter by the dispersion alpha."""
    return rng.poisson(rng.gamma(1 / ALPHA, ALPHA * mean, studies))


def _share_rises(first: np.ndarray, second: np.ndarray) -> float:
    critical = {
        int(k): find_critical_count(int(k), exposure_ml=5, next_exposure_ml=5)
        for k in np.unique(first)
    }
    return float(
        np.mean([two >= critical[int(one)] for one, two in zip(first, second, strict=True)])
    )


def _share_clinical_rises(first: np.ndarray, second: np.ndarray) -> float:
    return float(
        np.mean(
            [
                two > one
                and find_clinical_p(Measured(int(one), 5), Measured(int(two), 5), alpha=ALPHA)
                <= 0.1
                for one, two in zip(first, second, strict=True)
            ]
        )
    )


def calibrate_sections(*, studies: int, seed: int) -> list[Section]:
    """Return every section of the monitor."""
    runs = (calibrate_false_alarms, calibrate_run_lengths, calibrate_power)
    return [
        run(studies, np.random.default_rng([seed, *(ord(letter) for letter in run.__name__)]))
        for run in runs
    ]
