"""Which cells of a slide were found: counted positions against true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """True cells that were found and missed, and counted cells that are none."""

    found: int
    missed: int
    false: int

    @property
    def recall(self) -> float | None:
        """Share of the true cells that were found; None where there are none."""
        true = self.found + self.missed
        return self.found / true if true else None


def match_positions(true: Positions, counted: Positions, *, within: float) -> Match:
    """Pair true (n, 2) and counted (k, 2) positions one to one, the nearest pairs first.

    Pairs farther apart than ``within``, in the unit of the positions, do not match.
    """
    distances = np.hypot(*(true[:, None, :] - counted[None, :, :]).transpose(2, 0, 1))
    rows, columns = np.nonzero(distances <= within)
    order = np.argsort(distances[rows, columns], kind="stable")
    used_true: set[int] = set()
    used_counted: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in used_true and column not in used_counted:
            used_true.add(row)
            used_counted.add(column)
    found = len(used_true)
    return Match(found=found, missed=len(true) - found, false=len(counted) - found)
