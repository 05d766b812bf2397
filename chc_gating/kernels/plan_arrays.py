"""The arrays that make up a gate plan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

ALL, RECTANGLE, RATIO, WHEN, RULE, BOOLEAN = 0, 1, 2, 3, 4, 5
"""Kinds of gate; RULE and BOOLEAN are decided between kernel calls, by the plan's rules."""

NONE = -1
"""No such index, in arrays that only kernels and their callers read."""

NOMINAL, LOW_CUT, HIGH_CUT = 0, 1, 2
"""Scenarios: cuts as they are, times .9, times 1.1."""


class PlanArrays(NamedTuple):
    """A gate plan over V = 2 m values, P populations, S sides, W tables, K markers, m channels.

    A value is one number of an event: sum of stored[detector] * weight over its terms. The first
    m values are the compensated channels, the other m the same channels uncompensated.
    Only arrays and integers stand here: kernels take it whole, and take arrays out of it outside
    of their loops over events.

    A side is one interval [low, high) of a value. The first population holds all events; a
    population's parent comes before it.
    """

    term_first: IntArray  # (V + 1,) the terms of value v are term_first[v]:term_first[v + 1]
    term_detector: IntArray  # (T,) channel index
    term_weight: FloatArray  # (T,) compensation coefficient times the channel's factor
    gate_kind: IntArray  # (P,)
    gate_parent: IntArray  # (P,) population index, NONE for all events
    gate_first: IntArray  # (P + 1,) the sides of population p
    gate_table: IntArray  # (P,) table index of a `when`, else NONE
    side_value: IntArray  # (S,) value index; of a ratio: numerator, then denominator
    side_bounds: FloatArray  # (S, 2) low, high; a ratio's interval stands at its numerator
    table_first: IntArray  # (W + 1,) the markers of table w
    table_marker: IntArray  # marker index
    table_offset: IntArray  # (W + 1,) where table w starts in table_entry
    table_entry: NDArray[np.int16]  # per combination of states: class index, or what a rule decides
    marker_channel: IntArray  # (K,) channel index, which is also the marker's value index
    cuts: FloatArray  # (3 scenarios, K, 2): negative below the first, positive from the second
    factor: FloatArray  # (m,) stored value times factor is the linear value
    saturation: FloatArray  # (m,) linear
    phenotype: int  # population whose events get a class
    phenotype_table: int  # NONE: no classes
    bead: int  # population of counting beads, or NONE
    marker_population: IntArray  # (K, 2) populations that are positive, negative; NONE: by a cut
    marker_chain: NDArray[np.uint64]  # (K, 2) the bits of those populations' gates

    def terms(self, v: int) -> tuple[IntArray, FloatArray]:
        """Return the detectors and weights of value v."""
        place = slice(self.term_first[v], self.term_first[v + 1])
        return self.term_detector[place], self.term_weight[place]
