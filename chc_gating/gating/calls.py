"""What the events of one batch are: the plan evaluated gate by gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.decide import add_population_states, apply_boolean, decide_events
from chc_gating.kernels.gate import (
    add_states,
    apply_classes,
    apply_rule,
    finish_gate,
    flag_events,
    flag_saturated,
    narrow_by_ratio,
    narrow_by_value,
    start_gate,
)
from chc_gating.kernels.plan_arrays import BOOLEAN, NONE, RATIO, RULE, WHEN, PlanArrays
from chc_gating.model.events import StoredBatch
from chc_gating.model.flags import event_flag_bit


@dataclass(frozen=True)
class Calls:
    """What a batch of n events is found to be, with the cuts as they are, lower and higher.

    mask : (n, 3) uint64, bit p: inside population p. invalid : (n,) uint64, bit p: in p's parent,
    and p's gate is not decided since a value is not finite. leaf : (n, 3) int16 class index, 0
    without a class. flags : (n,) uint32 event flags.
    """

    mask: NDArray[np.uint64]
    invalid: NDArray[np.uint64]
    leaf: NDArray[np.int16]
    flags: NDArray[np.uint32]


def call_events(stored: StoredBatch, plan: PlanArrays) -> Calls:
    """Return what the events of a batch (n, m) are.

    Only the events of a population's parent are looked at, and only the channels that a gate or a
    marker needs are compensated for them.
    """
    n = len(stored)
    calls = Calls(
        mask=np.ones((n, 3), dtype=np.uint64),
        invalid=np.zeros(n, dtype=np.uint64),
        leaf=np.zeros((n, 3), dtype=np.int16),
        flags=np.zeros(n, dtype=np.uint32),
    )
    for p in range(1, len(plan.gate_kind)):
        _apply_gate(stored, p, plan, calls)
    _classify(stored, plan, calls)
    return calls


def _apply_gate(stored: StoredBatch, p: int, plan: PlanArrays, calls: Calls) -> None:
    parent = int(plan.gate_parent[p])
    if plan.gate_kind[p] == BOOLEAN:
        apply_boolean(p, parent, plan.rules[p], calls.mask, calls.invalid)
        return
    if plan.gate_kind[p] != WHEN:
        verdicts = np.empty(len(stored), dtype=np.uint8)
        start_gate(calls.mask, parent, verdicts)
        _narrow(stored, p, plan, verdicts)
        finish_gate(p, parent, verdicts, calls.mask, calls.invalid)
        return
    codes, table = _read_states(stored, int(plan.gate_table[p]), parent, plan, calls)
    left = event_flag_bit("left_by_when")
    apply_rule(p, parent, codes, table, left, calls.mask, calls.invalid, calls.flags)


def _narrow(stored: StoredBatch, p: int, plan: PlanArrays, verdicts: NDArray[np.uint8]) -> None:
    """Apply the sides of a rectangle, a ratio, or a rule to events that are in the parent."""
    if plan.gate_kind[p] == RULE:
        decide_events(stored, plan.rules[p], verdicts)
        return
    place = slice(plan.gate_first[p], plan.gate_first[p + 1])
    values, bounds = plan.side_value[place], plan.side_bounds[place]
    if plan.gate_kind[p] == RATIO:
        above, below = plan.terms(values[0]), plan.terms(values[1])
        narrow_by_ratio(stored, *above, *below, *bounds[0], verdicts)
        return
    for v, interval in zip(values, bounds, strict=True):
        narrow_by_value(stored, *plan.terms(v), *interval, verdicts)


def _read_states(
    stored: StoredBatch, w: int, population: int, plan: PlanArrays, calls: Calls
) -> tuple[NDArray[np.uint16], NDArray[np.int16]]:
    """Return the codes (n, 3) of a table's markers for a population's events, and its entries."""
    codes = np.zeros((len(stored), 3), dtype=np.uint16)
    markers, table = plan.table(w)
    for j, k in enumerate(markers):
        if plan.marker_population[k, 0] != NONE:
            places = plan.marker_population[k], plan.marker_chain[k]
            add_population_states(*places, 2 * j, calls.mask, calls.invalid, codes)
            continue
        terms = plan.terms(plan.marker_channel[k])
        cuts = plan.cuts[:, k]
        add_states(stored, population, *terms, cuts, 2 * j, calls.mask, codes)
    return codes, table


def _classify(stored: StoredBatch, plan: PlanArrays, calls: Calls) -> None:
    """Fill in classes, and the flags that go with them."""
    codes = np.zeros((len(stored), 3), dtype=np.uint16)
    if plan.phenotype_table != NONE:
        codes, table = _read_states(stored, plan.phenotype_table, plan.phenotype, plan, calls)
        apply_classes(plan.phenotype, plan.bead, codes, table, calls.mask, calls.leaf)
        flag_saturated(
            stored,
            calls.leaf,
            plan.marker_channel,
            plan.term_first,
            plan.term_detector,
            plan.marker_detectors,
            plan.factor,
            plan.saturation,
            event_flag_bit("saturated"),
            event_flag_bit("leans_on_saturated"),
            calls.flags,
        )
    flag_events(
        plan.bead,
        codes,
        calls.leaf,
        calls.mask,
        calls.invalid,
        event_flag_bit("bead"),
        event_flag_bit("nonfinite"),
        calls.flags,
    )


def prepare_batch(stored: StoredBatch) -> StoredBatch:
    """Return the batch as kernels are compiled for: aligned, contiguous, read-only.

    The data of an FCS file start at any byte, so a view of its map is often not aligned.
    """
    prepared = np.require(stored, requirements=["A", "C"]).view()
    prepared.flags.writeable = False
    return prepared
