"""One worker of the pass: gates batches, and adds them to sums of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.calls import call_events, prepare_batch, set_up_found, set_up_state
from chc_gating.gating.task import Task, set_up_room, set_up_sums
from chc_gating.kernels.density import compute_values
from chc_gating.kernels.sweep import Found, Room, State, Sums
from chc_gating.model.events import FloatArray, StoredBatch


@dataclass(frozen=True)
class CandidateRows:
    """Candidates of one batch: place in the stream, leaf class, flags, (c, V) values."""

    event: NDArray[np.int64]
    leaf: NDArray[np.int16]
    flags: NDArray[np.uint32]
    values: FloatArray


@dataclass
class Worker:
    """Sums over the batches that it was given."""

    task: Task
    sums: Sums = field(init=False)
    _room: Room | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.sums = set_up_sums(self.task)

    def gate(self, stored: StoredBatch, first_event: int) -> tuple[State, CandidateRows]:
        """Gate one batch (n, m), add it to the sums, return what its events are."""
        task, stored = self.task, prepare_batch(stored)
        if self._room is None or self._room.threshold.dtype != stored.dtype:
            leaves = len(task.course.is_candidate)
            self._room = set_up_room(task.arrays, leaves, dtype=stored.dtype)
        n = len(stored)
        state = set_up_state(n if task.keeps_events or task.rules else 0)
        found = set_up_found(n)
        count = call_events(
            stored,
            first_event,
            task=task,
            sums=self.sums,
            state=state,
            found=found,
            room=self._room,
        )
        return state, self._candidates(stored, first_event, found, count)

    def _candidates(
        self, stored: StoredBatch, first_event: int, found: Found, count: int
    ) -> CandidateRows:
        arrays, rows = self.task.arrays, found.row[:count]
        values = np.empty((count, 2 * stored.shape[1]))
        terms = arrays.term_first, arrays.term_detector, arrays.term_weight
        compute_values(stored, rows, *terms, values)
        return CandidateRows(
            event=rows + first_event,
            leaf=found.leaf[:count].copy(),
            flags=found.flags[:count].copy(),
            values=values,
        )
