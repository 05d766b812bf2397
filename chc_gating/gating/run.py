"""The one pass over a stream of events: calls, counts per time bin, densities, candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.candidates import MAX_CANDIDATES, CandidateStore
from chc_gating.gating.density_edges import Edges, edge_axes
from chc_gating.gating.fit_lines import fit_lines
from chc_gating.gating.plan import GatePlan
from chc_gating.gating.result import GatingResult
from chc_gating.gating.summary import Kept, Times, summarize
from chc_gating.gating.task import Task, plot_course
from chc_gating.gating.worker import Worker
from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.model.events import EventStream, StoredBatch

BATCH_EVENTS = 131_072
"""Events held at once by a thread: 6 MB of 12 float32 channels; fewer cost more calls."""

EVENTS_PER_BIN, MAX_BINS = 1_000, 200
"""Time bins hold at least so many events (a rate to 3 %), and there are at most so many."""

DENSITY_EVENTS = 1_000_000
"""About so many events are filled into densities; a plot shows no more."""

EventFact = Literal["populations", "class", "flags"]
"""What can be kept of every event: 8, 2 and 4 bytes."""
_ALL_FACTS: tuple[EventFact, ...] = ("populations", "class", "flags")


def run_plan(
    stream: EventStream,
    plan: GatePlan,
    *,
    threads: int = 1,
    keep_events: bool | Collection[EventFact] = False,
    batch_events: int = BATCH_EVENTS,
    max_candidates: int = MAX_CANDIDATES,
) -> GatingResult:
    """Return what a gate plan finds in a stream, read once.

    threads : batches are gated in so many threads. keep_events : also keep what every event is,
    14 bytes each, or some of these facts. max_candidates : all are counted, the first so many are
    kept with their values.
    Neither threads nor ``batch_events`` changes any number.

    Raises RawFileError where a singlets gate finds too few events to fit its line; ValueError where
    the stream does not fit the plan, or yields other than ``event_count`` events.
    """
    kept_facts = _ALL_FACTS if keep_events is True else keep_events or ()
    task, scales = prepare_task(stream, plan, keeps_events=bool(kept_facts))
    candidates = CandidateStore(max_candidates)
    workers = [Worker(task, candidates) for _ in range(max(1, threads))]
    kept = _allocate(stream.event_count, kept_facts) if kept_facts else None
    times = Times(stream, task.course.bin_first)
    _run_batches(stream, workers, kept=kept, times=times, batch_events=batch_events)
    return summarize(
        task, stream, workers=workers, candidates=candidates, times=times, scales=scales, kept=kept
    )


def prepare_task(
    stream: EventStream, plan: GatePlan, *, keeps_events: bool
) -> tuple[Task, list[Edges]]:
    """Return a plan bound to a stream, its lines fitted, and the edges of its densities.

    Raises as `run_plan` does.
    """
    arrays = plan.bind(stream)
    rules = fit_lines(stream, plan, arrays=arrays, rules=plan.bind_rules(arrays))
    scales = _edge_densities(plan, stream, arrays)
    course = plot_course(
        plan,
        bin_first=bin_events(stream.event_count),
        edges=[edge for _, edge in scales],
        stride=max(1, -(-stream.event_count // DENSITY_EVENTS)),
    )
    task = Task(
        plan=plan,
        arrays=arrays,
        course=course,
        rules=rules,
        front_flags=stream.event_flags,
        keeps_events=keeps_events,
    )
    return task, scales


def bin_events(event_count: int) -> NDArray[np.int64]:
    """Return the first event of every time bin, and the event count, as (B + 1,) int64.

    Bins are equal runs of events, one per thousand events, at least 1 and at most 200.
    """
    bins = min(max(event_count // EVENTS_PER_BIN, 1), MAX_BINS)
    return np.arange(bins + 1, dtype=np.int64) * event_count // bins


def _edge_densities(plan: GatePlan, stream: EventStream, arrays: PlanArrays) -> list[Edges]:
    """Return x and y edges of every density, one after the other."""
    axes = tuple(axis for density in plan.densities for axis in (density.x, density.y))
    return edge_axes(axes, stream, arrays=arrays)


def _allocate(n: int, facts: Collection[EventFact]) -> Kept:
    return Kept(
        mask=np.zeros(n, dtype=np.uint64) if "populations" in facts else None,
        leaf=np.zeros(n, dtype=np.int16) if "class" in facts else None,
        flags=np.zeros(n, dtype=np.uint32) if "flags" in facts else None,
    )


@dataclass(frozen=True)
class _Piece:
    """A batch and its place in the stream."""

    stored: StoredBatch
    first_event: int


def _pieces(stream: EventStream, batch_events: int) -> Iterator[_Piece]:
    first = 0
    for stored in stream.batches(batch_events):
        yield _Piece(stored, first)
        first += len(stored)
    if first != stream.event_count:
        raise ValueError(f"the stream announces {stream.event_count} events and yields {first}")


def _run_batches(
    stream: EventStream,
    workers: Sequence[Worker],
    *,
    kept: Kept | None,
    times: Times,
    batch_events: int,
) -> None:
    """Gate all batches, every worker the next one as soon as it is free."""
    source = _pieces(stream, batch_events)
    lock = Lock()

    def work(worker: Worker) -> None:
        while True:
            with lock:
                piece = next(source, None)
                if piece is None:
                    return
                times.note(piece.stored, piece.first_event)
            state = worker.gate(piece.stored, piece.first_event)
            if kept is not None:
                kept.store(state, piece.first_event)

    if len(workers) == 1:
        work(workers[0])
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(work, workers))
