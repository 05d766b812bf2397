"""Cells that lie in several blocks: their pixels are kept until all are there.

A cell that a block holds whole is measured at once. Of the others, about a tenth, the block gives
the pixels away; when the last of them has come the cell is measured as one that was never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.sums import (
    BlockCells,
    BlockPixels,
    CellSums,
    Counts,
    MeasureRule,
    Runs,
    measure_runs,
)
from chc_gating.kernels import cell_entries as kernels
from chc_gating.kernels.pixel_columns import BELOW, RUN_LENGTH, Core, make_marks


@dataclass(frozen=True)
class Pieces:
    """Pixels of cells that reach beyond a block, as r runs of together n pixels.

    ids, compartments : (r,) int64, of each run; compartment 0 is the nucleus, 1 the ring
    runs : (r, 3) int32, y and x on the slide, and length
    values : (m, n) uint16; laplacian : (n,) int32 or None; in the order of the runs
    pairs : (p, 3) int64, id of a cell, of one that touches it, 1 where their nuclei touch
    below : (b,) int64, ids of cells that go on below the block
    """

    ids: Counts
    compartments: Counts
    runs: NDArray[np.int32]
    values: NDArray[np.uint16]
    laplacian: NDArray[np.int32] | None
    pairs: Counts
    below: Counts

    def select(self, chosen: NDArray[np.bool_]) -> Pieces:
        """Return the runs for which ``chosen`` (r,) is true, with the pairs of their cells."""
        pixels = np.repeat(chosen, self.runs[:, RUN_LENGTH])
        return Pieces(
            self.ids[chosen],
            self.compartments[chosen],
            self.runs[chosen],
            np.compress(pixels, self.values, axis=1),
            None if self.laplacian is None else self.laplacian[pixels],
            self.pairs[np.isin(self.pairs[:, 0], self.ids[chosen])],
            self.below[:0],
        )


def measure_block(
    pixels: BlockPixels, cells: BlockCells, *, rule: MeasureRule
) -> tuple[CellSums, Pieces]:
    """Return the measures of the cells that lie whole in a block, and the pixels of the others.

    A cell without pixels in the block itself, but in the margin only, is in neither.
    """
    core = Core(*pixels.block.within(pixels.outer).edges)
    k = cells.ids.size
    listed = _list_runs(cells, core)
    starts, runs = listed.starts, _sort_runs(listed)
    reach = np.zeros(k + 1, np.uint8)
    kernels.find_outside(cells.cells, core, reach)
    outside = reach[1:]
    counts = np.diff(starts)
    present = counts.reshape(k, 2).sum(axis=1) > 0
    whole = present & (outside == 0)
    keys = np.repeat(np.arange(2 * k), counts)
    pairs = _find_contacts(cells, core)
    width = pixels.outer.width
    offsets = runs[:, 0].astype(np.int64) * width + runs[:, 1]
    on_slide = runs + np.array([pixels.outer.y0, pixels.outer.x0, 0], np.int32)
    laplacian = None if rule.dna is None else _find_laplacian(pixels.stack[rule.dna])
    values = pixels.stack.reshape(len(pixels.stack), -1)
    of_whole = whole[keys // 2]
    taken = Runs(
        starts=np.concatenate([[0], np.cumsum(counts.reshape(k, 2)[whole].ravel())]),
        runs=on_slide[of_whole],
        offsets=offsets[of_whole],
        keys=_rename_keys(whole)[listed.keys],
        key_offsets=listed.runs[:, 0].astype(np.int64) * width + listed.runs[:, 1],
        key_lengths=np.ascontiguousarray(listed.runs[:, RUN_LENGTH]),
        values=values,
        laplacian=laplacian,
    )
    contacts = _count_contacts(pairs, k)
    sums = measure_runs(cells.ids[whole], taken, contacts[whole], rule=rule)
    cut = ~of_whole
    where = _list_pixels(offsets[cut], on_slide[cut, RUN_LENGTH])
    pairs = pairs[~whole[pairs[:, 0]]]
    pieces = Pieces(
        ids=cells.ids[keys[cut] // 2],
        compartments=keys[cut] % 2,
        runs=on_slide[cut],
        values=np.take(values, where, axis=1),
        laplacian=None if laplacian is None else laplacian[where],
        pairs=np.stack([cells.ids[pairs[:, 0]], cells.ids[pairs[:, 1]], pairs[:, 2]], axis=1),
        below=cells.ids[present & ((outside & BELOW) > 0)],
    )
    return sums, pieces


def join_pieces(parts: Sequence[Pieces], *, rule: MeasureRule) -> tuple[CellSums, Pieces]:
    """Measure the cells whose pixels are all there, and return the pieces of the others.

    ``parts`` are what was left of the rows of blocks above and the pieces of a whole row: a cell
    that does not go on below this row has no pixels elsewhere.
    """
    joined = _join(parts)
    waits = np.isin(joined.ids, joined.below)
    ready = joined.select(~waits)
    ids, cells = np.unique(ready.ids, return_inverse=True)
    y, x, lengths = ready.runs.T
    order = np.lexsort((x, y, ready.compartments, cells))
    keys = 2 * cells + ready.compartments
    offsets = np.cumsum(lengths, dtype=np.int64) - lengths
    runs = Runs(
        starts=np.searchsorted(keys[order], np.arange(2 * ids.size + 1)),
        runs=ready.runs[order],
        offsets=offsets[order],
        keys=keys.astype(np.int32),
        key_offsets=offsets,
        key_lengths=np.ascontiguousarray(lengths),
        values=ready.values,
        laplacian=ready.laplacian,
    )
    pairs = ready.pairs[np.lexsort(ready.pairs.T[::-1])]
    pairs[:, 0] = np.searchsorted(ids, pairs[:, 0])
    contacts = _count_contacts(pairs, ids.size)
    return measure_runs(ids, runs, contacts, rule=rule), joined.select(waits)


@dataclass(frozen=True)
class _ListedRuns:
    """The runs of a core's pixels in raster order: keys (r,), runs (r, 3) int32 both, and where
    those of each key begin once they are sorted, (2 k + 1,).
    """

    keys: NDArray[np.int32]
    runs: NDArray[np.int32]
    starts: Counts


def _list_runs(cells: BlockCells, core: Core) -> _ListedRuns:
    # Room for the most there could be, and one; memory that is never written is never taken.
    most = (core.y1 - core.y0) * (core.x1 - core.x0) + 1
    keys, found = np.empty(most, np.int32), np.empty((most, 3), np.int32)
    starts = np.zeros(2 * cells.ids.size + 1, np.int64)
    space = make_marks(core.x1 - core.x0)
    count = kernels.list_runs(cells.nuclei, cells.cells, core, space, keys, found, starts)
    return _ListedRuns(keys[:count], found[:count], starts)


def _sort_runs(listed: _ListedRuns) -> NDArray[np.int32]:
    """Return the runs (r, 3) sorted by key."""
    runs = np.empty(listed.runs.shape, np.int32)
    kernels.sort_runs(listed.keys, listed.runs, listed.starts.copy(), runs)
    return runs


def _rename_keys(whole: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the key of each of 2 k keys among those of the whole cells only, -1 of the others."""
    names = 2 * (np.cumsum(whole) - 1)[:, np.newaxis] + np.arange(2)
    renamed: NDArray[np.int32] = np.where(whole[:, np.newaxis], names, -1).astype(np.int32)
    return renamed.ravel()


