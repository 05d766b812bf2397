"""Sums over a batch: populations, classes and flags per time bin; margins per channel.

Axes: n events, m channels, B time bins, P populations, L classes.
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel


@kernel
def count_bits(first_event, bin_first, bits, counts):  # type: ignore[no-untyped-def]
    """Add every event's set bits (n,) to counts (B, P) of its time bin.

    The batch starts at ``first_event`` of the stream; bin_first is (B + 1,): the first event of
    every bin, and the event count.
    """
    b = np.searchsorted(bin_first, first_event, side="right") - 1
    for i in range(bits.shape[0]):
        while first_event + i >= bin_first[b + 1]:
            b += 1
        rest = np.uint64(bits[i])
        if rest != 0:
            for p in range(counts.shape[1]):
                counts[b, p] += np.int64((rest >> np.uint64(p)) & np.uint64(1))


@kernel
def count_classes(first_event, bin_first, leaf, flags, unclean, counts, clean):  # type: ignore[no-untyped-def]
    """Add every event's class to counts (3, B, L), and to clean (B, L) without flag ``unclean``."""
    b = np.searchsorted(bin_first, first_event, side="right") - 1
    for i in range(leaf.shape[0]):
        while first_event + i >= bin_first[b + 1]:
            b += 1
        for s in range(3):
            counts[s, b, leaf[i, s]] += 1
        if flags[i] & unclean == 0:
            clean[b, leaf[i, 0]] += 1


@kernel
def count_margins(stored, factor, saturation, saturated, nonfinite, lowest, at_lowest):  # type: ignore[no-untyped-def]
    """Add a batch (n, m) to saturated, nonfinite and at_lowest (m,), and lower lowest (m,)."""
    for i in range(stored.shape[0]):
        for c in range(stored.shape[1]):
            value = np.float64(stored[i, c])
            saturated[c] += value * factor[c] >= saturation[c]
            if not np.isfinite(value):
                nonfinite[c] += 1
            elif value < lowest[c]:
                lowest[c] = value
                at_lowest[c] = 1
            elif value == lowest[c]:
                at_lowest[c] += 1
