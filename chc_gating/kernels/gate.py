"""Gates and markers over the events of a block, one loop each.

Axes: n events of a block; T terms of a value. A block lies in columns and fits the caches, so that
every loop runs along contiguous arrays, has no branch, and becomes vector instructions; asking only
the parent's events would cost more than it saves. Kernels trust their callers: indices are in
range, and a parent is complete before its children are asked for.
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel

NEGATIVE, INDETERMINATE, POSITIVE, INVALID = 0, 1, 2, 3
STAYS, LEFT_INVALID = 1, 3
EVEN_BITS = 0x5555
FAILS, ODD = 1, 2
"""Verdict bits: a value lies outside its interval; a value is not finite."""


@kernel
def bit_of(p):  # type: ignore[no-untyped-def]
    """Return population p's bit."""
    return np.uint64(1) << np.uint64(p)


@kernel
def read_value(column, n, detectors, weights, value):  # type: ignore[no-untyped-def]
    """Fill value (n,) from columns (m, n): term by term from 0, in float64."""
    for i in range(n):
        value[i] = 0.0
    for t in range(detectors.shape[0]):
        stored, weight = column[detectors[t]], weights[t]
        for i in range(n):
            value[i] += stored[i] * weight


@kernel
def clear(n, array):  # type: ignore[no-untyped-def]
    """Set array (n,) to 0."""
    for i in range(n):
        array[i] = 0


@kernel
def judge_interval(n, value, low, high, verdict):  # type: ignore[no-untyped-def]
    """Add to verdict (n,) whether a value fails [low, high), and whether it is not finite."""
    for i in range(n):
        v = value[i]
        inside = np.uint8(v >= low) & np.uint8(v < high)
        verdict[i] |= (inside ^ np.uint8(1)) | (np.uint8(v - v != 0.0) << np.uint8(1))


@kernel
def judge_ratio(n, value, below, low, high, verdict):  # type: ignore[no-untyped-def]
    """Add to verdict (n,) whether value / below fails [low, high), or any is not finite."""
    for i in range(n):
        v, w = value[i], below[i]
        ratio = v / w
        inside = np.uint8(ratio >= low) & np.uint8(ratio < high)
        odd = np.uint8(v - v != 0.0) | np.uint8(w - w != 0.0) | np.uint8(ratio - ratio != 0.0)
        verdict[i] |= (inside ^ np.uint8(1)) | (odd << np.uint8(1))


@kernel
def judge_code(n, code, table, verdict):  # type: ignore[no-untyped-def]
    """Fill verdict (n,) with what a `when` table says of the codes."""
    for i in range(n):
        decided = table[code[i]]
        fails = np.uint8(decided != STAYS)
        verdict[i] = fails | (np.uint8(decided == LEFT_INVALID) << np.uint8(1))


@kernel
def add_states(n, value, low, high, shift, code):  # type: ignore[no-untyped-def]
    """Add one marker's state to code (n,): a value on a cut is at or above it."""
    for i in range(n):
        v = value[i]
        odd = np.uint16(v - v != 0.0)
        state = np.uint16(v >= low) + np.uint16(v >= high)  # 0, 1, 2: negative, band, positive
        code[i] |= (state | (odd * np.uint16(INVALID))) << shift


@kernel
def add_population_states(n, positive, negative, invalid, above, below, shift, code):  # type: ignore[no-untyped-def]
    """Add to code (n,) the state that a positive and a negative population (n,) stand for.

    Positive in the one and not in the other, negative the other way round; in both or in neither
    it is indeterminate, and invalid where a gate on the way to either could not decide. above,
    below : the bits of the gates on the way to the positive and to the negative population.
    """
    for i in range(n):
        yes, no = np.uint16(positive[i]), np.uint16(negative[i])
        odd_yes = (yes ^ np.uint16(1)) & np.uint16(invalid[i] & above != 0)
        odd_no = (no ^ np.uint16(1)) & np.uint16(invalid[i] & below != 0)
        odd = (odd_yes & (no ^ np.uint16(1))) | (odd_no & (yes ^ np.uint16(1)))
        state = np.uint16(INDETERMINATE) + yes - no
        code[i] |= (state | (odd * np.uint16(INVALID))) << shift


@kernel
def note_near(n, value, cuts, member, near):  # type: ignore[no-untyped-def]
    """Note in near (n,) the members whose state is another where the cuts (3, 2) are moved."""
    least, most = cuts[0, 0], cuts[0, 0]
    for s in range(3):
        for e in range(2):
            least, most = min(least, cuts[s, e]), max(most, cuts[s, e])
    for i in range(n):
        v = value[i]
        near[i] |= np.uint8(v >= least) & np.uint8(v < most) & member[i]


@kernel
def enter(n, parent, verdict, member):  # type: ignore[no-untyped-def]
    """Fill member (n,) with the parent's events that no verdict keeps out."""
    for i in range(n):
        member[i] = parent[i] & np.uint8(verdict[i] == 0)


@kernel
def note_invalid(n, parent, verdict, bit, invalid):  # type: ignore[no-untyped-def]
    """Put a population's bit into invalid (n,) of the parent's events that are not decided."""
    found = np.uint8(0)
    for i in range(n):
        found |= parent[i] & (verdict[i] >> np.uint8(1))
    if found != 0:
        for i in range(n):
            if parent[i] & (verdict[i] >> np.uint8(1)) != 0:
                invalid[i] |= bit


@kernel
def flag_leaving(n, parent, member, flag, flags):  # type: ignore[no-untyped-def]
    """Flag the parent's events that are no members."""
    for i in range(n):
        flags[i] |= np.uint32(parent[i] & (member[i] ^ np.uint8(1))) * flag


@kernel
def flag_members(n, member, flag, flags):  # type: ignore[no-untyped-def]
    """Flag the members."""
    for i in range(n):
        flags[i] |= np.uint32(member[i]) * flag


@kernel
def flag_undecided(n, invalid, flag, flags):  # type: ignore[no-untyped-def]
    """Flag the events with any bit in invalid (n,)."""
    for i in range(n):
        flags[i] |= np.uint32(invalid[i] != 0) * flag


@kernel
def look_up_classes(n, code, table, member, leaf):  # type: ignore[no-untyped-def]
    """Fill leaf (n,) with the class of the members' code, else 0."""
    for i in range(n):
        leaf[i] = table[code[i]] * np.int16(member[i])


@kernel
def flag_invalid(n, code, leaf, flag, flags):  # type: ignore[no-untyped-def]
    """Flag the events with a class and an invalid marker, whose two bits are both set."""
    for i in range(n):
        odd = code[i] & (code[i] >> np.uint16(1)) & np.uint16(EVEN_BITS)
        flags[i] |= np.uint32(odd != 0) * np.uint32(leaf[i] != 0) * flag


@kernel
def flag_high(n, stored, threshold, leaf, flag, flags):  # type: ignore[no-untyped-def]
    """Flag the events with a class whose stored value (n,) reaches a threshold."""
    for i in range(n):
        flags[i] |= np.uint32(stored[i] >= threshold) * np.uint32(leaf[i] != 0) * flag
