"""Measures of whole cells: those of a block, and what is done with many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.labels import StoredLabels
from chc_gating.imaging.rings import IndexImage, grow_cells
from chc_gating.kernels import cell_entries as kernels
from chc_gating.kernels import pixel_columns as columns

Counts = NDArray[np.int64]

_FEW_LABELS = 1 << 12
"""Nuclei of a block that there is room for at first: a power of two."""


@dataclass(frozen=True)
class CellSums:
    """Measures of k whole cells over m channels; compartments are nucleus, ring and both.

    ids : (k,) int64
    shape : (k, SHAPE_SUMS) int64, coordinates counted from the seed pixel
    grey : (k, 2, m, GREY_SUMS) int64, in grey levels as stored
    quantiles : (k, 3, m, 2) float64, median and 90 % quantile; no pixels: NaN
    contacts : (k, 2) int64, how many cells touch the cell, how many nuclei its nucleus
    """

    ids: Counts
    shape: Counts
    grey: Counts
    quantiles: NDArray[np.float64]
    contacts: Counts

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> CellSums:
        """Return the cells for which ``chosen`` (k,) is true, or those of its indices."""
        return CellSums(
            self.ids[chosen],
            self.shape[chosen],
            self.grey[chosen],
            self.quantiles[chosen],
            self.contacts[chosen],
        )


@dataclass(frozen=True)
class BlockPixels:
    """The pixels of a block with a margin around it.

    labels : (y, x) whole numbers, 1 + id of the nucleus
    stack : (m, y, x) uint16
    outer : the box of both; block : the pixels to add
    """

    labels: StoredLabels
    stack: NDArray[np.uint16]
    block: Box
    outer: Box


@dataclass(frozen=True)
class BlockCells:
    """The nuclei and cells of a block as indices: 1 + position in ``ids``."""

    ids: Counts
    nuclei: IndexImage
    cells: IndexImage


@dataclass(frozen=True)
class MeasureRule:
    """What holds for every cell of a slide.

    slide_shape : (y, x)
    saturation : grey level from which a pixel is saturated
    thresholds : (m,) int64, grey levels above which a pixel is positive
    dna : index of the channel whose sharpness is measured, None: of none
    """

    slide_shape: tuple[int, int]
    saturation: int
    thresholds: Counts
    dna: int | None


@dataclass(frozen=True)
class Runs:
    """The pixels of cells as runs along rows, sorted by cell and compartment, then as in a page.

    starts : (2 k + 1,) int64, where the runs of each nucleus and ring begin
    runs : (r, 3) int32, y and x on the slide, and length
    offsets : (r,) int64, where the pixels of each run begin in ``values``
    values : (m, n) uint16, grey levels
    laplacian : (n,) int32, of the DNA channel; None: there is none
    keys, key_lengths : (r',) int32, key_offsets : (r',) int64, the same runs in any order and
        perhaps others: twice the index of the cell, 1 more in its ring, below 0 of no cell here;
        their length; where their pixels begin
    """

    starts: Counts
    runs: NDArray[np.int32]
    offsets: Counts
    keys: NDArray[np.int32]
    key_offsets: Counts
    key_lengths: NDArray[np.int32]
    values: NDArray[np.uint16]
    laplacian: NDArray[np.int32] | None

    def space(self) -> Counts:
        """Return room for the hull of the nucleus of the most rows."""
        first, end = self.starts[:-1:2], self.starts[1::2]
        present = end > first
        y = self.runs[:, columns.RUN_Y]
        rows = int((y[end[present] - 1] - y[first[present]]).max(initial=0)) + 1
        return np.empty((5, 2 * rows + 1), np.int64)


def index_cells(labels: StoredLabels, *, ring_px: float) -> BlockCells:
    """Return the cells around the nuclei of a label image; a lower id has a lower index."""
    stored = np.ascontiguousarray(labels)
    nuclei = np.empty(labels.shape, np.int32)
    room = _FEW_LABELS
    while True:
        found = np.empty(room, np.int64)
        table = np.zeros(2 * room, np.int64), np.zeros(2 * room, np.int32)
        count = kernels.number_labels(stored, nuclei, found, *table)
        if count >= 0:
            break
        room *= 4
    order = np.argsort(found[:count])
    ranks = np.zeros(count + 1, np.int32)
    ranks[order + 1] = np.arange(1, count + 1)
    kernels.rename_numbers(nuclei, ranks)
    return BlockCells(found[order] - 1, nuclei, grow_cells(nuclei, ring_px))


def measure_runs(ids: Counts, runs: Runs, contacts: Counts, *, rule: MeasureRule) -> CellSums:
    """Return the measures of whole cells (k,) from their runs and contacts (k, 2)."""
    k, channels = ids.size, runs.values.shape[0]
    shape = np.zeros((k, columns.SHAPE_SUMS), np.int64)
    grey = np.zeros((k, 2, channels, columns.GREY_SUMS), np.int64)
    quantiles = np.full((k, 3, channels, len(columns.QUANTILES)), np.nan)
    seeds = np.stack(np.divmod(ids, rule.slide_shape[1]), axis=1)
    kernels.measure_shapes(runs.starts, runs.runs, seeds, *rule.slide_shape, runs.space(), shape)
    if runs.laplacian is not None:
        kernels.measure_focus(runs.starts, runs.runs, runs.offsets, runs.laplacian, shape)
    sizes = shape[:, [columns.AREA, columns.RING_AREA]].ravel()
    ends = np.cumsum(columns.count_chunks(sizes)) * columns.CHUNK
    # A cell without a ring has it at the end, which is a place as well.
    levels = np.empty(int(ends.max(initial=0)) + columns.CHUNK, np.uint16)
    begins = np.concatenate([[0], ends[:-1]])[: sizes.size]
    kernels.measure_grey_levels(
        runs.keys,
        runs.key_offsets,
        runs.key_lengths,
        runs.values,
        rule.saturation,
        rule.thresholds,
        np.stack([sizes, begins, begins]),
        levels,
        grey,
        quantiles,
    )
    return CellSums(ids, shape, grey, quantiles, contacts)


def join_cells(parts: Sequence[CellSums]) -> CellSums:
    """Return the cells of at least one part, in ascending order of id."""
    joined = CellSums(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.shape for part in parts]),
        np.concatenate([part.grey for part in parts]),
        np.concatenate([part.quantiles for part in parts]),
        np.concatenate([part.contacts for part in parts]),
    )
    return joined.select(np.argsort(joined.ids, kind="stable"))
