"""The pass over one batch: every gate, sum and density of a block of events while it is cached.

A plan of rectangles, ratios and `when` is one call. Gates of other kinds are decided between calls,
by whoever calls, from the `State` of the batch.
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.density import fill_density
from chc_gating.kernels.gate_block import classify_block, flag_block, gate_block, read
from chc_gating.kernels.margins import count_margins
from chc_gating.kernels.options import kernel, part
from chc_gating.kernels.plan_arrays import NOMINAL, NONE
from chc_gating.kernels.records import BLOCK_EVENTS, LEANS, LEFT, LOST, NONFINITE, SATURATED
from chc_gating.kernels.tally import (
    count_bits,
    count_classes,
    count_members,
    count_shared,
    move_classes,
)


@kernel
def sweep(  # type: ignore[no-untyped-def]
    stored, first_event, start, stop, front_flags, plan, course, sums, state, found, room
):
    """Gate the populations from start to stop of a batch (n, m); return the candidates' number.

    Populations before ``start`` are taken from the state, which is filled in anew where it has
    events. When no population is left, classes follow, and everything is added to the sums.
    front_flags : (n,) flags that events come with, or without events.
    """
    n, bin_first, desk = stored.shape[0], course.bin_first, room.desk
    is_last = stop == plan.gate_kind.shape[0]
    b, begin, candidates = 0, 0, 0
    while begin < n:
        while first_event + begin >= bin_first[b + 1]:
            b += 1
        end = min(begin + BLOCK_EVENTS, n, bin_first[b + 1] - first_event)
        block, size = stored[begin:end], end - begin
        _open_block(block, begin, start, front_flags, course.flag_bits[LOST], state, desk)
        gate_block(size, NOMINAL, start, stop, course.flag_bits[LEFT], plan, desk)
        if is_last:
            classify_block(size, NOMINAL, course.flag_bits[NONFINITE], plan, desk)
            _count_margins(size, sums, room)
            flag_block(size, room.threshold, room.in_block, course.flag_bits, plan, desk)
            _add_block(size, b, plan, course, sums, room)
            candidates = _list_candidates(size, begin, candidates, course, found, desk)
            _fill_densities(size, first_event + begin, plan, course, sums, room)
        if state.near.shape[0] > 0:
            _store_block(begin, size, stop, state, desk)
        _move_cuts(size, begin, b, start, stop, plan, course, sums, state, room)
        begin = end
    return candidates


@part
def _open_block(block, begin, start, front_flags, lost, state, desk):  # type: ignore[no-untyped-def]
    """Lay the events of a block (n, m) on the desk, with what is known of them.

    Events that come with the flag ``lost`` are in no population, not even that of all.
    """
    n, m = block.shape
    column = desk.column
    for i in range(n):
        for c in range(m):
            column[c, i] = block[i, c]
    every, flags, near, invalid = desk.member[0], desk.flags, desk.near, desk.invalid
    for i in range(n):
        every[i] = 1
        invalid[i] = 0
        flags[i] = 0
        near[i] = 0
    if start > 1:
        _recall(n, begin, start, NOMINAL, state, desk)
        for i in range(n):
            invalid[i] = state.invalid[begin + i]
            flags[i] = state.flags[begin + i]
            near[i] = state.near[begin + i]
    elif front_flags.shape[0] > 0:
        for i in range(n):
            flags[i] = front_flags[begin + i]
    if front_flags.shape[0] > 0:
        for i in range(n):
            every[i] = np.uint8((flags[i] & lost) == 0)


@part
def _recall(n, begin, start, scenario, state, desk):  # type: ignore[no-untyped-def]
    for p in range(1, start):
        member, place = desk.member[p], np.uint64(p)
        for i in range(n):
            member[i] = np.uint8((state.mask[begin + i, scenario] >> place) & np.uint64(1))


@part
def _count_margins(n, sums, room):  # type: ignore[no-untyped-def]
    place = room.threshold, room.in_block
    sums_of = sums.saturated, sums.nonfinite, sums.lowest, sums.at_lowest
    count_margins(n, room.desk.column, *place, *sums_of)


@part
def _add_block(n, b, plan, course, sums, room):  # type: ignore[no-untyped-def]
    """Add n events of time bin b to the sums."""
    desk, bits = room.desk, course.flag_bits
    count_members(n, desk.member, sums.population[b])
    count_bits(n, desk.invalid, sums.undecided[b])
    if plan.bead != NONE:
        count_shared(n, desk.member, desk.member[plan.bead], sums.bead[b])
    count_bits(n, desk.flags, sums.flags[b])
    unclean = bits[SATURATED] | bits[LEANS]
    count_classes(n, desk.leaf, desk.flags, unclean, room.classes, sums.leaf[b], sums.clean[b])


@part
def _list_candidates(n, begin, found_before, course, found, desk):  # type: ignore[no-untyped-def]
    """Append the block's candidates to those found before, return their number."""
    leaf, is_candidate, k = desk.leaf, course.is_candidate, found_before
    for i in range(n):
        if is_candidate[leaf[i]]:
            found.row[k] = begin + i
            found.leaf[k] = leaf[i]
            found.flags[k] = desk.flags[i]
            k += 1
    return k


