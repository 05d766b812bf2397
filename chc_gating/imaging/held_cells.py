"""Cells that wait, block after block, until nothing to come can change them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.cell_table import find_centroids
from chc_gating.imaging.nearest import find_nearest
from chc_gating.imaging.pieces import Pieces, join_pieces
from chc_gating.imaging.slide import Slide
from chc_gating.imaging.sums import CellSums, MeasureRule, join_cells
from chc_gating.kernels import pixel_columns as columns

NEAREST_UM = 50.0
"""Nuclei farther apart are no neighbours; some five leukocytes."""

_NEAREST_PX = 512
"""The reach in pixels at most: half a block, so that one row of blocks holds all neighbours."""


@dataclass(frozen=True)
class MeasuredBlock:
    """What one block gives: its whole cells, the pixels of the others, and levels of squares."""

    block: Box
    cells: CellSums
    pieces: Pieces
    background: NDArray[np.float64]


@dataclass
class HeldCells:
    """Cells and pieces of cells that wait for the next row of blocks."""

    slide: Slide
    whole: list[CellSums] = field(default_factory=list)
    pieces: list[Pieces] = field(default_factory=list)
    last_id: int = -1
    gone: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    """Centroids of cells that were given out and may be neighbours of those to come."""

    def add(self, done: MeasuredBlock) -> None:
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
