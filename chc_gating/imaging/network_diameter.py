"""The typical diameter of nuclei by what the network finds, where no pixel size is known."""

from __future__ import annotations

from collections.abc import Iterator
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
_UNSURE = 0.05
"""A rung whose mean depth is less by this counts a third."""
_SAMPLE_BOXES, _SAMPLE_PX = 9, 768
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
    """Return the typical diameter in pixels of the nuclei that the network finds.

    It looks at the image at a ladder of scales. Those at which nuclei are about as large as was
    assumed say how large they are, and count the more the surer the network is there of where
    nuclei are deep. A classical estimate stands where hardly anything is found.
    """
    boxes = spread_boxes(dna.shape, count=_SAMPLE_BOXES, side=_SAMPLE_PX)
    pieces = [dna[box.slices] for box in boxes]
    sample = _Sample(network, pieces, measure_range(pieces))
    found = [look for look in sample.climb() if look.areas.size >= _FEWEST and look.agrees]
    if not found:
        return estimate_diameter(dna)
    depths = np.array([look.depth for look in found])
    sizes = np.log([look.typical_px for look in found])
    return float(np.exp(np.average(sizes, weights=np.exp((depths - depths.max()) / _UNSURE))))


@dataclass(frozen=True)
class _Sample:
    """Pieces of an image, for the network to look at."""

    network: NucleusNetwork
    pieces: list[GreyImage]
    levels: GreyRange

    def climb(self) -> Iterator[_Look]:
        """Yield what is found at each rung of the ladder, the smallest diameter first."""
        largest = min(_WIDEST * max(min(piece.shape) for piece in self.pieces), _LARGEST_PX)
        diameter = _SMALLEST_PX
        while diameter <= largest:
            yield self.look(diameter)
            diameter *= _RUNG

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
