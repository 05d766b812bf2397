"""One gate or one marker at a time, over a batch: populations, classes and flags.

Axes: n events, m channels, T terms of a value, S sides of a gate, K markers. ``mask`` is (n, 3)
uint64: bit p of [i, s] says that event i is inside population p in scenario s (cuts as they are,
lower, higher). Kernels trust their callers: indices are in range, and a parent is complete before
its children are asked for. Arrays are passed one by one: taken out of a tuple inside a loop, each
access counts a reference, which made one event cost 10 us instead of 20 ns.
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel

OUT, IN, BAD, NOT_ASKED = 0, 1, 2, 3
NEGATIVE, INDETERMINATE, POSITIVE, INVALID = 0, 1, 2, 3
STAYS, LEFT_INVALID = 1, 3
EVEN_BITS = 0x5555


@kernel
def sum_terms(stored, i, detectors, weights):  # type: ignore[no-untyped-def]
    """Return one value of event i, sum of stored[detector] * weight, in float64."""
    total = 0.0
    for t in range(detectors.shape[0]):
        total += stored[i, detectors[t]] * weights[t]
    return total


@kernel
def bit_of(p):  # type: ignore[no-untyped-def]
    """Return population p's bit; none for a negative p."""
    return np.uint64(0) if p < 0 else np.uint64(1) << np.uint64(p)


@kernel
def is_active(mask, i, bit):  # type: ignore[no-untyped-def]
    """Return whether event i is inside a population in any scenario."""
    return (mask[i, 0] | mask[i, 1] | mask[i, 2]) & bit != 0


@kernel
def start_gate(mask, parent, verdicts):  # type: ignore[no-untyped-def]
    """Fill verdicts (n,) with IN for the parent's events, NOT_ASKED for the others."""
    bit = bit_of(parent)
    for i in range(verdicts.shape[0]):
        verdicts[i] = IN if is_active(mask, i, bit) else NOT_ASKED


@kernel
def narrow_by_value(stored, detectors, weights, low, high, verdicts):  # type: ignore[no-untyped-def]
    """Leave only events in whose value lies in [low, high); not finite is BAD, whatever else."""
    for i in range(stored.shape[0]):
        if verdicts[i] == NOT_ASKED:
            continue
        value = sum_terms(stored, i, detectors, weights)
        if not np.isfinite(value):
            verdicts[i] = BAD
        elif verdicts[i] == IN and not low <= value < high:
            verdicts[i] = OUT


@kernel
def narrow_by_ratio(stored, above, above_weights, below, below_weights, low, high, verdicts):  # type: ignore[no-untyped-def]
    """Leave only events in whose ratio of two values lies in [low, high); not finite is BAD."""
    for i in range(stored.shape[0]):
        if verdicts[i] == NOT_ASKED:
            continue
        numerator = sum_terms(stored, i, above, above_weights)
        denominator = sum_terms(stored, i, below, below_weights)
        ratio = numerator / denominator
        if not (np.isfinite(numerator) and np.isfinite(denominator) and np.isfinite(ratio)):
            verdicts[i] = BAD
        elif not low <= ratio < high:
            verdicts[i] = OUT


@kernel
def finish_gate(p, parent, verdicts, mask, invalid):  # type: ignore[no-untyped-def]
    """Put events into population p, in every scenario in which they are in its parent."""
    inside_parent, own = bit_of(parent), bit_of(p)
    for i in range(verdicts.shape[0]):
        if verdicts[i] == IN:
            for s in range(3):
                mask[i, s] |= own * np.uint64((mask[i, s] & inside_parent) != 0)
        elif verdicts[i] == BAD and mask[i, 0] & inside_parent != 0:
            invalid[i] |= own


@kernel
def call_marker(value, low, high):  # type: ignore[no-untyped-def]
    """Return a marker's state; a value on a cut is at or above it."""
    if not np.isfinite(value):
        return INVALID
    if value >= high:
        return POSITIVE
    if value < low:
        return NEGATIVE
    return INDETERMINATE


@kernel
def add_states(stored, population, detectors, weights, cuts, shift, mask, codes):  # type: ignore[no-untyped-def]
    """Add one marker's state to the codes (n, 3) of the population's events.

    cuts : (3, 2), per scenario the value below which the marker is negative, and that from which
    it is positive.
    """
    inside = bit_of(population)
    for i in range(stored.shape[0]):
        if is_active(mask, i, inside):
            value = sum_terms(stored, i, detectors, weights)
            for s in range(3):
                codes[i, s] |= np.uint16(call_marker(value, cuts[s, 0], cuts[s, 1]) << shift)


@kernel
def apply_rule(p, parent, codes, table, left_flag, mask, invalid, flags):  # type: ignore[no-untyped-def]
    """Put the parent's events into population p where a `when` rule's table says that they stay.

    The others get ``left_flag``; those that an invalid marker keeps undecided are invalid.
    """
    inside_parent, own = bit_of(parent), bit_of(p)
    for i in range(codes.shape[0]):
        for s in range(3):
            if mask[i, s] & inside_parent != 0 and table[codes[i, s]] == STAYS:
                mask[i, s] |= own
        if mask[i, 0] & inside_parent != 0 and mask[i, 0] & own == 0:
            flags[i] |= left_flag
            if table[codes[i, 0]] == LEFT_INVALID:
                invalid[i] |= own


@kernel
def apply_classes(population, bead, codes, table, mask, leaf):  # type: ignore[no-untyped-def]
    """Fill leaf (n, 3) with the class of the population's events that are no beads, else 0."""
    inside, beads = bit_of(population), bit_of(bead)
    for i in range(codes.shape[0]):
        for s in range(3):
            leaf[i, s] = 0
            if mask[i, s] & inside != 0 and mask[i, s] & beads == 0:
                leaf[i, s] = table[codes[i, s]]


@kernel
def flag_events(bead, codes, leaf, mask, invalid, bead_flag, invalid_flag, flags):  # type: ignore[no-untyped-def]
    """Flag beads, and events with an invalid gate or, where they have a class, marker."""
    beads = bit_of(bead)
    for i in range(flags.shape[0]):
        if mask[i, 0] & beads != 0:
            flags[i] |= bead_flag
        code = codes[i, 0]
        if invalid[i] != 0 or (leaf[i, 0] != 0 and code & (code >> 1) & EVEN_BITS != 0):
            flags[i] |= invalid_flag


@kernel
def flag_saturated(  # type: ignore[no-untyped-def]
    stored, leaf, channels, first, detectors, any_of, factor, saturation, own, other, flags
):
    """Flag events with a class whose markers are, or lean on, a detector at its maximum.

    channels : (K,) the markers' own. any_of : the detectors of all markers, looked at first.
    factor, saturation : (m,). own, other : the two flags.
    """
    for i in range(stored.shape[0]):
        if leaf[i, 0] == 0:
            continue
        found = False
        for c in any_of:
            found |= stored[i, c] * factor[c] >= saturation[c]
        if not found:
            continue
        for channel in channels:
            for t in range(first[channel], first[channel + 1]):
                c = detectors[t]
                if stored[i, c] * factor[c] >= saturation[c]:
                    flags[i] |= own if c == channel else other
