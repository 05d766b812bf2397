"""Gates that no kernel evaluates, put into the populations of a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.rules import (
    BooleanRule,
    BoxRule,
    EllipsoidRule,
    MarginRule,
    PolygonRule,
    SingletRule,
)
from chc_gating.kernels.gate import INDETERMINATE, INVALID, NEGATIVE, NOT_ASKED, POSITIVE
from chc_gating.kernels.plan_arrays import NOMINAL, NONE, IntArray
from chc_gating.model.events import StoredBatch

ValueRule = BoxRule | PolygonRule | EllipsoidRule | MarginRule | SingletRule


def decide_events(stored: StoredBatch, rule: ValueRule, verdicts: NDArray[np.uint8]) -> None:
    """Put a rule's verdict on every event that is asked for into verdicts (n,)."""
    rows = np.flatnonzero(verdicts != NOT_ASKED)
    verdicts[rows] = rule.decide(stored, rows)


def apply_boolean(
    p: int,
    parent: int,
    rule: BooleanRule,
    mask: NDArray[np.uint64],
    invalid: NDArray[np.uint64],
) -> None:
    """Put the parent's events that satisfy a boolean rule into population p.

    mask : (n, 3). invalid : (n,); what is not finite with the cuts as they are counts as not
    finite with moved cuts, too.
    """
    own, above = np.uint64(1 << p), np.uint64(1 << parent)
    _, undecided = rule.combine(mask[:, NOMINAL], invalid)
    undecided &= mask[:, NOMINAL] & above != 0
    for s in range(mask.shape[1]):
        true, _ = rule.combine(mask[:, s], invalid)
        mask[true & (mask[:, s] & above != 0), s] |= own
    invalid[undecided] |= own


def add_population_states(
    populations: IntArray,
    chains: NDArray[np.uint64],
    shift: int,
    mask: NDArray[np.uint64],
    invalid: NDArray[np.uint64],
    codes: NDArray[np.uint16],
) -> None:
    """Add to codes (n, 3) a marker's state that two populations stand for.

    Positive in the one and not in the other, negative the other way round; in both or in neither
    it is indeterminate, and invalid where a gate on the way to either could not decide.
    """
    for s in range(mask.shape[1]):
        inside = [
            mask[:, s] & np.uint64(1 << int(q)) != 0
            if q != NONE
            else np.zeros(len(mask), dtype=np.bool_)
            for q in populations
        ]
        undecided = [
            ~own & (invalid & chain != 0) for own, chain in zip(inside, chains, strict=True)
        ]
        state = np.full(len(mask), INDETERMINATE, dtype=np.uint16)
        state[inside[0] & ~inside[1]] = POSITIVE
        state[inside[1] & ~inside[0]] = NEGATIVE
        state[(undecided[0] & ~inside[1]) | (undecided[1] & ~inside[0])] = INVALID
        codes[:, s] |= state << np.uint16(shift)
