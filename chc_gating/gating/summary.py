"""Sums of all workers to one result. All are integers, so their order does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.candidates import CandidateRows, CandidateStore
from chc_gating.gating.density_edges import Edges
from chc_gating.gating.result import CandidateTable, GatingResult
from chc_gating.gating.rules import SingletRule
from chc_gating.gating.task import Task, name_leaves
from chc_gating.gating.worker import Worker
from chc_gating.kernels.plan_arrays import HIGH_CUT, LOW_CUT, NOMINAL
from chc_gating.kernels.records import State, Sums
from chc_gating.model.density import Density
from chc_gating.model.events import EventStream, FloatArray, StoredBatch
from chc_gating.model.flags import EVENT_FLAGS, event_flag_bit

IntArray = NDArray[np.int64]
GATING_FLAGS = ("nonfinite", "saturated", "leans_on_saturated", "bead", "left_by_when")
"""The event flags that this pass sets; a slide's others come from its cells."""


@dataclass(frozen=True)
class Kept:
    """What every event of a stream is: (n,) populations, leaf class, flags; None: not kept."""

    mask: NDArray[np.uint64] | None
    leaf: NDArray[np.int16] | None
    flags: NDArray[np.uint32] | None

    def store(self, state: State, first_event: int) -> None:
        """Put a batch in its place."""
        place = slice(first_event, first_event + len(state.mask))
        if self.mask is not None:
            self.mask[place] = state.mask[:, NOMINAL]
        if self.leaf is not None:
            self.leaf[place] = state.leaf
        if self.flags is not None:
            self.flags[place] = state.flags


class Times:
    """Notes the time of every bin's first event, and of the last event, as batches go by."""

    def __init__(self, stream: EventStream, bin_first: IntArray) -> None:
        self.channel = stream.time_channel if stream.event_count else None
        self.factor = 1.0 if self.channel is None else float(stream.factors[self.channel])
        self.events = np.append(bin_first[:-1], bin_first[-1] - 1)
        self.seconds = np.full(len(self.events), np.nan)

    def note(self, stored: StoredBatch, first_event: int) -> None:
        """Note the times of the bounds that lie in a batch."""
        if self.channel is None:
            return
        here = (self.events >= first_event) & (self.events < first_event + len(stored))
        rows = self.events[here] - first_event
        self.seconds[here] = stored[rows, self.channel].astype(np.float64) * self.factor

    @property
    def start_s(self) -> FloatArray | None:
        """Seconds at which every bin starts, None where there is no time."""
        return None if self.channel is None else self.seconds[:-1]

    @property
    def end_s(self) -> FloatArray | None:
        """Seconds at which every bin ends, None where there is no time."""
        return None if self.channel is None else self.seconds[1:]


def summarize(
    task: Task,
    stream: EventStream,
    *,
    workers: Sequence[Worker],
    candidates: CandidateStore,
    times: Times,
    scales: Sequence[Edges],
    kept: Kept | None,
) -> GatingResult:
    """Return the result of a pass."""
    plan = task.plan
    order = plan.population_names
    sums = _add_up([w.sums for w in workers])
    rows = _add_up_classes(task)
    classes = sums.leaf @ rows
    counts = classes.sum(axis=0)
    no_beads = sums.population - sums.bead
    phenotype = order.index(plan.phenotype)
    return GatingResult(
        event_count=stream.event_count,
        channels=plan.channel_names,
        population_names=order,
        population_parents=plan.population_parents,
        population_counts=sums.population.sum(axis=0),
        population_invalid=sums.undecided.sum(axis=0),
        class_names=() if plan.phenotypes is None else plan.phenotypes.rows,
        class_counts=counts[NOMINAL],
        class_low_cut=counts[LOW_CUT] if plan.sensitive else None,
        class_high_cut=counts[HIGH_CUT] if plan.sensitive else None,
        class_without_saturated=sums.clean.sum(axis=0) @ rows,
        flag_counts=_count_flags(sums, task),
        bin_first_event=task.course.bin_first[:-1],
        bin_events=np.diff(task.course.bin_first),
        bin_start_s=times.start_s,
        bin_end_s=times.end_s,
        bin_phenotype_events=no_beads[:, phenotype],
        bin_candidates=sums.leaf[:, NOMINAL, task.course.is_candidate].sum(axis=1),
        bin_population_counts=sums.population,
        bin_class_counts=classes[:, NOMINAL],
        phenotype_events=int(no_beads[:, phenotype].sum()),
        nucleated_events=(
            None if plan.nucleated is None else int(no_beads[:, order.index(plan.nucleated)].sum())
        ),
        bead_events=(
            None if plan.bead is None else int(sums.population[:, order.index(plan.bead)].sum())
        ),
        cuts=plan.cuts,
        densities=_build_densities(task, sums.densities, scales),
        channel_saturated=sums.saturated,
        channel_at_lower_margin=sums.at_lowest,
        channel_nonfinite=sums.nonfinite,
        candidates=_build_candidates(task, stream, candidates),
        leaf_names=name_leaves(task.plan),
        lines={
            order[p]: rule.line
            for p, rule in task.rules.items()
            if isinstance(rule, SingletRule) and rule.line is not None
        },
        event_mask=None if kept is None else kept.mask,
        event_class=None if kept is None else kept.leaf,
        event_flags=None if kept is None else kept.flags,
    )


