"""What the events of one batch are: the plan, in as few kernel calls as its gates allow."""

from __future__ import annotations

import numpy as np

from chc_gating.gating.task import Task
from chc_gating.kernels.entries import sweep
from chc_gating.kernels.records import Found, Room, State, Sums
from chc_gating.model.events import StoredBatch


def call_events(
    stored: StoredBatch,
    first_event: int,
    *,
    task: Task,
    sums: Sums,
    state: State,
    found: Found,
    room: Room,
    stop: int | None = None,
) -> int:
    """Gate a batch (n, m), add it to the sums, return how many candidates were found.

    A run of rectangles, ratios and `when` is one kernel call. Before a gate of another kind the
    kernel stops and leaves the state of the batch; the gate's rule enters its population there.
    stop : gate only the populations before this one, into the state, and add nothing to the sums.
    """
    stop = len(task.plan.population_names) if stop is None else stop
    front = _NO_FLAGS if task.front_flags is None else task.front_flags
    flags = front[first_event : first_event + len(stored)].view()
    flags.flags.writeable = False  # kernels are compiled for one kind of array

    def run(start: int, end: int) -> int:
        given = task.arrays, task.course, sums, state, found, room
        return int(sweep(stored, first_event, start, end, flags, *given))

    start = 1
    for p, rule in task.rules.items():
        if p >= stop:
            break
        if start == 1 or start < p:
            run(start, p)
        rule.enter(stored, p, int(task.arrays.gate_parent[p]), state)
        start = p + 1
    return run(start, stop)


_NO_FLAGS = np.empty(0, dtype=np.uint32)


def set_up_state(n: int) -> State:
    """Return room for what n events are."""
    return State(
        mask=np.zeros((n, 3), dtype=np.uint64),
        invalid=np.zeros(n, dtype=np.uint64),
        leaf=np.zeros(n, dtype=np.int16),
        flags=np.zeros(n, dtype=np.uint32),
        near=np.zeros(n, dtype=np.uint8),
    )


def set_up_found(n: int) -> Found:
    """Return room for n candidates."""
    return Found(
        row=np.empty(n, dtype=np.int64),
        leaf=np.empty(n, dtype=np.int16),
        flags=np.empty(n, dtype=np.uint32),
    )


def prepare_batch(stored: StoredBatch) -> StoredBatch:
    """Return the batch as kernels are compiled for: aligned, contiguous, read-only.

    The data of an FCS file start at any byte, so a view of its map is often not aligned.
    """
    prepared = np.require(stored, requirements=["A", "C"]).view()
    prepared.flags.writeable = False
    return prepared
