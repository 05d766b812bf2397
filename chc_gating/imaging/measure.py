"""Cells of a whole slide measured block by block into measurements.parquet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.imaging.background import BackgroundGrid, measure_background
from chc_gating.imaging.blocks import (
    Box,
    Watch,
    count_blocks,
    grid_rows,
    group_blocks,
    map_in_order,
    unwatched,
)
from chc_gating.imaging.cell_source import CellSource
from chc_gating.imaging.cell_table import CellRows, build_rows, find_centroids, write_rows
from chc_gating.imaging.held_cells import HeldCells, MeasuredBlock
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.levels import ChannelLevel, measure_levels
from chc_gating.imaging.pieces import measure_block
from chc_gating.imaging.quality_maps import QualityMaps
from chc_gating.imaging.slide import Slide
from chc_gating.imaging.sums import (
    BlockPixels,
    MeasureRule,
    index_cells,
)

RING_UM = 2.5
"""Width of the ring around a nucleus that stands for the cytoplasm."""


@dataclass(frozen=True)
class PositiveRule:
    """A pixel is positive above ``times`` (background + ``sd`` SD) of its channel."""

    sd: float = 3.0
    times: float = 1.0


@dataclass(frozen=True)
class MeasuredCells:
    """What was measured beside the table.

    maps : what was found in each square of the slide
    levels, thresholds : of each measured channel, in their order; a pixel is positive above
    saturation : grey level from which a pixel is saturated
    repairs : what was not taken as the file has it, in words
    """

    cells: int
    maps: QualityMaps
    levels: tuple[ChannelLevel, ...]
    thresholds: tuple[float, ...]
    saturation: int
    repairs: tuple[str, ...]


def measure_cells(
    slide: Slide,
    labels: Labels,
    *,
    channels: Sequence[str],
    output: Path,
    dna: str | None = None,
    positive: Mapping[str, PositiveRule] | None = None,
    ring_um: float = RING_UM,
    tile_px: int = 4096,
    threads: int = 1,
    watch: Watch = unwatched,
) -> MeasuredCells:
    """Write one row per cell of a slide and return what holds for all of them.

    Parameters
    ----------
    slide, labels : Slide, Labels
        Of equal size.
    channels : sequence of str
        Names of the slide's channels to measure.
    output : Path
        measurements.parquet; its columns are those of `cell_table.table_schema`.
    dna : str, optional
        The one of ``channels`` whose sharpness is measured; none: focus is empty.
    positive : mapping of channel to PositiveRule, optional
        Which pixels are positive; 3 SD above the background where nothing is said.
    ring_um : float
        Width of the ring; 0 or less than a pixel: no ring.
    tile_px : int
        Width that is read at once; changes memory and speed, no number.
    threads : int
        Blocks measured at a time; changes no number.
    watch : Watch
        Sees the blocks that are done.

    Raises
    ------
    ChcError
        The labels are of another slide.
    """
    if labels.shape != slide.shape:
        raise ChcError(
            f"labels of {labels.shape[0]} x {labels.shape[1]} px do not fit {slide.path} of "
            f"{slide.shape[0]} x {slide.shape[1]} px; run chc segment on this slide"
        )
    source = CellSource(
        slide,
        labels,
        channels=tuple(slide.channels.index(name) for name in channels),
        dna=None if dna is None else list(channels).index(dna),
        ring_um=ring_um,
    )
    found = measure_levels(
        source.read_cells,
        slide.shape,
        channels=len(channels),
        maximum=slide.maximum,
        threads=threads,
    )
    rules = positive or {}
    thresholds = tuple(
        level.find_threshold(sd=rule.sd, times=rule.times)
        for name, level in zip(channels, found.channels, strict=True)
        for rule in [rules.get(name, PositiveRule())]
    )
    rule = MeasureRule(
        slide_shape=slide.shape,
        saturation=slide.maximum,
        thresholds=np.floor(thresholds).astype(np.int64),
        dna=source.dna,
    )

    maps = QualityMaps(slide.shape, channels, dna=rule.dna)

    def write(job: _Job) -> int:
        rows = _stream_cells(job, tile_px=tile_px, threads=threads, watch=watch)
        tables = (build_rows(part, channels=channels, slide=slide) for part in rows)
        return write_rows(output, tables, channels=channels)

    repairs: tuple[str, ...] = ()
    if found.plateau is None:
        cells = write(_Job(source, rule, maps))
    else:
        try:
            rule = replace(rule, saturation=found.plateau)
            cells = write(_Job(source, rule, maps, highest=found.plateau))
            repairs = (_describe_plateau(found.plateau),)
        except _BeyondPlateauError:
            rule = replace(rule, saturation=slide.maximum)
            cells = write(_Job(source, rule, maps))
    return MeasuredCells(cells, maps, found.channels, thresholds, rule.saturation, repairs)


def _describe_plateau(level: int) -> str:
    return (
        f"pixels pile up at grey level {level}, above which there is none: it is taken as the "
        f"saturation of a camera of {level.bit_length()} bits, which the file does not state"
    )


class _BeyondPlateauError(Exception):
    """A pixel is above the level that a sample of the slide took for the camera's maximum."""


@dataclass(frozen=True)
class _Job:
    """What the threads run: from a few blocks of a row to all that is measured there.

    maps : filled block by block
    highest : the level that no pixel may exceed, None: any
    """

    source: CellSource
    rule: MeasureRule
    maps: QualityMaps
    highest: int | None = None

    def __call__(self, blocks: Sequence[Box]) -> list[MeasuredBlock]:
        """Read and measure blocks that lie side by side."""
        waiting = deque(self.source.read_boxes(blocks))
        measured = []
        while waiting:  # the pixels of a block go when it is measured
            measured.append(self._measure(waiting.popleft()))
        return measured

    def _measure(self, pixels: BlockPixels) -> MeasuredBlock:
        if self.highest is not None and pixels.stack.max() > self.highest:
            raise _BeyondPlateauError
        cells = index_cells(pixels.labels, ring_px=self.source.ring_px)
        sums, pieces = measure_block(pixels, cells, rule=self.rule)
        background = measure_background(pixels, cells)
        self.maps.add_block(pixels, cells, background=background, saturation=self.rule.saturation)
        return MeasuredBlock(pixels.block, sums, pieces, background)


def _stream_cells(job: _Job, *, tile_px: int, threads: int, watch: Watch) -> Iterator[CellRows]:
    """Yield complete cells in ascending order of id, with what lies around them.

    A cell is held back while a block that is still to come may add to it or to the background
    around it, or a cell of a lower id is held back.
    """
    slide = job.source.slide
    grid = BackgroundGrid(slide.shape, len(job.source.channels))
    # Threads share the width that is read at once, so that they take no more memory than one.
    groups = (
        group
        for row in grid_rows(slide.shape)
        for group in group_blocks(row, tile_px=tile_px // max(threads, 1))
    )
    measured = chain.from_iterable(map_in_order(job, groups, threads=threads))
    blocks = watch(measured, count_blocks(slide.shape))
    held = HeldCells(slide)
    for row in grid_rows(slide.shape):
        for _ in row:
            done = next(blocks)
            grid.fill(done.block, done.background)
            held.add(done)
        job.source.forget_above(row[0].y1)
        cells, nearest_px = held.take_complete(row[0], rule=job.rule)
        if cells.ids.size:
            centroids = find_centroids(cells, width=slide.shape[1])
            background = grid.interpolate(centroids[:, 0], centroids[:, 1])
            yield CellRows(cells, background, nearest_px)