def _add_up_classes(task: Task) -> IntArray:
    """Return (L, C): 1 where a leaf class belongs to a row of the count table."""
    phenotypes = task.plan.phenotypes
    names = () if phenotypes is None else phenotypes.rows
    rows = np.zeros((len(name_leaves(task.plan)), len(names)), dtype=np.int64)
    for column, name in enumerate(names):
        if phenotypes is not None:
            rows[list(phenotypes.leaves_of(name)), column] = 1
    return rows


def _add_up(parts: Sequence[Sums]) -> Sums:
    """Return the sums of all workers; at the lowest value are the events of those that saw it."""
    columns = zip(*parts, strict=True)
    total = Sums(*(np.sum(arrays, axis=0, dtype=arrays[0].dtype) for arrays in columns))
    lowest = np.min([part.lowest for part in parts], axis=0)
    at_lowest = sum(np.where(part.lowest == lowest, part.at_lowest, 0) for part in parts)
    return total._replace(lowest=lowest, at_lowest=np.asarray(at_lowest))


def _count_flags(sums: Sums, task: Task) -> dict[str, int]:
    """Count the flags of this pass, and those of the front end where it has any."""
    names = GATING_FLAGS if task.front_flags is None else tuple(EVENT_FLAGS)
    counts = sums.flags.sum(axis=0).tolist()
    return {name: counts[int(event_flag_bit(name)).bit_length() - 1] for name in names}


def _build_densities(
    task: Task, counts: NDArray[np.uint32], scales: Sequence[Edges]
) -> tuple[Density, ...]:
    return tuple(
        Density(
            population=planned.population,
            x=planned.x.channel,
            y=planned.y.channel,
            x_edges=scales[2 * d][1],
            y_edges=scales[2 * d + 1][1],
            x_scale=scales[2 * d][0],
            y_scale=scales[2 * d + 1][0],
            counts=counts[d],
            stride=task.course.stride,
        )
        for d, planned in enumerate(task.plan.densities)
    )


def _build_candidates(task: Task, stream: EventStream, store: CandidateStore) -> CandidateTable:
    m = len(task.plan.channels)
    nothing = CandidateRows(
        event=np.empty(0, dtype=np.int64),
        leaf=np.empty(0, dtype=np.int16),
        flags=np.empty(0, dtype=np.uint32),
        values=np.empty((0, 2 * m)),
    )
    parts = [nothing, *store.rows]
    event = np.concatenate([p.event for p in parts])
    leaf = np.concatenate([p.leaf for p in parts]).tolist()
    values = np.concatenate([p.values for p in parts])
    phenotypes = task.plan.phenotypes
    return CandidateTable(
        event_index=event,
        event_id=event if stream.event_ids is None else stream.event_ids(event),
        bin=np.searchsorted(task.course.bin_first, event, side="right") - 1,
        phenotype=() if phenotypes is None else tuple(phenotypes.families[i] for i in leaf),
        sub_phenotype=() if phenotypes is None else tuple(phenotypes.classes[i] for i in leaf),
        raw=values[:, m:],
        compensated=values[:, :m],
        flags=np.concatenate([p.flags for p in parts]),
        total=store.total,
        flag_counts=dict(store.flag_counts),
    )
