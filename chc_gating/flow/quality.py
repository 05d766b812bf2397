"""Stability in time: which stretches of an acquisition ran at another rate than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.acquisition import TimeBin
from chc_gating.model.events import FloatArray

IntArray = NDArray[np.int64]

FEWEST_BINS = 8
"""Fewer have no median rate worth comparing with."""

ROBUST_SDS = 5.0
"""Distance from the median log rate, in 1.4826 x MAD (the SD of a normal distribution)."""

SMALLEST_FOLD = 1.5
"""A rate within this factor of the median is never unstable: pumps drift by that much."""

POISSON_SDS = 6.0
"""Distance that chance reaches in 2 of 10^9 bins of a steady Poisson stream."""


_DISORDER = 0.25
"""Share of bins whose time runs back, from which on events are shuffled, not wrapped."""


class BinnedCounts(Protocol):
    """B runs of consecutive events, as the gating pass counts them; a NaN time gives no rate."""

    @property
    def bin_first_event(self) -> IntArray:
        """(B,) index of the first event of a bin."""

    @property
    def bin_events(self) -> IntArray:
        """(B,) number of events."""

    @property
    def bin_start_s(self) -> FloatArray | None:
        """(B,) seconds at which a bin starts; None without a time channel."""

    @property
    def bin_end_s(self) -> FloatArray | None:
        """(B,) seconds at which a bin ends."""

    @property
    def bin_phenotype_events(self) -> IntArray:
        """(B,) events of the phenotype population; carried through."""

    @property
    def bin_candidates(self) -> IntArray:
        """(B,) candidates; carried through."""


def assess_time(bins: BinnedCounts) -> tuple[TimeBin, ...]:
    """Return the bins with their rates, and ``unstable`` where the rate is another one.

    A bin is unstable when its log rate is more than 5 robust SDs (median and MAD over all bins)
    from the median, by a factor above 1.5, and by more than 6 SDs of the Poisson noise that a bin
    of so many events has (Wilson and Hilferty 1931: the cube root of a gamma variable is nearly
    normal). So a burst and a clog are marked, ordinary noise and slow drift never. A bin whose
    time runs back is unstable too; where more than a quarter do, the events are in no order of
    time: no bin has a rate, and none is marked. Bins are marked, not removed.

    Returns
    -------
    One record a bin, none without events. ``rate_per_s`` is None where the duration is not
    positive or not known. A bin lasts until the next one starts, so that a gap between two
    belongs to the first, the last to its own end. Fewer than 8 bins with a rate: none is marked.
    """
    events = np.asarray(bins.bin_events, dtype=np.float64)
    duration_s = _durations(bins.bin_start_s, bins.bin_end_s, len(events))
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.where(duration_s > 0, events / duration_s, np.nan)
    unstable = _mark_unstable(events, duration_s, rates)
    return tuple(
        TimeBin(
            first_event=int(bins.bin_first_event[i]),
            events=int(bins.bin_events[i]),
            start_s=_finite(bins.bin_start_s, i),
            end_s=_finite(bins.bin_end_s, i),
            rate_per_s=_finite(rates, i),
            phenotype_events=int(bins.bin_phenotype_events[i]),
            candidates=int(bins.bin_candidates[i]),
            unstable=bool(unstable[i]),
        )
        for i in range(len(events))
    )


def describe_stability(bins: Sequence[TimeBin]) -> tuple[str, ...]:
    """Return in words what a reader should know of these bins; () if all is well."""
    if not bins:
        return ()
    if all(b.start_s is None for b in bins):
        return ("the file gives no time in seconds; stability in time is not assessed",)
    if len(bins) > 1 and all(b.rate_per_s is None for b in bins):
        return ("the events are in no order of time; stability in time is not assessed",)
    if sum(b.rate_per_s is not None for b in bins) < FEWEST_BINS:
        return ("too few time bins; stability in time is not assessed",)
    unstable = [b for b in bins if b.unstable]
    if not unstable:
        return ()
    events = sum(b.events for b in unstable)
    return (
        f"{len(unstable)} of {len(bins)} time bins ({events} events) ran at an unstable rate; "
        "they are marked, not removed",
    )


def _durations(start_s: FloatArray | None, end_s: FloatArray | None, count: int) -> FloatArray:
    """Return (B,) seconds from a bin's start to the next one's, the last to its own end."""
    if start_s is None or end_s is None or count == 0:
        return np.full(count, np.nan)
    duration_s = np.append(start_s[1:], end_s[-1]) - start_s
    if np.count_nonzero(duration_s < 0) > _DISORDER * count:
        return np.full(count, np.nan)
    return np.asarray(duration_s)


def _mark_unstable(
    events: FloatArray, duration_s: FloatArray, rates: FloatArray
) -> NDArray[np.bool_]:
    """Return (B,) whether a bin's rate is not that of the rest."""
    runs_back = duration_s < 0
    if np.count_nonzero(np.isfinite(rates)) < FEWEST_BINS:
        return np.asarray(runs_back)
    log_rates = np.log(rates)
    median = _median(log_rates)
    spread = 1.4826 * _median(np.abs(log_rates - median))
    expected_s = events / np.exp(median)
    # A clock that ticks in hundredths of a second measures short bins within one tick: of the
    # durations that are possible the one that speaks most for stability is believed.
    tick_s = _clock_tick(duration_s)
    believed_s = np.clip(expected_s, duration_s - tick_s, duration_s + tick_s)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.log(expected_s / np.maximum(believed_s, 0.0)))
        beyond_chance = np.abs(_poisson_z(events, believed_s / expected_s)) > POISSON_SDS
        far = (distance > ROBUST_SDS * spread) & (distance > np.log(SMALLEST_FOLD))
    return np.asarray(runs_back | (far & beyond_chance))


def _median(values: FloatArray) -> float:
    """Return the median of the values (B,) that are numbers, of which there are some.

    numpy's own imports numpy.ma, as its `unique` does; that takes longer than to gate a small file.
    """
    known = np.sort(values[~np.isnan(values)])
    return float(known[(len(known) - 1) // 2 : len(known) // 2 + 1].mean())


def _clock_tick(duration_s: FloatArray) -> float:
    """Return the smallest step between durations, 0 where they are too few or too alike to tell."""
    known = duration_s[duration_s >= 0]
    steps = np.array(sorted(set(known.round(9).tolist())))
    if len(steps) < 4 and 0 not in steps:
        return 0.0
    gaps = np.diff(steps, prepend=0.0)
    return float(gaps[gaps > 0].min()) if (gaps > 0).any() else 0.0


def _poisson_z(events: FloatArray, ratio: FloatArray) -> FloatArray:
    """Return (B,) normal scores of durations over their expectation, for a steady stream."""
    shape = np.maximum(events, 1.0)
    scale = 1 / (9 * shape)
    return np.asarray((np.cbrt(ratio) - (1 - scale)) / np.sqrt(scale))


def _finite(values: FloatArray | None, index: int) -> float | None:
    if values is None or not np.isfinite(values[index]):
        return None
    return float(values[index])
