"""The typical diameter of nuclei by what the network finds, where no pixel size is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box, spread_boxes
from chc_gating.imaging.diameter import estimate_diameter
from chc_gating.imaging.methods import SeedImage
from chc_gating.imaging.network import NucleusNetwork
from chc_gating.imaging.network_levels import measure_range
from chc_gating.imaging.network_nuclei import NetworkScale, PreparedNetwork
from chc_gating.imaging.terrain import GreyImage

_SMALLEST_PX, _LARGEST_PX = 5.0, 160.0
_ROUNDS, _NEAR = 5, 0.03
_SAMPLE_BOXES, _SAMPLE_PX, _START_PX = 9, 1024, 512
_FEWEST = 3
"""Fewer nuclei say nothing about the typical one."""
_FINEST_PX, _MORE_LIGHT = 8.0, 1.1
_SHARPER, _ENOUGH_LIGHT = 2.0, 0.2
"""A halved diameter, down to the first, is begun with where it explains the second times as much
light; or the fourth, and the edges of what it finds have the third times the contrast: a glow may
hold more light than all nuclei, but has no edge.
"""


_EDGE = 0.08
"""Width of the bands on either side of an edge, in diameters: large nuclei have broad edges."""


@dataclass(frozen=True)
class _Fit:
    """How well what is found explains an image.

    light : above the mean, of all pixels in nuclei. contrast : mean in a band inside of their
    edges less that in one outside.
    """

    light: float
    contrast: float

    def beats(self, other: _Fit) -> bool:
        """Return whether this one is better by far."""
        sharper = self.contrast > _SHARPER * other.contrast
        return self.light > _MORE_LIGHT * other.light or (
            sharper and self.light > _ENOUGH_LIGHT * other.light
        )


def find_diameter(dna: GreyImage, network: NucleusNetwork) -> float:
    """Return the median diameter in pixels of the nuclei that the network finds.

    It looks at the image at the scale that a classical estimate gives, and again at the scale of
    what it found, until the two agree: a nucleus of another size than it knows is still found,
    only less well. The classical estimate may be that of clumps or of an uneven background, so
    smaller ones are tried first. It stands where hardly anything is found.
    """
    boxes = spread_boxes(dna.shape, count=_SAMPLE_BOXES, side=_SAMPLE_PX)
    sample = _Sample(network, [dna[box.slices] for box in boxes])
    first = diameter = sample.choose_start(estimate_diameter(dna))
    for _ in range(_ROUNDS):
        areas = sample.measure_areas(diameter)
        if areas.size < _FEWEST:
            return first
        typical = float(2 * np.sqrt(np.median(areas) / np.pi))
        typical = min(max(typical, _SMALLEST_PX), _LARGEST_PX)
        if abs(typical / diameter - 1) < _NEAR:
            return typical
        diameter = typical
    return diameter


class _Sample:
    """Pieces of an image, and what the network finds in them."""

    def __init__(self, network: NucleusNetwork, pieces: list[GreyImage]) -> None:
        self.network, self.pieces = network, pieces
        self.levels = measure_range(pieces)

    def choose_start(self, diameter_px: float) -> float:
        """Return a diameter, or half of it and so on, by what explains the pieces best."""
        centre = _Sample(self.network, [_cut_centre(piece) for piece in self.pieces])
        centre.levels = self.levels
        best, fit = diameter_px, centre.explain(diameter_px)
        finer = diameter_px / 2
        while finer >= _FINEST_PX:
            finer_fit = centre.explain(finer)
            if finer_fit.beats(fit):
                best, fit = finer, finer_fit
            finer /= 2
        return best

    def explain(self, diameter_px: float) -> _Fit:
        """Return how well the nuclei found at a diameter explain the pieces."""
        light, edges = 0.0, np.zeros((2, 2))
        width = max(round(_EDGE * diameter_px), 2)
        for piece, seeds in zip(self.pieces, self.find_nuclei(diameter_px), strict=True):
            level = self.levels.normalise(piece.astype(np.float32))
            inside = seeds >= 0
            light += float(level[inside].sum() - inside.sum() * level.mean())
            edges += [[level[side].sum(), side.sum()] for side in _find_edges(inside, width)]
        inner, outer = edges[:, 0] / np.maximum(edges[:, 1], 1)
        return _Fit(light=light, contrast=float(inner - outer))

    def measure_areas(self, diameter_px: float) -> NDArray[np.int64]:
        """Return the areas of the nuclei found at a diameter."""
        found = self.find_nuclei(diameter_px)
        return np.concatenate([np.unique(s[s >= 0], return_counts=True)[1] for s in found])

    def find_nuclei(self, diameter_px: float) -> Iterator[SeedImage]:
        """Yield the nuclei of each piece, as the index of their seeds."""
        facts = self.network.facts
        scale = NetworkScale(diameter_px, facts.target_diameter_px, facts.reach_px)
        for piece in self.pieces:
            prepared = PreparedNetwork(self.network, scale, self.levels, piece.shape)
            whole = Box(0, piece.shape[0], 0, piece.shape[1])
            yield prepared.label_block(piece, whole, outer=whole)


def _find_edges(
    inside: NDArray[np.bool_], width_px: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the pixels inside, and outside, of the edges of a mask, in bands of a width."""
    import cv2

    side = 2 * width_px + 1
    mask, near = inside.astype(np.uint8), np.ones((side, side), np.uint8)
    return inside & (cv2.erode(mask, near) == 0), ~inside & (cv2.dilate(mask, near) > 0)


def _cut_centre(piece: GreyImage) -> GreyImage:
    y, x = (max(length - _START_PX, 0) // 2 for length in piece.shape)
    return piece[y : y + _START_PX, x : x + _START_PX]
