"""One worker of the pass: gates batches, and adds them to sums of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chc_gating.gating.calls import call_events, prepare_batch, set_up_found, set_up_state
from chc_gating.gating.candidates import CandidateRows, CandidateStore
from chc_gating.gating.task import Task, set_up_room, set_up_sums
from chc_gating.kernels.entries import compute_values
from chc_gating.kernels.records import Found, Room, State, Sums
from chc_gating.model.events import StoredBatch


@dataclass
class Worker:
    """Sums over the batches that it was given; candidates go to a store that all share."""

    task: Task
    candidates: CandidateStore
    sums: Sums = field(init=False)
    _room: Room | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.sums = set_up_sums(self.task)

    def gate(self, stored: StoredBatch, first_event: int) -> State:
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
        self._keep(stored, first_event, found, count)
        return state

    def _keep(self, stored: StoredBatch, first_event: int, found: Found, count: int) -> None:
        """Count a batch's candidates, and keep them with their values where there is room."""
        self.candidates.count(found.flags[:count])
        kept = min(count, self.candidates.room_for(first_event))
        arrays, rows = self.task.arrays, found.row[:kept]
        values = np.empty((len(rows), 2 * stored.shape[1]))
        terms = arrays.term_first, arrays.term_detector, arrays.term_weight
        compute_values(stored, rows, *terms, values)
        self.candidates.keep(
            first_event,
            CandidateRows(
                event=rows + first_event,
                leaf=found.leaf[:kept].copy(),
                flags=found.flags[:kept].copy(),
                values=values,
            ),
        )
