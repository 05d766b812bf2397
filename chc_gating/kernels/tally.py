"""Sums over a block: populations, classes and flags of its time bin.

Axes: n events, P populations, L classes. Every array of sums is that of one bin.
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel


@kernel
def count_bits(n, bits, counts):  # type: ignore[no-untyped-def]
    """Add the set bits of bits (n,) to counts, one for every bit; most are set nowhere."""
    present = np.uint64(0)
    for i in range(n):
        present |= bits[i]
    for p in range(counts.shape[0]):
        if (present >> np.uint64(p)) & np.uint64(1) == 0:
            continue
        found = np.int64(0)
        for i in range(n):
            found += np.int64((bits[i] >> np.uint64(p)) & np.uint64(1))
        counts[p] += found


@kernel
def count_members(n, member, counts):  # type: ignore[no-untyped-def]
    """Add the members (P, n) of every population to counts (P,)."""
    for p in range(member.shape[0]):
        own, found = member[p], np.uint32(0)
        for i in range(n):
            found += np.uint32(own[i])
        counts[p] += found


@kernel
def count_shared(n, member, other, counts):  # type: ignore[no-untyped-def]
    """Add to counts (P,) the members (P, n) of every population that another has, too."""
    for p in range(member.shape[0]):
        own, found = member[p], np.uint32(0)
        for i in range(n):
            found += np.uint32(own[i] & other[i])
        counts[p] += found


@kernel
def count_classes(n, leaf, flags, unclean, work, counts, clean):  # type: ignore[no-untyped-def]
    """Add classes (n,) to counts (3, L), and to clean (L,) those without a flag of ``unclean``.

    work : (4, L); consecutive events are mostly of one class, and adding to the same number again
    waits for the last addition.
    """
    work[:] = 0
    whole = n - n % 4
    for i in range(0, whole, 4):
        work[0, leaf[i]] += 1
        work[1, leaf[i + 1]] += 1
        work[2, leaf[i + 2]] += 1
        work[3, leaf[i + 3]] += 1
    for i in range(whole, n):
        work[0, leaf[i]] += 1
    for k in range(counts.shape[1]):
        found = work[0, k] + work[1, k] + work[2, k] + work[3, k]
        clean[k] += found
        for s in range(3):
            counts[s, k] += found
    present = np.uint32(0)
    for i in range(n):
        present |= flags[i]
    if present & unclean != 0:
        for i in range(n):
            if flags[i] & unclean != 0:
                clean[leaf[i]] -= 1


@kernel
def move_classes(k, rows, before, after, counts):  # type: ignore[no-untyped-def]
    """Take the rows' classes before (n,) from counts (L,), and add those after (k,)."""
    for j in range(k):
        counts[before[rows[j]]] -= 1
        counts[after[j]] += 1
