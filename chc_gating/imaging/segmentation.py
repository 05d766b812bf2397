"""The nuclei of a whole slide, block by block into labels.tif."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chc_gating.imaging.blocks import (
    Box,
    Watch,
    count_blocks,
    grid_rows,
    group_blocks,
    map_in_order,
    span_boxes,
    unwatched,
)
from chc_gating.imaging.labels import LabelImage, write_labels
from chc_gating.imaging.nuclei import label_block
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.slide import Slide
from chc_gating.imaging.statistics import SlideStatistics, measure_statistics

_Work = tuple[Box, Box, "np.ndarray[tuple[int, int], np.dtype[np.uint16]]"]


def segment_slide(
    slide: Slide,
    dna_channel: int,
    *,
    labels_path: Path,
    tile_px: int = 4096,
    threads: int = 1,
    watch: Watch = unwatched,
) -> int:
    """Write the labels of a slide's nuclei and return how many nuclei there are.

    Parameters
    ----------
    slide : Slide
    dna_channel : int
        Index of the channel that shows nuclei.
    labels_path : Path
        labels.tif; see `imaging.labels`.
    tile_px : int
        Width that is read at once; changes memory and speed, no label.
    threads : int
        Blocks computed at a time; changes no label.
    watch : Watch
        Sees the blocks that are done.
    """

    def read(box: Box) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
        return slide.read_box(dna_channel, box)

    scale = NucleusScale.from_pixel_size(slide.pixel_size_um)
    statistics = measure_statistics(read, slide.shape, scale=scale)
    nuclei = 0

    def blocks() -> Iterator[LabelImage]:
        nonlocal nuclei
        work = _read_work(slide, dna_channel, scale=scale, tile_px=tile_px)
        run = _BlockLabeller(slide.shape[1], scale, statistics)
        for block, labels in watch(
            map_in_order(run, work, threads=threads), count_blocks(slide.shape)
        ):
            nuclei += _count_own_seeds(labels, block, width=slide.shape[1])
            yield labels

    write_labels(labels_path, slide.shape, blocks())
    return nuclei


class _BlockLabeller:
    """Labels one block: what the threads run."""

    def __init__(self, width: int, scale: NucleusScale, statistics: SlideStatistics) -> None:
        self._width = width
        self._scale = scale
        self._statistics = statistics

    def __call__(self, work: _Work) -> tuple[Box, LabelImage]:
        block, outer, dna = work
        seeds = label_block(
            dna,
            block,
            outer=outer,
            width=self._width,
            scale=self._scale,
            statistics=self._statistics,
        )
        return block, seeds + 1


def _read_work(slide: Slide, channel: int, *, scale: NucleusScale, tile_px: int) -> Iterator[_Work]:
    """Yield each block with its halo and the halo's pixels, in raster order."""
    for row in grid_rows(slide.shape):
        for group in group_blocks(row, tile_px=tile_px):
            whole = span_boxes(group).grow(scale.reach_px, slide.shape)
            pixels = slide.read_box(channel, whole)
            for block in group:
                outer = block.grow(scale.reach_px, slide.shape)
                yield block, outer, pixels[outer.within(whole).slices]


def _count_own_seeds(labels: LabelImage, block: Box, *, width: int) -> int:
    """Count the nuclei whose seed pixel lies in a block."""
    rows = np.arange(block.y0, block.y1, dtype=np.int64)[:, np.newaxis] * width
    columns = np.arange(block.x0, block.x1, dtype=np.int64)
    return int(np.count_nonzero(labels == rows + columns + 1))
