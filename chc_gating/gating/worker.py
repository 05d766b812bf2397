"""One worker of the pass: gates batches, and adds them to sums of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.calls import Calls, call_events, prepare_batch
from chc_gating.gating.plan import GatePlan
from chc_gating.kernels.density import compute_values, fill_density
from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.kernels.tally import count_bits, count_classes, count_margins
from chc_gating.model.events import FloatArray, StoredBatch
from chc_gating.model.flags import event_flag_bit
from chc_gating.model.phenotypes import CANDIDATE_CLASSES

IntArray = NDArray[np.int64]


class Tally(NamedTuple):
    """Sums over events, per time bin."""

    population: IntArray  # (B, P)
    invalid: IntArray  # (B, P) events of the parent that the gate cannot decide
    bead: IntArray  # (B, P) counting beads among the events of each population
    flags: IntArray  # (B, 32) events per flag bit
    leaf: IntArray  # (3 scenarios, B, L) events per class
    clean: IntArray  # (B, L) the same, neither saturated nor leaning on a saturated detector


class Margins(NamedTuple):
    """Per channel, over all events."""

    saturated: IntArray  # (m,) events at or above saturation
    nonfinite: IntArray  # (m,)
    lowest: FloatArray  # (m,) lowest finite stored value, inf before any
    at_lowest: IntArray  # (m,) events that have it


@dataclass(frozen=True)
class Task:
    """What every worker needs to know.

    bin_first : (B + 1,) the first event of every time bin, and the event count.
    edges, starts : of the densities' axes, x then y; (2 D, bins + 1), and the tables of
    `find_bin`, (2 D, 65536). stride : densities take every stride-th event.
    front_flags : (n,) flags that the front end already knows, or None.
    """

    plan: GatePlan
    arrays: PlanArrays
    bin_first: IntArray
    edges: FloatArray
    starts: NDArray[np.int16]
    stride: int
    front_flags: NDArray[np.uint32] | None = None

    @property
    def leaf_names(self) -> tuple[str, ...]:
        """Names of the leaf classes; the first is that of events without a class."""
        phenotypes = self.plan.phenotypes
        return phenotypes.classes if phenotypes is not None else ("outside",)

    @property
    def is_candidate(self) -> NDArray[np.bool_]:
        """Whether a leaf class (L,) is a part of CHC or CTC."""
        phenotypes = self.plan.phenotypes
        families = phenotypes.families if phenotypes is not None else ("outside",)
        return np.array([family in CANDIDATE_CLASSES for family in families])


@dataclass(frozen=True)
class CandidateRows:
    """Candidates of one batch: place in the stream, leaf class, flags, (c, V) values."""

    event: IntArray
    leaf: NDArray[np.int16]
    flags: NDArray[np.uint32]
    values: FloatArray


@dataclass
class Worker:
    """Sums over the batches that it was given."""

    task: Task
    tally: Tally = field(init=False)
    margins: Margins = field(init=False)
    densities: NDArray[np.uint32] = field(init=False)

    def __post_init__(self) -> None:
        task = self.task
        bins = len(task.bin_first) - 1
        populations, leaves = len(task.plan.population_names), len(task.leaf_names)
        channels = len(task.plan.channels)
        side = task.edges.shape[1] - 1
        self.tally = Tally(
            population=np.zeros((bins, populations), dtype=np.int64),
            invalid=np.zeros((bins, populations), dtype=np.int64),
            bead=np.zeros((bins, populations), dtype=np.int64),
            flags=np.zeros((bins, 32), dtype=np.int64),
            leaf=np.zeros((3, bins, leaves), dtype=np.int64),
            clean=np.zeros((bins, leaves), dtype=np.int64),
        )
        self.margins = Margins(
            saturated=np.zeros(channels, dtype=np.int64),
            nonfinite=np.zeros(channels, dtype=np.int64),
            lowest=np.full(channels, np.inf),
            at_lowest=np.zeros(channels, dtype=np.int64),
        )
        self.densities = np.zeros((len(task.plan.densities), side, side), dtype=np.uint32)

    def gate(self, stored: StoredBatch, first_event: int) -> tuple[Calls, CandidateRows]:
        """Gate one batch (n, m), add it to the sums, return what its events are."""
        stored = prepare_batch(stored)
        calls = call_events(stored, self.task.arrays)
        if self.task.front_flags is not None:
            calls.flags[:] |= self.task.front_flags[first_event : first_event + len(stored)]
        self._count(stored, first_event, calls)
        self._fill_densities(stored, first_event, calls)
        return calls, self._candidates(stored, first_event, calls)

    def _count(self, stored: StoredBatch, first_event: int, calls: Calls) -> None:
        task, tally = self.task, self.tally
        place = first_event, task.bin_first
        nominal = calls.mask[:, 0]
        count_bits(*place, nominal, tally.population)
        count_bits(*place, calls.invalid, tally.invalid)
        count_bits(*place, calls.flags, tally.flags)
        if task.plan.bead is not None:
            is_bead = calls.flags & event_flag_bit("bead") != 0
            count_bits(*place, np.where(is_bead, nominal, np.uint64(0)), tally.bead)
        unclean = event_flag_bit("saturated") | event_flag_bit("leans_on_saturated")
        count_classes(*place, calls.leaf, calls.flags, unclean, tally.leaf, tally.clean)
        count_margins(stored, task.arrays.factor, task.arrays.saturation, *self.margins)

    def _fill_densities(self, stored: StoredBatch, first_event: int, calls: Calls) -> None:
        task = self.task
        order = task.plan.population_names
        start = -first_event % task.stride
        for d, density in enumerate(task.plan.densities):
            population = order.index(density.population)
            fill_density(
                stored,
                start,
                task.stride,
                population,
                *task.arrays.terms(density.x.value),
                *task.arrays.terms(density.y.value),
                task.edges[2 * d],
                task.starts[2 * d],
                task.edges[2 * d + 1],
                task.starts[2 * d + 1],
                calls.mask,
                self.densities[d],
            )

    def _candidates(self, stored: StoredBatch, first_event: int, calls: Calls) -> CandidateRows:
        arrays = self.task.arrays
        rows = np.flatnonzero(self.task.is_candidate[calls.leaf[:, 0]])
        values = np.empty((len(rows), 2 * stored.shape[1]))
        terms = arrays.term_first, arrays.term_detector, arrays.term_weight
        compute_values(stored, rows, *terms, values)
        return CandidateRows(
            event=rows + first_event,
            leaf=calls.leaf[rows, 0],
            flags=calls.flags[rows],
            values=values,
        )
