"""All gates, then the classes, of a block of events in one scenario of cuts.

Tuples of arrays are taken apart once per gate and block, outside the loops over events: an access
counts a reference.
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels import gate
from chc_gating.kernels.options import part
from chc_gating.kernels.plan_arrays import NOMINAL, NONE, RATIO, WHEN


@part
def gate_block(n, scenario, start, stop, left_flag, plan, desk):  # type: ignore[no-untyped-def]
    """Find the members of the populations from ``start`` to ``stop``, those before being known.

    With the cuts as they are, events also become invalid, near, and flagged as having left by a
    `when`.
    """
    for p in range(start, stop):
        parent, member = desk.member[plan.gate_parent[p]], desk.member[p]
        kind, verdict = plan.gate_kind[p], desk.verdict
        gate.clear(n, verdict)
        if kind == WHEN:
            _judge_states(n, scenario, plan.gate_table[p], parent, plan, desk)
        elif kind == RATIO:
            _judge_ratio(n, plan.gate_first[p], plan, desk)
        else:
            _judge_sides(n, plan.gate_first[p], plan.gate_first[p + 1], plan, desk)
        gate.enter(n, parent, verdict, member)
        if scenario == NOMINAL:
            gate.note_invalid(n, parent, verdict, gate.bit_of(p), desk.invalid)
            if kind == WHEN:
                gate.flag_leaving(n, parent, member, left_flag, desk.flags)


@part
def _judge_sides(n, first, last, plan, desk):  # type: ignore[no-untyped-def]
    value, verdict = desk.value, desk.verdict
    for side in range(first, last):
        read(n, plan.side_value[side], plan, desk.column, value)
        low, high = plan.side_bounds[side, 0], plan.side_bounds[side, 1]
        gate.judge_interval(n, value, low, high, verdict)


@part
def _judge_ratio(n, side, plan, desk):  # type: ignore[no-untyped-def]
    value, below = desk.value, desk.below
    read(n, plan.side_value[side], plan, desk.column, value)
    read(n, plan.side_value[side + 1], plan, desk.column, below)
    low, high = plan.side_bounds[side, 0], plan.side_bounds[side, 1]
    gate.judge_ratio(n, value, below, low, high, desk.verdict)


@part
def _judge_states(n, scenario, w, parent, plan, desk):  # type: ignore[no-untyped-def]
    _read_states(n, scenario, w, parent, plan, desk)
    table = plan.table_entry[plan.table_offset[w] : plan.table_offset[w + 1]]
    gate.judge_code(n, desk.code, table, desk.verdict)


@part
def _read_states(n, scenario, w, member, plan, desk):  # type: ignore[no-untyped-def]
    """Fill the codes with the states of table w's markers, and note which members are near."""
    code, value, first = desk.code, desk.value, plan.table_first[w]
    gate.clear(n, code)
    for j in range(plan.table_first[w + 1] - first):
        marker = plan.table_marker[first + j]
        shift = np.uint16(2 * j)
        if plan.marker_population[marker, 0] != NONE:
            _read_population_states(n, marker, shift, plan, desk)
            continue
        low, high = plan.cuts[scenario, marker, 0], plan.cuts[scenario, marker, 1]
        read(n, plan.marker_channel[marker], plan, desk.column, value)
        gate.add_states(n, value, low, high, shift, code)
        if scenario == NOMINAL:
            gate.note_near(n, value, plan.cuts[:, marker], member, desk.near)


@part
def _read_population_states(n, marker, shift, plan, desk):  # type: ignore[no-untyped-def]
    """Add to the codes the states of a marker that two populations stand for.

    Whoever is asked for moved cuts is near already: by a gate that reads cuts, further up.
    """
    chain = plan.marker_chain[marker]
    positive = desk.member[plan.marker_population[marker, 0]]
    negative = plan.marker_population[marker, 1]
    if negative == NONE:
        gate.clear(n, desk.verdict)  # nobody is in a population that is not there
        gate.add_population_states(
            n, positive, desk.verdict, desk.invalid, chain[0], chain[1], shift, desk.code
        )
    else:
        gate.add_population_states(
            n, positive, desk.member[negative], desk.invalid, chain[0], chain[1], shift, desk.code
        )


@part
def read(n, v, plan, column, value):  # type: ignore[no-untyped-def]
    """Fill value (n,) with value v of the columns (m, n)."""
    first, last = plan.term_first[v], plan.term_first[v + 1]
    terms = plan.term_detector[first:last], plan.term_weight[first:last]
    gate.read_value(column, n, terms[0], terms[1], value)


@part
def classify_block(n, scenario, invalid_flag, plan, desk):  # type: ignore[no-untyped-def]
    """Give the phenotype population's events that are no beads their class, others none.

    With the cuts as they are, events with an invalid marker are flagged.
    """
    w, leaf, member = plan.phenotype_table, desk.leaf, desk.member[plan.phenotype]
    if w == NONE:
        gate.clear(n, leaf)
        return
    _read_states(n, scenario, w, member, plan, desk)
    table = plan.table_entry[plan.table_offset[w] : plan.table_offset[w + 1]]
    gate.look_up_classes(n, desk.code, table, member, leaf)
    if plan.bead != NONE:
        beads = desk.member[plan.bead]
        for i in range(n):
            leaf[i] *= np.int16(1) - np.int16(beads[i])
    if scenario == NOMINAL:
        gate.flag_invalid(n, desk.code, leaf, invalid_flag, desk.flags)


@part
def flag_block(n, threshold, in_block, bits, plan, desk):  # type: ignore[no-untyped-def]
    """Flag beads, events that a gate cannot decide, and classes that lean on saturated values.

    threshold : (m,) smallest saturated values. in_block : (m,) saturated events of the block.
    bits : flags of beads, of invalid events, of a marker's own saturation, of leaning on it.
    """
    flags, leaf = desk.flags, desk.leaf
    if plan.bead != NONE:
        gate.flag_members(n, desk.member[plan.bead], bits[0], flags)
    gate.flag_undecided(n, desk.invalid, bits[1], flags)
    for channel in plan.marker_channel:
        for t in range(plan.term_first[channel], plan.term_first[channel + 1]):
            c = plan.term_detector[t]
            if in_block[c] != 0:
                flag = bits[2] if c == channel else bits[3]
                gate.flag_high(n, desk.column[c], threshold[c], leaf, flag, flags)
