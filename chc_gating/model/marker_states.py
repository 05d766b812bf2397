"""Marker states, their combinations, and which unresolved markers matter to a rule.

**What matters.** Let no phenotype be true for an event (Kleene logic, so a marker that is in its
band or invalid is unknown). Its unresolved markers could turn out positive or negative. Such a
marker *matters* where there is a way of resolving some, none or all of the other unresolved
markers after which no phenotype is true yet, but becomes true as soon as this marker is resolved
too, to positive or to negative. So it decides by itself or together with others; a marker that no
phenotype asks for, or whose rule is already false because of a marker that is certain, does not
matter. A class is *possible* where some resolution makes it true. Some class is possible exactly
where some marker matters, since on the way from nothing resolved to that resolution one marker is
the first to make it true.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.expression import FALSE, TRUE, UNKNOWN, Expression, TruthArray

NEGATIVE, INDETERMINATE, POSITIVE, INVALID = 0, 1, 2, 3
"""A marker's states."""

BoolArray = NDArray[np.bool_]
StateArray = NDArray[np.int64]
_STATE_TO_TRUTH = np.array([FALSE, UNKNOWN, TRUE, UNKNOWN], dtype=np.int8)


def truth_grid(markers: Sequence[str]) -> dict[str, TruthArray]:
    """Return, for marker j, the three truth values along axis j of a (3,) * k grid."""
    values = np.array([FALSE, UNKNOWN, TRUE], dtype=np.int8)
    k = len(markers)
    return {
        marker: values.reshape([3 if axis == j else 1 for axis in range(k)])
        for j, marker in enumerate(markers)
    }


def where_true(rule: Expression, markers: Sequence[str]) -> BoolArray:
    """Return where the rule is true, on the (3,) * k grid of truth values."""
    return np.array(
        np.broadcast_to(rule.evaluate(truth_grid(markers)) == TRUE, (3,) * len(markers))
    )


def list_states(k: int) -> StateArray:
    """Return the states (4**k, k) of every table entry."""
    return (np.arange(4**k)[:, np.newaxis] >> (2 * np.arange(k))) & 3


def look_up(grid: BoolArray, states: StateArray) -> BoolArray:
    """Return a grid's values at every table entry."""
    return np.asarray(grid[tuple(_STATE_TO_TRUTH[states].T.astype(np.intp))])


def _resolve(grid: BoolArray, axis: int) -> BoolArray:
    """Return where the grid is true, or would be with an unknown marker ``axis`` resolved."""
    out = np.moveaxis(grid.copy(), axis, 0)
    out[UNKNOWN] |= out[FALSE] | out[TRUE]
    return np.moveaxis(out, 0, axis)


def where_possible(true: BoolArray) -> BoolArray:
    """Return where some resolution of the unknown markers makes the rule true."""
    for axis in range(true.ndim):
        true = _resolve(true, axis)
    return true


def _marker_matters(true: BoolArray, j: int) -> BoolArray:
    """Return where marker j, unknown, is the one that completes some resolution."""
    along = np.moveaxis(true, j, 0)
    pivotal = np.zeros_like(along)
    pivotal[UNKNOWN] = (along[FALSE] | along[TRUE]) & ~along[UNKNOWN]
    matters = np.moveaxis(pivotal, 0, j)
    for axis in range(true.ndim):
        if axis != j:
            matters = _resolve(matters, axis)
    return matters


def find_what_matters(true: BoolArray, states: StateArray) -> tuple[BoolArray, BoolArray]:
    """Return the table entries (4**k,) in which an invalid marker, and one in its band, matters."""
    invalid = np.zeros(len(states), dtype=np.bool_)
    band = np.zeros(len(states), dtype=np.bool_)
    for j in range(true.ndim):
        matters = look_up(_marker_matters(true, j), states)
        invalid |= matters & (states[:, j] == INVALID)
        band |= matters & (states[:, j] == INDETERMINATE)
    return invalid, band
