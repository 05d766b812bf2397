"""The typical diameter of nuclei by what the network finds, where no pixel size is known."""

from __future__ import annotations

import numpy as np

from chc_gating.imaging.blocks import Box, spread_boxes
from chc_gating.imaging.diameter import estimate_diameter
from chc_gating.imaging.network import NucleusNetwork
from chc_gating.imaging.network_levels import measure_range
from chc_gating.imaging.network_nuclei import NetworkScale, PreparedNetwork
from chc_gating.imaging.terrain import GreyImage

_SMALLEST_PX, _LARGEST_PX = 5.0, 160.0
_ROUNDS, _NEAR = 4, 0.03
_SAMPLE_BOXES, _SAMPLE_PX = 9, 1024
_FEWEST = 3
"""Fewer nuclei say nothing about the typical one."""


def find_diameter(dna: GreyImage, network: NucleusNetwork) -> float:
    """Return the median diameter in pixels of the nuclei that the network finds.

    It looks at the image at the scale that a classical estimate gives, and again at the scale of
    what it found, until the two agree: a nucleus of another size than it knows is still found,
    only less well. The classical estimate stands where hardly anything is found.
    """
    boxes = spread_boxes(dna.shape, count=_SAMPLE_BOXES, side=_SAMPLE_PX)
    levels = measure_range([dna[box.slices] for box in boxes])
    first = diameter = estimate_diameter(dna)
    for _ in range(_ROUNDS):
        scale = NetworkScale(diameter, network.facts.target_diameter_px, network.reach_px)
        areas = []
        for box in boxes:
            piece = dna[box.slices]
            prepared = PreparedNetwork(network, scale, levels, piece.shape)
            whole = Box(0, piece.shape[0], 0, piece.shape[1])
            seeds = prepared.label_block(piece, whole, outer=whole)
            areas.append(np.unique(seeds[seeds >= 0], return_counts=True)[1])
        found = np.concatenate(areas)
        if found.size < _FEWEST:
            return first
        typical = float(2 * np.sqrt(np.median(found) / np.pi))
        typical = min(max(typical, _SMALLEST_PX), _LARGEST_PX)
        if abs(typical / diameter - 1) < _NEAR:
            return typical
        diameter = typical
    return diameter
