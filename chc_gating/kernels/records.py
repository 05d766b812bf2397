"""What the pass works with, as tuples of arrays: made by its callers, taken apart by its kernels.

No numba is imported here, nor by anything else that gating imports: see `kernels/objects.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.plan_arrays import FloatArray, IntArray

BLOCK_EVENTS = 4000
"""Events of a block: 192 KB of 12 float32 channels, and about as much beside them; no power
of two, so that columns do not fall on the same lines of the caches."""

BEAD, NONFINITE, SATURATED, LEANS, LEFT, LOST = range(6)
"""Places in `Course.flag_bits`."""


class Course(NamedTuple):
    """What is the same for every batch, beside the plan."""

    bin_first: IntArray  # (B + 1,) the first event of every time bin, and the event count
    density_population: IntArray  # (D,)
    density_value: IntArray  # (D, 2) the values across and up
    density_axis: IntArray  # (D, 2) which edges, across and up
    edges: FloatArray  # (A, bins + 1), each once, so that their tables stay in the caches
    starts: NDArray[np.int16]  # (A, 65536), see `find_bin`
    stride: int  # densities take every stride-th event
    is_candidate: NDArray[np.bool_]  # (L,)
    flag_bits: NDArray[np.uint32]  # (6,) bead, nonfinite, saturated, leans, left, lost


class Sums(NamedTuple):
    """Sums over the events that a thread has seen: per time bin, per channel, per density."""

    population: IntArray  # (B, P)
    undecided: IntArray  # (B, P) events of the parent that the gate cannot decide
    bead: IntArray  # (B, P) counting beads among the events of each population
    flags: IntArray  # (B, 32) events per flag bit
    leaf: IntArray  # (B, 3 scenarios, L) events per class
    clean: IntArray  # (B, L) the same, neither saturated nor leaning on a saturated detector
    saturated: IntArray  # (m,) events at or above saturation
    nonfinite: IntArray  # (m,)
    lowest: FloatArray  # (m,) lowest finite stored value, inf before any
    at_lowest: IntArray  # (m,) events that have it
    densities: NDArray[np.uint32]  # (D, bins, bins) up then across


class State(NamedTuple):
    """What the n events of a batch are found to be; without events where nobody asks.

    mask : (n, 3) uint64, bit p of [i, s]: inside population p with the cuts as they are, lower,
    higher. invalid : (n,) uint64, bit p: in p's parent, and p's gate is not decided since a value
    is not finite. leaf : (n,) class index, 0 without a class. flags : (n,) event flags. near : (n,)
    1 where moved cuts change a marker that was looked at.
    """

    mask: NDArray[np.uint64]
    invalid: NDArray[np.uint64]
    leaf: NDArray[np.int16]
    flags: NDArray[np.uint32]
    near: NDArray[np.uint8]


class Found(NamedTuple):
    """Room for the candidates of a batch: place in the batch, class, flags."""

    row: IntArray
    leaf: NDArray[np.int16]
    flags: NDArray[np.uint32]


class Desk(NamedTuple):
    """Room for a block of up to n events, in columns, and for what they are found to be."""

    column: NDArray[np.float32] | FloatArray  # (m, n) stored values
    member: NDArray[np.uint8]  # (P, n) 1: inside the population
    invalid: NDArray[np.uint64]  # (n,) bit p: in p's parent, and p's gate is not decided
    leaf: NDArray[np.int16]  # (n,) class, 0 without one
    flags: NDArray[np.uint32]  # (n,)
    near: NDArray[np.uint8]  # (n,) 1: moved cuts change a marker that was looked at
    value: FloatArray  # (n,)
    below: FloatArray  # (n,)
    verdict: NDArray[np.uint8]  # (n,)
    code: NDArray[np.uint16]  # (n,) states of markers, two bits each


class Room(NamedTuple):
    """Where a thread works: a desk for a block, and one for those of its events near a cut."""

    desk: Desk
    close: Desk
    close_row: IntArray  # (n,) where in the block the events near a cut are
    threshold: NDArray[np.float32] | FloatArray  # (m,) the smallest stored values that saturate
    in_block: IntArray  # (m,) saturated events of the block
    classes: IntArray  # (4, L)


def set_up_desk(populations: int, channels: int, *, dtype: np.dtype[Any]) -> Desk:
    """Return a desk for so many populations, and channels of a type."""
    n = BLOCK_EVENTS
    return Desk(
        column=np.zeros((channels, n), dtype=dtype),
        member=np.zeros((populations, n), dtype=np.uint8),
        invalid=np.zeros(n, dtype=np.uint64),
        leaf=np.zeros(n, dtype=np.int16),
        flags=np.zeros(n, dtype=np.uint32),
        near=np.zeros(n, dtype=np.uint8),
        value=np.zeros(n),
        below=np.zeros(n),
        verdict=np.zeros(n, dtype=np.uint8),
        code=np.zeros(n, dtype=np.uint16),
    )


def tabulate_starts(edges: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return the table (65536,) of `find_bin` for ascending edges (bins + 1,)."""
    upper = np.arange(1 << 16, dtype=np.uint32) << np.uint32(16)
    ends = np.stack([upper, upper | np.uint32(0xFFFF)]).view(np.float32)
    with np.errstate(all="ignore"):  # among the patterns are NaN and infinities
        # one step lower: a float64 just below an edge may be rounded up onto it
        least = np.nextafter(np.fmin(ends[0], ends[1]), np.float32(-np.inf)).astype(np.float64)
    starts = np.searchsorted(edges, least, side="right") - 1
    return np.asarray(np.clip(starts, 0, len(edges) - 2), dtype=np.int16)
