"""Two-dimensional histograms of a population, and values of single events."""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel


@kernel
def find_bin(value, edges, starts):  # type: ignore[no-untyped-def]
    """Return the bin [edge, next edge) of a finite value; beyond the edges, the outermost bin.

    starts : (65536,) for the upper half of a value's float32 bits, a bin at or below its own (see
        `tabulate_starts`). From there it is a step or two: 1.4 ns, where a binary search over 128
        bins takes 24 ns, since every one of its seven branches is guessed wrong half the time.
    """
    last = edges.shape[0] - 2
    found = np.int64(starts[np.float32(value).view(np.uint32) >> np.uint32(16)])
    while found < last and value >= edges[found + 1]:
        found += 1
    return found


@kernel
def fill_density(k, across, up, member, x_edges, x_starts, y_edges, y_starts, counts):  # type: ignore[no-untyped-def]
    """Add the members among k events with values across (k,) and up (k,) to counts (bins, bins).

    x_edges, y_edges : (bins + 1,), with x_starts, y_starts for `find_bin`. counts : y then x.
    Events with a value that is not finite are left out.
    """
    for j in range(k):
        x, y = across[j], up[j]
        if member[j] != 0 and x - x == 0.0 and y - y == 0.0:
            counts[find_bin(y, y_edges, y_starts), find_bin(x, x_edges, x_starts)] += np.uint32(1)


@kernel
def compute_values(stored, indices, first, detectors, weights, values):  # type: ignore[no-untyped-def]
    """Fill ``values`` (events, V) with all values of the events at ``indices``."""
    for e in range(indices.shape[0]):
        for v in range(values.shape[1]):
            total = 0.0
            for t in range(first[v], first[v + 1]):
                total += stored[indices[e], detectors[t]] * weights[t]
            values[e, v] = total
