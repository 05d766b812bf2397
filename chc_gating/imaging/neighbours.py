"""Which cells of a slide lie near a point, without an index of ten million of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_SLACK_PX = 128
"""A cell's centroid lies at most so many rows from its seed pixel, by which cells are ordered."""
_FIRST_RADIUS_UM, _LAST_RADIUS_UM = 25.0, 800.0


@dataclass(frozen=True)
class CellField:
    """The n cells of a slide, in ascending order of id: (n,) int64 and (n, 2) y and x in pixels.

    ``width_px`` is the slide's: a cell's id is the index of its seed pixel, so that the cells of
    a band of rows are one stretch of the table.
    """

    ids: Rows
    centroids_px: NDArray[np.float64]
    width_px: int
    pixel_size_um: float

    @cached_property
    def seed(self) -> int:
        """A number that the slide's cells fix, for draws that are the same in every run."""
        digest = hashlib.sha256(np.ascontiguousarray(self.ids, dtype="<i8").tobytes()).digest()
        return int.from_bytes(digest[:8], "little")

    def near(self, y_px: float, x_px: float, *, radius_um: float) -> tuple[Rows, FloatArray]:
        """Return the cells within a radius, as rows in ascending order, and how far they are in um.

        A cell whose centroid is the point itself is among them.
        """
        radius_px = radius_um / self.pixel_size_um
        first, last = y_px - radius_px - _SLACK_PX, y_px + radius_px + _SLACK_PX
        start, end = np.searchsorted(
            self.ids, (max(int(first), 0) * self.width_px, (int(last) + 1) * self.width_px)
        )
        places = self.centroids_px[start:end]
        apart = np.hypot(places[:, 0] - y_px, places[:, 1] - x_px) * self.pixel_size_um
        rows = np.flatnonzero(apart <= radius_um)
        return rows + int(start), apart[rows]

    def nearest(self, row: int, wanted: NDArray[np.bool_]) -> float:
        """Return how far, in um, the nearest other cell is for which ``wanted`` (n,) is true.

        NaN where there is none within 800 um.
        """
        y, x = self.centroids_px[row]
        radius = _FIRST_RADIUS_UM
        while radius <= _LAST_RADIUS_UM:
            rows, apart = self.near(y, x, radius_um=radius)
            fits = wanted[rows] & (rows != row)
            if fits.any():
                return float(apart[fits].min())
            radius *= 2
        return float("nan")
