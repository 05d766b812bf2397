"""How well labels match the truth, and what the shipped chain makes of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sheets import Labels, Picture

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.network import NucleusNetwork
from chc_gating.imaging.network_levels import measure_range
from chc_gating.imaging.network_nuclei import NetworkScale, PreparedNetwork, Rules

LIMITS = (0.5, 0.7)
SHIPPED_RULES = Rules()


@dataclass(frozen=True)
class Matches:
    """Objects found and true, and how many of them match at each limit of the overlap."""

    found: int
    true: int
    matched: tuple[int, ...]

    def __add__(self, other: Matches) -> Matches:
        both = tuple(a + b for a, b in zip(self.matched, other.matched, strict=True))
        return Matches(self.found + other.found, self.true + other.true, both)

    def f1(self, limit: float) -> float:
        """Return 2 TP / (found + true) at a limit."""
        total = self.found + self.true
        return 2 * self.matched[LIMITS.index(limit)] / total if total else 1.0


NOTHING = Matches(0, 0, (0,) * len(LIMITS))


def match_labels(found: NDArray[np.integer], truth: Labels) -> Matches:
    """Return the matches: pairs whose intersection over union exceeds the limit.

    From one half on, no object can be in two pairs.
    """
    _, f = np.unique(found, return_inverse=True)
    _, t = np.unique(truth, return_inverse=True)
    f = f.reshape(found.shape) + (0 if (found == 0).any() else 1)
    t = t.reshape(truth.shape) + (0 if (truth == 0).any() else 1)
    table = np.zeros((f.max() + 1, t.max() + 1), np.int64)
    np.add.at(table, (f, t), 1)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    overlap = (table / np.maximum(union, 1))[1:, 1:]
    matched = tuple(int((overlap > limit).sum()) for limit in LIMITS)
    return Matches(overlap.shape[0], overlap.shape[1], matched)


def label_picture(
    network: NucleusNetwork, picture: Picture, *, diameter_px: float, rules: Rules = SHIPPED_RULES
) -> NDArray[np.int64]:
    """Return what the shipped chain labels on a picture; 0 is background."""
    scale = NetworkScale(diameter_px, network.facts.target_diameter_px, network.reach_px, rules)
    shape = picture.grey.shape
    prepared = PreparedNetwork(network, scale, measure_range([picture.grey]), shape)
    whole = Box(0, shape[0], 0, shape[1])
    return prepared.label_block(picture.grey, whole, outer=whole) + 1
