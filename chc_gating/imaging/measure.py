"""Cells of a whole slide measured block by block into measurements.parquet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    span_boxes,
    unwatched,
)
from chc_gating.imaging.cell_table import build_rows, find_centroids, write_rows
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.slide import Slide
from chc_gating.imaging.sums import BlockPixels, CellSums, add_sums, index_cells, sum_block
from chc_gating.kernels import measure

RING_UM = 2.5
"""Width of the ring around a nucleus that stands for the cytoplasm."""


def measure_cells(
    slide: Slide,
    labels: Labels,
    *,
    channels: Sequence[str],
    output: Path,
    ring_um: float = RING_UM,
    tile_px: int = 4096,
    threads: int = 1,
    watch: Watch = unwatched,
) -> int:
    """Write one row per cell of a slide and return how many cells there are.

    Parameters
    ----------
    slide, labels : Slide, Labels
        Of equal size.
    channels : sequence of str
        Names of the slide's channels to measure.
    output : Path
        measurements.parquet; its columns are those of `cell_table.table_schema`.
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
    job = _Job(slide, labels, tuple(slide.channels.index(name) for name in channels), ring_um)
    sums = _stream_cells(job, tile_px=tile_px, threads=threads, watch=watch)
    rows = (
        build_rows(
            cells,
            background,
            channels=channels,
            width=slide.shape[1],
            pixel_size_um=slide.pixel_size_um,
        )
        for cells, background in sums
    )
    return write_rows(output, rows, channels=channels)


@dataclass(frozen=True)
class _Job:
    slide: Slide
    labels: Labels
    channels: tuple[int, ...]
    ring_um: float

    @property
    def ring_px(self) -> float:
        return self.ring_um / self.slide.pixel_size_um

    @property
    def margin_px(self) -> int:
        """Ring pixels of the block, and of the pixels beside it, look this far for a nucleus."""
        return math.floor(self.ring_px) + 1

    def __call__(self, pixels: BlockPixels) -> tuple[Box, CellSums, NDArray[np.float64]]:
        """Measure one block: what the threads run."""
        cells = index_cells(pixels.labels, ring_px=self.ring_px)
        sums = sum_block(pixels, cells, slide_shape=self.slide.shape, saturation=self.slide.maximum)
        return pixels.block, sums, measure_background(pixels, cells)


def _stream_cells(
    job: _Job, *, tile_px: int, threads: int, watch: Watch
) -> Iterator[tuple[CellSums, NDArray[np.float64]]]:
    """Yield complete cells in ascending order of id, with the background at their centroids.

    A cell is held back while a block that is still to come may add to it or to the background
    around it, or a cell of a lower id is held back.
    """
    grid = BackgroundGrid(job.slide.shape, len(job.channels))
    measured = map_in_order(job, _read_work(job, tile_px=tile_px), threads=threads)
    blocks = watch(measured, count_blocks(job.slide.shape))
    held: list[CellSums] = []
    last_id = -1
    for row in grid_rows(job.slide.shape):
        for _ in row:
            block, sums, levels = next(blocks)
            grid.fill(block, levels)
            held.append(sums)
        cells = add_sums(held)
        ready = _find_complete(cells, row[0], shape=job.slide.shape)
        complete = cells.select(ready)
        held = [cells.select(~ready)]
        if complete.ids.size == 0:
            continue
        if complete.ids[0] <= last_id or (complete.shape[:, 0, measure.AREA] == 0).any():
            raise RawFileError(f"{job.slide.path}: a label lies in pieces; run chc segment again")
        last_id = int(complete.ids[-1])
        centroids = find_centroids(complete, width=job.slide.shape[1])
        yield complete, grid.interpolate(centroids[:, 0], centroids[:, 1])


def _read_work(job: _Job, *, tile_px: int) -> Iterator[BlockPixels]:
    """Yield the labels and grey levels of each block with its margin, in raster order."""
    shape = job.slide.shape
    for row in grid_rows(shape):
        for group in group_blocks(row, tile_px=tile_px):
            whole = span_boxes(group).grow(job.margin_px, shape)
            labels = job.labels.read(whole)
            stack = np.empty((len(job.channels), whole.height, whole.width), np.uint16)
            for plane, channel in zip(stack, job.channels, strict=True):
                plane[:] = job.slide.read_box(channel, whole)
            for block in group:
                outer = block.grow(job.margin_px, shape)
                rows, columns = outer.within(whole).slices
                # Contiguous, so that the kernels are compiled for one memory layout only.
                pixels = np.ascontiguousarray(stack[:, rows, columns])
                yield BlockPixels(labels[rows, columns], pixels, block, outer)


def _find_complete(cells: CellSums, row: Box, *, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which cells nothing below ``row`` can change, and no lower id waits for.

    A nucleus that ends above this row has its ring and its background square within it.
    """
    height, width = shape
    if row.y1 == height:
        return np.ones(cells.ids.shape, np.bool_)
    bottom = cells.ids // width + cells.shape[:, 0, measure.BOTTOM]
    complete = (cells.shape[:, 0, measure.AREA] > 0) & (bottom < row.y0)
    first_waiting = cells.ids[~complete].min(initial=height * width)
    result: NDArray[np.bool_] = complete & (cells.ids < first_waiting)
    return result