@part
def _fill_densities(n, first_event, plan, course, sums, room):  # type: ignore[no-untyped-def]
    """Add every stride-th event of the stream that lies in the block."""
    desk, drawn, stride = room.desk, room.close, course.stride
    start = -first_event % stride
    k = max(0, (n - start + stride - 1) // stride)
    if k == 0:
        return
    _pick(k, start, stride, desk.column, drawn.column)
    for d in range(course.density_population.shape[0]):
        own, member = desk.member[course.density_population[d]], drawn.verdict
        for j in range(k):
            member[j] = own[start + j * stride]
        read(k, course.density_value[d, 0], plan, drawn.column, drawn.value)
        read(k, course.density_value[d, 1], plan, drawn.column, drawn.below)
        x, y = course.density_axis[d, 0], course.density_axis[d, 1]
        fill_density(
            k,
            drawn.value,
            drawn.below,
            member,
            course.edges[x],
            course.starts[x],
            course.edges[y],
            course.starts[y],
            sums.densities[d],
        )


@part
def _pick(k, start, stride, column, picked):  # type: ignore[no-untyped-def]
    for c in range(column.shape[0]):
        for j in range(k):
            picked[c, j] = column[c, start + j * stride]


@part
def _store_block(begin, n, stop, state, desk):  # type: ignore[no-untyped-def]
    """Put a block into the state of its batch, the same in every scenario."""
    for i in range(n):
        bits = np.uint64(0)
        for p in range(stop):
            bits |= np.uint64(desk.member[p, i]) << np.uint64(p)
        state.leaf[begin + i] = desk.leaf[i]
        state.invalid[begin + i] = desk.invalid[i]
        state.flags[begin + i] = desk.flags[i]
        state.near[begin + i] = desk.near[i]
        for s in range(3):
            state.mask[begin + i, s] = (
                bits if s == 0 or desk.near[i] == 0 else state.mask[begin + i, s]
            )


@part
def _move_cuts(n, begin, b, start, stop, plan, course, sums, state, room):  # type: ignore[no-untyped-def]
    """Gate the events near a cut again with all cuts lower, then higher."""
    rows, close = room.close_row, room.close
    k = _list_near(n, room.desk.near, rows)
    if k == 0:
        return
    for c in range(close.column.shape[0]):
        for j in range(k):
            close.column[c, j] = room.desk.column[c, rows[j]]
    for j in range(k):
        close.invalid[j] = room.desk.invalid[rows[j]]
    for s in range(1, 3):
        for j in range(k):
            close.member[0, j] = room.desk.member[0, rows[j]]
        for p in range(1, start):
            for j in range(k):
                bits = state.mask[begin + rows[j], s]
                close.member[p, j] = np.uint8((bits >> np.uint64(p)) & np.uint64(1))
        gate_block(k, s, start, stop, course.flag_bits[LEFT], plan, close)
        if stop == plan.gate_kind.shape[0]:
            classify_block(k, s, course.flag_bits[NONFINITE], plan, close)
            move_classes(k, rows, room.desk.leaf, close.leaf, sums.leaf[b, s])
        if state.near.shape[0] > 0:
            for j in range(k):
                bits = np.uint64(0)
                for p in range(stop):
                    bits |= np.uint64(close.member[p, j]) << np.uint64(p)
                state.mask[begin + rows[j], s] = bits


@part
def _list_near(n, near, rows):  # type: ignore[no-untyped-def]
    """Fill rows with the events that are near, return their number."""
    k = 0
    for i in range(n):
        if near[i] != 0:
            rows[k] = i
            k += 1
    return k
