"""FlowJo's biexponential scale, without FlowKit, whose import costs seconds."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from chc_gating.model.events import FloatArray
from chc_gating.model.imported_gates import DimensionScale

POSITIONS = 4096
"""FlowJo tabulates its scale at so many steps and draws straight lines in between."""


def apply_biexponential(values: FloatArray, scale: DimensionScale) -> FloatArray:
    """Return positions (k,) from 0 to ``scale.high`` (4096 where it is None) of linear values.

    What lies beyond the table's ends stands at its end, as in FlowJo.
    """
    table = tabulate_biexponential(scale)
    return np.asarray(np.interp(values, table, _positions(scale)))


def invert_biexponential(positions: FloatArray, scale: DimensionScale) -> FloatArray:
    """Return linear values (k,) of positions."""
    table = tabulate_biexponential(scale)
    return np.asarray(np.interp(positions, _positions(scale), table))


def _positions(scale: DimensionScale) -> FloatArray:
    top = float(POSITIONS) if scale.high is None else scale.high
    return np.arange(POSITIONS + 1, dtype=np.float64) * (top / POSITIONS)


@lru_cache(maxsize=256)
def tabulate_biexponential(scale: DimensionScale) -> FloatArray:
    """Return the linear values (4097,) at the scale's positions, rising.

    t is its top, m and a its positive and additional negative decades, ``width_basis`` (below
    zero) FlowJo's width. The scale is the difference of a rising and a falling exponential above
    zero, and mirrored below (as cytolib, which has it from FlowJo's authors; tested against
    FlowKit's table).
    """
    if scale.width_basis is None:
        raise AssertionError("a biexponential scale has a width basis")
    half_width = math.log10(-scale.width_basis) / 2
    below, above = max(scale.a, 0.0) + half_width, scale.m - half_width
    zero = min(int(below * POSITIONS / (below + above)), POSITIONS // 2)
    if zero > 0:
        above = below * POSITIONS / zero
    width = half_width / above
    rise = math.log(10.0) * above
    fall = _find_fall(rise, width)
    place = np.arange(POSITIONS + 1) / (POSITIONS + 1)
    offset = math.exp((rise + fall) * (width + below / above))
    steps = np.exp(place * rise) - offset * np.exp(place * -fall)
    table = scale.t * math.exp(-rise) * (steps - steps[zero])
    table[:zero] = -table[2 * zero : zero : -1]
    table.flags.writeable = False
    return np.asarray(table)


def _find_fall(rise: float, width: float) -> float:
    """Return d > 0 with 2 ln(d / b) + w (b + d) = 0 for b = rise, w = width (Parks 2006)."""
    if width == 0:
        return rise
    low, high = 0.0, rise
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if 2 * math.log(middle / rise) + width * (rise + middle) < 0:
            low = middle
        else:
            high = middle
