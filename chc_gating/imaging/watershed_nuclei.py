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
from chc_gating.imaging.diameter import estimate_diameter
from chc_gating.imaging.methods import SeedImage, check_diameter
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.nucleus_steps import climb_once, join_maxima, keep_nuclei, label_basins
from chc_gating.imaging.records import Parameters
from chc_gating.imaging.statistics import ReadBox, SlideStatistics, measure_statistics
from chc_gating.imaging.terrain import GreyImage, survey_terrain

_EDGE_PERCENT = 25
"""A nucleus ends where its contrast falls below this share of its seed's."""


@dataclass(frozen=True)
class WatershedMethod:
    """The classical chain, without a network."""

    @property
    def parameters(self) -> Parameters:
        """What segmentation.json states."""
        return {"method": "watershed"}

    def find_diameter(self, dna: GreyImage) -> float:
        """Return the typical diameter in pixels of the bright objects of an image."""
        return estimate_diameter(dna)

    def prepare(
        self, read: ReadBox, shape: tuple[int, int], *, diameter_px: float, threads: int = 1
    ) -> PreparedWatershed:
        """Return the method with the slide's noise and typical contrast.

        Raises UnfitImageError where nuclei are so large that a block's halo would fill the memory.
        """
        check_diameter(diameter_px)
        scale = NucleusScale(diameter_px)
        statistics = measure_statistics(read, shape, scale=scale, threads=threads)
        return PreparedWatershed(scale, statistics, shape[1])


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
        # What a step looks at is less than what the step before it had to look at.
        scale, shape = self.scale, (outer.height, outer.width)
        core = block.within(outer)
        inner = core.grow(scale.mask_reach_px, shape)
        terrain = survey_terrain(dna, inner, scale=scale, floor=self.statistics.floor)
        ways, inside = climb_once(terrain.score)
        join_maxima(terrain.score, ways, inside, radius=scale.join)
        seeds = label_basins(
            ways,
            inside,
            terrain.contrast,
            lowest_seed=self.statistics.lowest_seed,
            share=_EDGE_PERCENT,
            radius=scale.radius,
        )
        return keep_nuclei(
            seeds,
            inside,
            smallest_area=scale.smallest_area_px,
            counted=core.grow(scale.basin_reach_px, shape).within(inner),
            kept=core.within(inner),
            origin=(outer.y0 + inner.y0, outer.x0 + inner.x0),
            slide_width=self.width,
        )
