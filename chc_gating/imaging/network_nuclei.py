"""`method: network`: the trained network, then a watershed by steepest ascent of its distance.

**Reach.** How a pixel is labelled depends only on pixels within `NetworkScale.reach_px`:

- the slide is read on a grid on which nuclei are 14 px wide, fixed on the slide: each grid pixel
  is a mean of slide pixels at most one of its own widths away;
- the network looks `NucleusNetwork.reach_px` grid pixels away, and begins at a multiple of its
  stride;
- a maximum of the distance is joined to a higher one at most ``join`` px away;
- a pixel belongs to a seed at most ``radius`` away, by a way whose every pixel lies within
  ``radius`` of that seed; so does every other pixel of the same nucleus, whose area decides
  whether it is kept: 2 x ``radius``.

All of it is integer arithmetic, so equal pixels give equal labels wherever they lie. The only
numbers from farther away are those of `GreyRange`, taken once for the whole slide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.methods import SeedImage
from chc_gating.imaging.network import STRIDE, FloatImage, NucleusNetwork
from chc_gating.imaging.network_levels import GreyRange
from chc_gating.imaging.nucleus_steps import climb_once, keep_nuclei, label_basins
from chc_gating.imaging.terrain import GreyImage, as_uint16
from chc_gating.kernels import dips, interpolate, resample

IntImage = NDArray[np.int32]

_LEVELS = 1024
"""Steps of the distance from 0 to 1, and of one unit of the foreground."""


@dataclass(frozen=True)
class Rules:
    """How nuclei follow from what the network says; chosen on pictures that are no test.

    foreground : logarithm of the odds from which a pixel is nucleus.
    peak : distance that a nucleus's deepest pixel has at least.
    keep_percent : of the lower maximum, to which the distance may dip between two maxima of one
        nucleus.
    join : how far apart two maxima of one nucleus are at most, in diameters.
    smallest : diameter of the smallest nucleus, in diameters.
    """

    foreground: float = 0.25
    peak: float = 0.5
    keep_percent: int = 45
    join: float = 1.0
    smallest: float = 0.35


@dataclass(frozen=True)
class NetworkScale:
    """Sizes that follow from the typical diameter of a nucleus and from the network."""

    diameter_px: float
    target_px: float
    network_reach: int
    rules: Rules = Rules()

    @property
    def step(self) -> float:
        """Slide pixels per grid pixel."""
        return self.diameter_px / self.target_px

    @property
    def radius(self) -> int:
        """Half width of the largest nucleus: three typical diameters across."""
        return max(round(1.5 * self.diameter_px), 4)

    @property
    def join(self) -> int:
        """Maxima nearer than this may be one nucleus."""
        return max(round(self.rules.join * self.diameter_px), 1)

    @property
    def smallest_area_px(self) -> int:
        """Area of the smallest nucleus."""
        return max(round(math.pi / 4 * (self.rules.smallest * self.diameter_px) ** 2), 4)

    @property
    def labels_reach_px(self) -> int:
        """How far labels look in the score, in slide pixels."""
        return self.join + 1 + 2 * self.radius

    @property
    def reach_px(self) -> int:
        """How far the label of a pixel looks: the halo of a block."""
        grid = self.network_reach + STRIDE + 2
        return self.labels_reach_px + math.ceil(grid * self.step + max(self.step, 1)) + 2

    def grid_length(self, length: int) -> int:
        """Return how many grid pixels cover a slide's side: a multiple of the stride."""
        return STRIDE * math.ceil(math.ceil(length / self.step) / STRIDE)

    def find_tile(self, first: int, last: int, length: int) -> tuple[int, int]:
        """Return the grid pixels that the network has to see for slide pixels first..last-1."""
        lower = math.floor((first + 0.5) / self.step - 0.5) - self.network_reach
        upper = math.floor((last - 0.5) / self.step - 0.5) + 2 + self.network_reach
        start = max(STRIDE * (lower // STRIDE), 0)
        stop = min(STRIDE * math.ceil(upper / STRIDE), self.grid_length(length))
        return start, stop


@dataclass(frozen=True)
class Answers:
    """What the network says of the pixels of ``tile``, a part of its grid: see its `predict`."""

    foreground: FloatImage
    distance: FloatImage
    tile: Box


@dataclass(frozen=True)
class PreparedNetwork:
    """The network on one slide of ``shape`` (y, x)."""

    network: NucleusNetwork
    scale: NetworkScale
    levels: GreyRange
    shape: tuple[int, int]

    @property
    def reach_px(self) -> int:
        """How far the label of a pixel looks: the halo of a block."""
        return self.scale.reach_px

    def label_block(self, dna: GreyImage, block: Box, *, outer: Box) -> SeedImage:
        """Return the seed index of each pixel of a block, -1 in the background.

        Parameters
        ----------
        dna : (y, x) uint8 or uint16
            The pixels of ``outer``, which is ``block`` grown by the reach.

        Returns
        -------
        (y, x) int64, of the block's shape
            Equal to what any other block says of the same pixel.
        """
        scored = block.grow(self.scale.labels_reach_px, self.shape)
        return self.label(self.predict(dna, scored, outer=outer), block, scored=scored)

    def predict(self, dna: GreyImage, scored: Box, *, outer: Box) -> Answers:
        """Return what the network says around ``scored``, given the pixels of ``outer``."""
        tile = self._find_tile(scored)
        return Answers(*self.network.predict(self._read_grid(dna, tile, outer=outer)), tile)

    def label(self, said: Answers, block: Box, *, scored: Box) -> SeedImage:
        """Return the seed index of each pixel of a block by what the network said around it."""
        score = self._score_pixels(said, scored)
        return label_scores(
            score, block, scored=scored, scale=self.scale, slide_width=self.shape[1]
        )

    def _find_tile(self, scored: Box) -> Box:
        y0, y1 = self.scale.find_tile(scored.y0, scored.y1, self.shape[0])
        x0, x1 = self.scale.find_tile(scored.x0, scored.x1, self.shape[1])
        return Box(y0, y1, x0, x1)

    def _read_grid(self, dna: GreyImage, tile: Box, *, outer: Box) -> FloatImage:
        """Return the normalised levels of a tile of the grid."""
        axes: list[NDArray[np.int64]] = []
        sides = ((tile.y0, tile.height, outer.y0), (tile.x0, tile.width, outer.x0))
        for (first, count, corner), length in zip(sides, self.shape, strict=True):
            starts, weights = resample.axis_weights(
                self.scale.step, first=first, count=count, length=length
            )
            axes += [starts - corner, weights]
        levels = resample.resample_rows(as_uint16(dna), *axes)
        grey = levels.astype(np.float32) / np.float32(1 << resample.FRACTION_BITS)
        return self.levels.normalise(grey)

    def _score_pixels(self, said: Answers, scored: Box) -> IntImage:
        axes: list[NDArray[np.int64]] = []
        corner_y, corner_x = said.tile.y0, said.tile.x0
        sides = ((scored.y0, scored.height, corner_y), (scored.x0, scored.width, corner_x))
        for (first, count, corner), length in zip(sides, self.shape, strict=True):
            axes += interpolate.axis_shares(
                self.scale.step,
                first=first,
                count=count,
                grid_first=corner,
                grid_length=self.scale.grid_length(length),
            )
        lowest = round(self.scale.rules.foreground * _LEVELS)
        score: IntImage = interpolate.interpolate_score(
            _count_levels(said.foreground, 8), _count_levels(said.distance, 0), *axes, lowest
        )
        return score


def label_scores(
    score: IntImage, block: Box, *, scored: Box, scale: NetworkScale, slide_width: int
) -> SeedImage:
    """Return the seed index of each pixel of a block, from the scores of ``scored``."""
    ways, inside = climb_once(score)
    dips.join_shallow(score, ways, inside, scale.join, scale.rules.keep_percent)
    peak = round(scale.rules.peak * _LEVELS) << interpolate.SHARE_BITS
    seeds = label_basins(ways, inside, score, lowest_seed=peak, share=0, radius=scale.radius)
    core = block.within(scored)
    counted = core.grow(2 * scale.radius, (scored.height, scored.width))
    return keep_nuclei(
        seeds,
        inside,
        smallest_area=scale.smallest_area_px,
        counted=counted,
        kept=core,
        origin=(scored.y0, scored.x0),
        slide_width=slide_width,
    )


def _count_levels(said: FloatImage, below: float) -> IntImage:
    """Return an answer in whole steps, between -``below`` and 1 (and 8 for the foreground)."""
    top = max(below, 1.0)
    levels: IntImage = np.rint(np.clip(said, -below, top) * np.float32(_LEVELS)).astype(np.int32)
    return levels
