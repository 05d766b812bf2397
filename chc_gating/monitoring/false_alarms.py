"""How often the whole rule of alarm would cry out over a series in which nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chc_gating.monitoring.control_chart import find_reference
from chc_gating.monitoring.distributions import FloatArray
from chc_gating.monitoring.rules import MonitorRules

SEED = 20_240_503
RUNS = 20_000
"""A chance of 5 % has a standard error of .15 %."""


@dataclass(frozen=True)
class Follow:
    """What a series follows: mL of every draw after the baseline, and their days in order.

    baseline_ml : mL of the baseline that the rate of no change is the mean of; None where that
        rate is a setting, and so known.
    """

    exposures_ml: Sequence[float]
    days: Sequence[str]
    baseline_ml: float | None


def find_false_alarm_chance(rate_per_ml: float, follow: Follow, *, rules: MonitorRules) -> float:
    """Return the chance of a confirmed alarm within a series of one constant rate.

    By seeded simulation of the rule as it is followed: Poisson counts at the draws' exposures, the
    chart of ``alarm_rule``, ``alarm_confirm`` signals in a row on different days. Where the rate of
    no change is the baseline's mean, each run has a baseline of its own, so that the baseline's
    scatter is in it; a run whose baseline is empty has no chart, and no alarm.
    """
    generator = np.random.default_rng(SEED)
    low = np.full(RUNS, rate_per_ml)
    if follow.baseline_ml is not None:
        low = generator.poisson(rate_per_ml * follow.baseline_ml, RUNS) / follow.baseline_ml
    volumes = np.asarray(follow.exposures_ml, dtype=np.float64)
    counts = generator.poisson(rate_per_ml * volumes[:, np.newaxis], (volumes.size, RUNS))
    signals = _SIGNALS[rules.alarm_rule](counts, volumes, low, rules) & (low > 0)
    return float(_confirm(signals, follow.days, rules.alarm_confirm).mean())


def _signal_cusum(
    counts: np.ndarray, volumes: FloatArray, low: FloatArray, rules: MonitorRules
) -> np.ndarray:
    """Return (draws, runs) bool: S above h."""
    reference, total = find_reference(1.0, rules.cusum_ratio) * low, np.zeros(RUNS)
    signals = np.zeros(counts.shape, dtype=bool)
    for i, volume in enumerate(volumes):
        total = np.maximum(0.0, total + counts[i] - reference * volume)
        signals[i] = total > rules.cusum_h
    return signals


def _signal_ewma(
    counts: np.ndarray, volumes: FloatArray, low: FloatArray, rules: MonitorRules
) -> np.ndarray:
    """Return (draws, runs) bool: the weighted mean above its limit."""
    weight, mean, variance = rules.ewma_weight, low, np.zeros(RUNS)
    signals = np.zeros(counts.shape, dtype=bool)
    for i, volume in enumerate(volumes):
        mean = (1 - weight) * mean + weight * counts[i] / volume
        variance = (1 - weight) ** 2 * variance + weight**2 * low / volume
        signals[i] = mean > low + rules.ewma_width * np.sqrt(variance)
    return signals


_SIGNALS = {"cusum": _signal_cusum, "ewma": _signal_ewma}


def _confirm(signals: np.ndarray, days: Sequence[str], confirm: int) -> np.ndarray:
    """Return (runs,) bool: enough signals in a row, those of one day being one."""
    row, alarmed = np.zeros(RUNS, dtype=np.int64), np.zeros(RUNS, dtype=bool)
    for i, signal in enumerate(signals):
        new_day = i == 0 or days[i] != days[i - 1]
        row = np.where(signal, np.where(row == 0, 1, row + new_day), 0)
        alarmed |= row >= confirm
    return alarmed
