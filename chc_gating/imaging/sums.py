"""Sums over the pixels of cells: of a block, added up over blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.labels import LabelImage
from chc_gating.imaging.rings import IndexImage, grow_cells
from chc_gating.kernels import measure

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class CellSums:
    """Sums of k cells over m channels; compartment 0 is the nucleus, 1 the ring.

    ids : (k,) int64, ascending
    grey : (k, 2, m, GREY_SUMS) int64, in grey levels as stored
    shape : (k, 2, SHAPE_SUMS) int64, coordinates counted from the seed pixel
    touches : (k, 2) bool, the image's edge and another cell
    """

    ids: Counts
    grey: Counts
    shape: Counts
    touches: NDArray[np.bool_]

    def select(self, chosen: NDArray[np.bool_]) -> CellSums:
        """Return the cells for which ``chosen`` (k,) is true."""
        return CellSums(
            self.ids[chosen], self.grey[chosen], self.shape[chosen], self.touches[chosen]
        )


@dataclass(frozen=True)
class BlockPixels:
    """The pixels of a block with a margin around it.

    labels : (y, x) int64, 1 + id of the nucleus
    stack : (m, y, x) uint16
    outer : the box of both; block : the pixels to add
    """

    labels: LabelImage
    stack: NDArray[np.uint16]
    block: Box
    outer: Box


@dataclass(frozen=True)
class BlockCells:
    """The nuclei and cells of a block as indices: 1 + position in ``ids``."""

    ids: Counts
    nuclei: IndexImage
    cells: IndexImage


def index_cells(labels: LabelImage, *, ring_px: float) -> BlockCells:
    """Return the cells around the nuclei of a label image; a lower id has a lower index."""
    changes = np.ones(labels.shape, np.bool_)
    changes[:, 1:] = labels[:, 1:] != labels[:, :-1]
    runs = labels[changes]
    found, positions = np.unique(runs, return_inverse=True)
    first = int(found.size > 0 and found[0] == 0)
    values = (positions + 1 - first).astype(np.int32)
    nuclei = values[np.cumsum(changes.ravel()) - 1].reshape(labels.shape)
    return BlockCells(found[first:] - 1, nuclei, grow_cells(nuclei, ring_px))


def sum_block(
    pixels: BlockPixels, cells: BlockCells, *, slide_shape: tuple[int, int], saturation: int
) -> CellSums:
    """Return the sums over a block's own pixels, of the cells that have any there."""
    k, channels = cells.ids.size, pixels.stack.shape[0]
    grey = np.zeros((k, 2, channels, measure.GREY_SUMS), np.int64)
    grey[..., measure.MINIMUM] = measure.EMPTY_LOW
    grey[..., measure.MAXIMUM] = measure.EMPTY_HIGH
    shape = np.zeros((k, 2, measure.SHAPE_SUMS), np.int64)
    shape[..., [measure.TOP, measure.LEFT]] = measure.EMPTY_LOW
    shape[..., [measure.BOTTOM, measure.RIGHT]] = measure.EMPTY_HIGH
    touches = np.zeros((k, 2), np.bool_)
    core = pixels.block.within(pixels.outer)
    measure.sum_pixels(
        cells.nuclei,
        cells.cells,
        pixels.stack,
        np.stack(np.divmod(cells.ids, slide_shape[1]), axis=1),
        core.edges,
        (pixels.outer.y0, pixels.outer.x0),
        slide_shape,
        saturation,
        grey,
        shape,
        touches,
    )
    sums = CellSums(cells.ids, grey, shape, touches)
    return sums.select(shape[:, :, measure.AREA].sum(axis=1) > 0)


def add_sums(parts: Sequence[CellSums]) -> CellSums:
    """Return the sums of cells that may lie in several parts; the order does not matter."""
    ids = np.concatenate([part.ids for part in parts])
    order = np.argsort(ids, kind="stable")
    unique, starts = np.unique(ids[order], return_index=True)
    grey = np.concatenate([part.grey for part in parts])[order]
    shape = np.concatenate([part.shape for part in parts])[order]
    touches = np.concatenate([part.touches for part in parts])[order]
    if unique.size == 0:
        return CellSums(unique, grey, shape, touches)
    total_grey = np.add.reduceat(grey, starts, axis=0)
    total_shape = np.add.reduceat(shape, starts, axis=0)
    for total, values, lows, highs in (
        (total_grey, grey, [measure.MINIMUM], [measure.MAXIMUM]),
        (
            total_shape,
            shape,
            [measure.TOP, measure.LEFT],
            [measure.BOTTOM, measure.RIGHT],
        ),
    ):
        total[..., lows] = np.minimum.reduceat(values[..., lows], starts, axis=0)
        total[..., highs] = np.maximum.reduceat(values[..., highs], starts, axis=0)
    return CellSums(
        unique, total_grey, total_shape, np.logical_or.reduceat(touches, starts, axis=0)
    )
