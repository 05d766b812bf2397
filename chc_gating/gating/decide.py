"""How a gate that no kernel decides enters its population into the state of a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.plan_arrays import NOMINAL
from chc_gating.kernels.records import State


def ask_events(state: State, parent: int) -> NDArray[np.int64]:
    """Return the events that are in a population with the cuts as they are, lower or higher."""
    return np.flatnonzero((state.mask & bit_of(parent)).any(axis=1))


def enter_population(
    state: State,
    p: int,
    parent: int,
    *,
    rows: NDArray[np.int64],
    inside: NDArray[np.bool_],
    undecided: NDArray[np.bool_],
) -> None:
    """Put events into population p, in every scenario in which they are in its parent.

    rows : (k,) events that were asked for. inside, undecided : (k,) what the gate says of them;
    undecided ones are invalid.
    """
    above = state.mask[rows] & bit_of(parent) != 0
    state.mask[rows] |= np.where(above & inside[:, np.newaxis], bit_of(p), np.uint64(0))
    state.invalid[rows[undecided & above[:, NOMINAL]]] |= bit_of(p)


def bit_of(p: int) -> np.uint64:
    """Return population p's bit."""
    return np.uint64(1 << p)
