"""Stability in time: a burst and a clog are marked, noise never."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.flow.quality import assess_time, describe_stability


@dataclass(frozen=True)
class Bins:
    """Equal runs of events that start at these times and end with the next."""

    bin_first_event: np.ndarray
    bin_events: np.ndarray
    bin_start_s: np.ndarray | None
    bin_end_s: np.ndarray | None
    bin_phenotype_events: np.ndarray
    bin_candidates: np.ndarray


def bins_of(durations_s: np.ndarray, *, events: int = 1000) -> Bins:
    edges = np.concatenate([[0.0], np.cumsum(durations_s)])
    count = len(durations_s)
    return Bins(
        np.arange(count) * events,
        np.full(count, events),
        edges[:-1],
        edges[1:],
        np.full(count, events // 2),
        np.arange(count),
    )


def steady(seed: int, *, bins: int = 256, events: int = 1000, rate: float = 5000) -> np.ndarray:
    return np.random.default_rng(seed).gamma(events, 1 / rate, size=bins)


def unstable(bins: Bins) -> list[int]:
    return [i for i, b in enumerate(assess_time(bins)) if b.unstable]


def test_what_goes_in_comes_out_with_a_rate() -> None:
    first, second = assess_time(bins_of(np.array([2.0, 4.0])))

    assert (first.first_event, first.events, first.start_s, first.end_s) == (0, 1000, 0.0, 2.0)
    assert (first.rate_per_s, second.rate_per_s) == (500.0, 250.0)
    assert (second.phenotype_events, second.candidates) == (500, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([4, 20, 300, 5000, 100_000]))
def test_poisson_noise_is_never_marked(seed: int, events: int) -> None:
    assert unstable(bins_of(steady(seed, events=events), events=events)) == []


@pytest.mark.parametrize("fold", [0.1, 0.4, 2.0, 5.0])
def test_a_burst_and_a_clog_are_marked(fold: float) -> None:
    durations_s = steady(1)
    durations_s[100:110] /= fold

    assert unstable(bins_of(durations_s)) == list(range(100, 110))


def test_a_burst_amid_equal_bins_is_marked() -> None:
    durations_s = np.full(64, 10.0)
    durations_s[20] /= 3

    assert unstable(bins_of(durations_s)) == [20]


def test_a_slow_drift_is_not_marked() -> None:
    durations_s = steady(2) * np.linspace(0.8, 1.25, 256)

    assert unstable(bins_of(durations_s)) == []


def test_a_clock_that_ticks_coarser_than_bins_marks_nothing() -> None:
    # 40 events at 5,000 a second last 8 ms; the clock of a BD file counts hundredths.
    edges = np.concatenate([[0.0], np.cumsum(steady(3, events=40))])
    durations_s = np.diff(np.floor(edges * 100) / 100)

    assert unstable(bins_of(durations_s, events=40)) == []


def test_a_gap_between_bins_counts_to_the_first() -> None:
    durations_s = steady(4)
    bins = bins_of(durations_s)
    assert bins.bin_start_s is not None
    assert bins.bin_end_s is not None
    later = np.where(np.arange(256) > 50, 30.0, 0.0)
    apart = Bins(
        bins.bin_first_event,
        bins.bin_events,
        bins.bin_start_s + later,
        bins.bin_end_s + later,
        bins.bin_phenotype_events,
        bins.bin_candidates,
    )

    assert unstable(apart) == [50]


def test_a_time_that_runs_back_is_marked_and_has_no_rate() -> None:
    durations_s = steady(5)
    durations_s[30] = -3.0
    assessed = assess_time(bins_of(durations_s))

    assert [i for i, b in enumerate(assessed) if b.unstable] == [30]
    assert assessed[30].rate_per_s is None


def test_events_in_no_order_of_time_have_no_rates_and_no_marks() -> None:
    start_s = np.random.default_rng(6).random(64) * 100
    durations_s = np.diff(start_s)
    bins = assess_time(bins_of(durations_s))

    assert all(b.rate_per_s is None and not b.unstable for b in bins)
    assert "no order of time" in describe_stability(bins)[0]


def test_without_time_nothing_is_assessed() -> None:
    bins = bins_of(steady(7))
    timeless = Bins(
        bins.bin_first_event, bins.bin_events, None, None, bins.bin_events, bins.bin_candidates
    )
    assessed = assess_time(timeless)

    assert all(b.start_s is None and b.rate_per_s is None and not b.unstable for b in assessed)
    assert "no time" in describe_stability(assessed)[0]


def test_too_few_bins_are_not_assessed() -> None:
    assessed = assess_time(bins_of(np.array([1.0, 1.0, 1.0, 9.0])))

    assert not any(b.unstable for b in assessed)
    assert "too few" in describe_stability(assessed)[0]


def test_a_tube_without_events_has_no_bins() -> None:
    assert assess_time(bins_of(np.array([]))) == ()
    assert describe_stability(()) == ()


def test_unstable_stretches_are_told_in_words() -> None:
    durations_s = steady(8)
    durations_s[5] *= 10

    assert describe_stability(assess_time(bins_of(steady(8)))) == ()
    assert describe_stability(assess_time(bins_of(durations_s))) == (
        "1 of 256 time bins (1000 events) ran at an unstable rate; they are marked, not removed",
    )
