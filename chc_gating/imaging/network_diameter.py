"""The typical diameter of nuclei by what the network finds, where no pixel size is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box, spread_boxes
from chc_gating.imaging.diameter import estimate_diameter
from chc_gating.imaging.network import NucleusNetwork
from chc_gating.imaging.network_levels import GreyRange, measure_range
from chc_gating.imaging.network_nuclei import NetworkScale, PreparedNetwork
from chc_gating.imaging.terrain import GreyImage

_SMALLEST_PX, _LARGEST_PX = 5.0, 160.0
_RUNG = 2**0.5
"""Ratio of the diameters that are tried: the network knows nuclei of 0.7 to 1.4 times its own."""
_WIDEST = 0.4
"""The largest diameter that is tried, as a share of a piece's shorter side."""
_ROUNDS, _NEAR = 5, 0.03
_SAMPLE_BOXES, _SAMPLE_PX, _FIRST_PX = 9, 1024, 512
_FEWEST = 3
"""Fewer nuclei say nothing about the typical one."""


@dataclass(frozen=True)
class _Look:
    """What is found at an assumed diameter.

    areas : of the nuclei, in pixels
    depth : mean of the network's distance over them. It falls where nuclei are not of the size that
        the network knows: of parts of a nucleus, or of several as one, it is unsure what is deep.
    """

    diameter_px: float
    areas: NDArray[np.int64]
    depth: float

    @property
    def typical_px(self) -> float:
        """Median diameter of the nuclei."""
        typical = float(2 * np.sqrt(np.median(self.areas) / np.pi))
        return min(max(typical, _SMALLEST_PX), _LARGEST_PX)

    @property
    def agrees(self) -> bool:
        """Whether the nuclei are about as large as was assumed."""
        return 1 / _RUNG < self.typical_px / self.diameter_px < _RUNG


def find_diameter(dna: GreyImage, network: NucleusNetwork) -> float:
    """Return the median diameter in pixels of the nuclei that the network finds.

    It looks at the image at a ladder of scales. Of those at which nuclei are about as large as was
    assumed it takes the one at which the network is surest of where they are deep, and looks again
    at the scale of what it found, until the two agree. A classical estimate stands where hardly
    anything is found.
    """
    boxes = spread_boxes(dna.shape, count=_SAMPLE_BOXES, side=_SAMPLE_PX)
    pieces = [dna[box.slices] for box in boxes]
    levels = measure_range(pieces)
    first = _Sample(network, [_cut_centre(piece) for piece in pieces], levels).climb()
    if first is None:
        return estimate_diameter(dna)
    sample, diameter = _Sample(network, pieces, levels), first
    for _ in range(_ROUNDS):
        look = sample.look(diameter)
        if look.areas.size < _FEWEST:
            return first
        if abs(look.typical_px / diameter - 1) < _NEAR:
            return look.typical_px
        diameter = look.typical_px
    return diameter


@dataclass(frozen=True)
class _Sample:
    """Pieces of an image, for the network to look at."""

    network: NucleusNetwork
    pieces: list[GreyImage]
    levels: GreyRange

    def climb(self) -> float | None:
        """Return the typical diameter at the rung that the network is surest of; None without."""
        largest = min(_WIDEST * max(min(piece.shape) for piece in self.pieces), _LARGEST_PX)
        rungs = np.arange(np.log(max(largest, _SMALLEST_PX) / _SMALLEST_PX) / np.log(_RUNG) + 1e-9)
        looks = [self.look(float(_SMALLEST_PX * _RUNG**rung)) for rung in rungs]
        found = [look for look in looks if look.areas.size >= _FEWEST and look.agrees]
        return max(found, key=lambda look: look.depth).typical_px if found else None

    def look(self, diameter_px: float) -> _Look:
        """Return what the network finds, were nuclei of this diameter."""
        facts = self.network.facts
        scale = NetworkScale(diameter_px, facts.target_diameter_px, facts.reach_px)
        areas, depth, pixels = [], 0.0, 0
        for piece in self.pieces:
            prepared = PreparedNetwork(self.network, scale, self.levels, piece.shape)
            whole = Box(0, piece.shape[0], 0, piece.shape[1])
            said = prepared.predict(piece, whole, outer=whole)
            inside = said.distance[said.foreground > 0]
            depth, pixels = depth + float(inside.sum()), pixels + inside.size
            seeds = prepared.label(said, whole, scored=whole)
            areas.append(np.unique(seeds[seeds >= 0], return_counts=True)[1])
        return _Look(diameter_px, np.concatenate(areas), depth / max(pixels, 1))


def _cut_centre(piece: GreyImage) -> GreyImage:
    y, x = (max(length - _FIRST_PX, 0) // 2 for length in piece.shape)
    return piece[y : y + _FIRST_PX, x : x + _FIRST_PX]