def _find_contacts(cells: BlockCells, core: Core) -> Counts:
    """Return (p, 3), sorted: index of a cell, of one that touches it, 1 where nuclei touch."""
    k = cells.ids.size
    codes = np.empty(4 * (core.y1 - core.y0 + 1) * (core.x1 - core.x0 + 1), np.int64)
    last = np.full(k, -1, np.int64)
    space = make_marks(core.x1 - core.x0 + 1)
    count = kernels.list_contacts(cells.nuclei, cells.cells, core, space, last, codes)
    pairs, joined = np.divmod(np.unique(codes[:count]), 2)
    return np.stack([*np.divmod(pairs, max(k, 1)), joined], axis=1)


def _count_contacts(pairs: Counts, k: int) -> Counts:
    """Return how many different cells, and nuclei, touch each of k cells (k, 2)."""
    contacts = np.zeros((k, 2), np.int64)
    kernels.count_contacts(pairs, contacts)
    return contacts


def _find_laplacian(image: NDArray[np.uint16]) -> NDArray[np.int32]:
    result = np.empty(image.shape, np.int32)
    kernels.find_laplacian(image, result)
    return result.ravel()


def _join(parts: Sequence[Pieces]) -> Pieces:
    laplacians = [part.laplacian for part in parts if part.laplacian is not None]
    return Pieces(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.compartments for part in parts]),
        np.concatenate([part.runs for part in parts]),
        np.concatenate([part.values for part in parts], axis=1),
        np.concatenate(laplacians) if laplacians else None,
        np.concatenate([part.pairs for part in parts]),
        np.concatenate([part.below for part in parts]),
    )


def _list_pixels(offsets: Counts, lengths: NDArray[np.int32]) -> Counts:
    """Return the index of every pixel of runs that begin at ``offsets``."""
    total = int(lengths.sum())
    begins = np.cumsum(lengths, dtype=np.int64) - lengths
    pixels: Counts = np.arange(total) + np.repeat(offsets - begins, lengths)
    return pixels
