"""Cells of a whole slide measured block by block into measurements.parquet."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError, RawFileError
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
from chc_gating.imaging.cell_table import CellRows, build_rows, find_centroids, write_rows
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.levels import ChannelLevel, measure_levels
from chc_gating.imaging.nearest import find_nearest
from chc_gating.imaging.pieces import Pieces, join_pieces, measure_block
from chc_gating.imaging.quality_maps import QualityMaps
from chc_gating.imaging.slide import Slide
from chc_gating.imaging.sums import (
    BlockCells,
    BlockPixels,
    CellSums,
    MeasureRule,
    index_cells,
    join_cells,
)
from chc_gating.kernels import pixel_columns as columns

RING_UM = 2.5
"""Width of the ring around a nucleus that stands for the cytoplasm."""

NEAREST_UM = 50.0
"""Nuclei farther apart are no neighbours; some five leukocytes."""

_SHARP_PX = 3
"""How far the filters look that tell how sharp the DNA channel is (`kernels/quality.py`)."""

_NEAREST_PX = 512
"""The reach in pixels at most: half a block, so that one row of blocks holds all neighbours."""


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
    source = _Source(
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
class _Source:
    """Where pixels and labels are read."""

    slide: Slide
    labels: Labels
    channels: tuple[int, ...]
    dna: int | None
    ring_um: float

    @property
    def ring_px(self) -> float:
        return self.ring_um / self.slide.pixel_size_um

    @property
    def margin_px(self) -> int:
        """Ring pixels of the block, and of the pixels beside it, look this far for a nucleus."""
        return max(math.floor(self.ring_px) + 1, _SHARP_PX)

    def read_boxes(self, boxes: Sequence[Box]) -> list[BlockPixels]:
        """Return the labels and grey levels of boxes of a row, each with its margin.

        Of the margin only the DNA channel is read: no other's pixels are looked at there, and along
        the borders of a file's tiles each tile is decoded once.
        """
        shape = self.slide.shape
        outers = [box.grow(self.margin_px, shape) for box in boxes]
        stacks = [
            _make_stack(len(self.channels), box, outer)
            for box, outer in zip(boxes, outers, strict=True)
        ]
        for c, channel in enumerate(self.channels):
            wide = 0 if c != self.dna else _SHARP_PX
            parts = [box.grow(wide, shape) for box in boxes]
            self.slide.read_into(
                channel,
                [
                    (part, stack[(c, *part.within(outer).slices)])
                    for part, outer, stack in zip(parts, outers, stacks, strict=True)
                ],
            )
        labels = self.labels.read_stored(outers)
        return list(map(BlockPixels, labels, stacks, boxes, outers))

    def forget_above(self, y: int) -> None:
        """Keep nothing in memory that only blocks above a row need."""
        self.slide.forget_above(y - self.margin_px)
        self.labels.forget_above(y - self.margin_px)

    def read_cells(self, box: Box) -> tuple[BlockPixels, BlockCells]:
        """Return the pixels of a box, and the cells in it."""
        (pixels,) = self.read_boxes([box])
        return pixels, index_cells(pixels.labels, ring_px=self.ring_px)


def _make_stack(channels: int, box: Box, outer: Box) -> NDArray[np.uint16]:
    """Return room for the pixels of ``outer``, zero around ``box``."""
    stack = np.empty((channels, *outer.shape), np.uint16)
    rows, columns = box.within(outer).slices
    stack[:, : rows.start] = stack[:, rows.stop :] = 0
    stack[:, rows, : columns.start] = stack[:, rows, columns.stop :] = 0
    return stack


@dataclass(frozen=True)
class _Block:
    """What one block gives: its whole cells, the pixels of the others, and levels of squares."""

    block: Box
    cells: CellSums
    pieces: Pieces
    background: NDArray[np.float64]


@dataclass(frozen=True)
class _Job:
    """What the threads run: from a few blocks of a row to all that is measured there.

    maps : filled block by block
    highest : the level that no pixel may exceed, None: any
    """

    source: _Source
    rule: MeasureRule
    maps: QualityMaps
    highest: int | None = None

    def __call__(self, blocks: Sequence[Box]) -> list[_Block]:
        """Read and measure blocks that lie side by side."""
        waiting = deque(self.source.read_boxes(blocks))
        measured = []
        while waiting:  # the pixels of a block go when it is measured
            measured.append(self._measure(waiting.popleft()))
        return measured

    def _measure(self, pixels: BlockPixels) -> _Block:
        if self.highest is not None and pixels.stack.max() > self.highest:
            raise _BeyondPlateauError
        cells = index_cells(pixels.labels, ring_px=self.source.ring_px)
        sums, pieces = measure_block(pixels, cells, rule=self.rule)
        background = measure_background(pixels, cells)
        self.maps.add_block(pixels, cells, background=background, saturation=self.rule.saturation)
        return _Block(pixels.block, sums, pieces, background)


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
    held = _Held(slide)
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


@dataclass
class _Held:
    """Cells and pieces of cells that wait for the next row of blocks."""

    slide: Slide
    whole: list[CellSums] = field(default_factory=list)
    pieces: list[Pieces] = field(default_factory=list)
    last_id: int = -1
    gone: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    """Centroids of cells that were given out and may be neighbours of those to come."""

    def add(self, done: _Block) -> None:
        """Hold what a block of the current row gives."""
        self.whole.append(done.cells)
        self.pieces.append(done.pieces)

    def take_complete(self, row: Box, *, rule: MeasureRule) -> tuple[CellSums, NDArray[np.float64]]:
        """Return the cells that nothing to come can change, and the distance to the nearest.

        Raises RawFileError where a label is not connected, so that its parts came at two times.
        """
        cells, pieces = join_pieces(self.pieces, rule=rule)
        self.pieces = [pieces]
        cells = join_cells([*self.whole, cells])
        lowest = int(cells.ids.min(initial=self.last_id + 1))
        if (
            lowest <= self.last_id
            or (cells.ids[1:] == cells.ids[:-1]).any()
            or np.isin(pieces.ids, cells.ids).any()
            or (cells.shape[:, columns.AREA] == 0).any()
        ):
            raise RawFileError(f"{self.slide.path}: a label lies in pieces; run chc segment again")
        ready = self._find_ready(cells, pieces, row)
        complete = cells.select(ready)
        self.whole = [cells.select(~ready)]
        self.last_id = int(complete.ids.max(initial=self.last_id))
        return complete, self._find_nearest(complete)

    def _find_ready(self, cells: CellSums, pieces: Pieces, row: Box) -> NDArray[np.bool_]:
        """Return which cells nothing below ``row`` can change, and no lower id waits for.

        A nucleus that ends above this row has its ring, its background squares and its
        neighbours within it.
        """
        height, width = self.slide.shape
        if row.y1 == height:
            return np.ones(cells.ids.shape, np.bool_)
        ready = cells.ids // width + cells.shape[:, columns.BOTTOM] < row.y0
        first_waiting = min(
            cells.ids[~ready].min(initial=height * width), pieces.ids.min(initial=height * width)
        )
        result: NDArray[np.bool_] = ready & (cells.ids < first_waiting)
        return result

    def _find_nearest(self, complete: CellSums) -> NDArray[np.float64]:
        """Return the distance of each complete cell to the nearest other one, (k,) in pixels."""
        width = self.slide.shape[1]
        reach = min(NEAREST_UM / self.slide.pixel_size_um, _NEAREST_PX)
        (waiting,) = self.whole
        own = find_centroids(complete, width=width)
        others = find_centroids(waiting, width=width)
        points = np.concatenate([own, others, self.gone])
        distances: NDArray[np.float64] = find_nearest(points, len(own), reach)
        (pieces,) = self.pieces
        cut = pieces.runs[:, columns.RUN_Y].min(initial=np.iinfo(np.int32).max)
        first = min(others[:, 0].min(initial=np.inf), cut) - reach
        self.gone = np.concatenate([own, self.gone])
        self.gone = self.gone[self.gone[:, 0] >= first]
        return distances
