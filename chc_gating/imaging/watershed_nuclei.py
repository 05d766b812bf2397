"""`method: watershed`: smoothing, local and global threshold, depth, steepest ascent.

**Reach.** How a pixel is labelled depends only on pixels within `NucleusScale.reach_px`:

- smoothing looks half the width of its weights away;
- the local threshold compares the mean of the brighter and of the darker pixels of a window,
  themselves told apart by the window's mean: twice ``window``;
- the depth of a pixel in the mask is capped, so it looks ``radius`` px away, plus its smoothing;
- a maximum of the depth is joined to a higher one at most ``join`` px away;
- a pixel belongs to a seed at most ``radius`` away, by a way whose every pixel lies within
  ``radius`` of that seed; so does every other pixel of the same nucleus, whose area decides
  whether it is kept: 2 x ``radius``.

All of it is integer arithmetic, so equal pixels give equal labels wherever they lie. The only
numbers from farther away are those of `SlideStatistics`, taken once for the whole slide.
"""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.methods import SeedImage
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.records import Parameters
from chc_gating.imaging.statistics import ReadBox, SlideStatistics, measure_statistics
from chc_gating.imaging.terrain import GreyImage, survey_terrain
from chc_gating.kernels import watershed

_EDGE_PERCENT = 25
"""A nucleus ends where its contrast falls below this share of its seed's."""


@dataclass(frozen=True)
class WatershedMethod:
    """The classical chain, without a network."""

    @property
    def parameters(self) -> Parameters:
        """What segmentation.json states."""
        return {"method": "watershed"}

    def prepare(
        self, read: ReadBox, shape: tuple[int, int], *, diameter_px: float
    ) -> PreparedWatershed:
        """Return the method with the slide's noise and typical contrast."""
        scale = NucleusScale(diameter_px)
        return PreparedWatershed(scale, measure_statistics(read, shape, scale=scale), shape[1])


@dataclass(frozen=True)
class PreparedWatershed:
    """The classical chain on one slide, ``width`` pixels wide."""

    scale: NucleusScale
    statistics: SlideStatistics
    width: int

    @property
    def reach_px(self) -> int:
        """How far the label of a pixel looks."""
        return self.scale.reach_px

    def label_block(self, dna: GreyImage, block: Box, *, outer: Box) -> SeedImage:
        """Return the seed index of each pixel of a block, -1 in the background."""
        scale, statistics = self.scale, self.statistics
        terrain = survey_terrain(dna, scale=scale, floor=statistics.floor)
        ways = watershed.climb_once(terrain.score)
        watershed.join_maxima(terrain.score, ways, scale.join)
        seeds = watershed.label_basins(
            ways, terrain.contrast, statistics.lowest_seed, _EDGE_PERCENT, scale.radius
        )
        core = block.within(outer)
        counted = core.grow(2 * scale.radius, (outer.height, outer.width))
        labels: SeedImage = watershed.keep_nuclei(
            seeds,
            scale.smallest_area_px,
            counted.edges,
            core.edges,
            (outer.y0, outer.x0),
            self.width,
        )
        return labels
