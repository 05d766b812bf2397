"""Which cells of a slide lie near some others, without an index of ten million of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.cell_groups import CellGroups, Columns, Group
from chc_gating.imaging.measured_rows import POSITION, read_rows

Rows = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_SLACK_PX = 128
"""A cell's centroid lies at most so many rows from its seed pixel, by which cells are ordered."""
_RADII_UM = (50.0, 200.0, 800.0)
"""A nearest cell is looked for within the first, then, where none was found, within the next."""


@dataclass(frozen=True)
class Scale:
    """A slide's width in pixels, and the side of a pixel.

    A cell's id is the index of its seed pixel, so that the cells of a band of rows are one stretch
    of the table.
    """

    width_px: int
    pixel_size_um: float


@dataclass(frozen=True)
class CellField:
    """Some cells of a slide, in ascending order: (k,) rows of the table and ids, (k, 2) y and x."""

    rows: Rows
    ids: Rows
    centroids_px: FloatArray
    scale: Scale

    def take(self, places: NDArray[np.int64] | slice) -> CellField:
        """Return some of them."""
        return CellField(self.rows[places], self.ids[places], self.centroids_px[places], self.scale)

    def near(self, y_px: float, x_px: float, *, radius_um: float) -> tuple[Rows, FloatArray]:
        """Return the places in this field of the cells within a radius, and how far they are in um.

        A cell whose centroid is the point itself is among them.
        """
        start, end = np.searchsorted(self.ids, _window(y_px, radius_um, self.scale))
        places = self.centroids_px[start:end]
        apart = np.hypot(places[:, 0] - y_px, places[:, 1] - x_px) * self.scale.pixel_size_um
        found = np.flatnonzero(apart <= radius_um)
        return found + int(start), apart[found]


def _window(y_px: float, radius_um: float, scale: Scale) -> tuple[int, int]:
    """Return the ids between which the cells within a radius lie."""
    radius_px = radius_um / scale.pixel_size_um
    first, last = y_px - radius_px - _SLACK_PX, y_px + radius_px + _SLACK_PX
    return max(int(first), 0) * scale.width_px, (int(last) + 1) * scale.width_px


def read_field(cells: CellGroups, rows: Rows, scale: Scale) -> CellField:
    """Return the cells of ascending rows."""
    found = read_rows(cells, rows, ["id", *POSITION]).columns
    centroids = np.stack([found[name] for name in POSITION], axis=1)
    return CellField(rows, found["id"], centroids, scale)


def gather_near(cells: CellGroups, points: CellField, *, radius_um: float) -> CellField:
    """Return all cells within a radius of any point, and some beyond it."""
    parts = [points.take(slice(0, 0))]
    parts += [part for part, _ in _near_by_group(cells, points, radius_um=radius_um)]
    return CellField(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.centroids_px for part in parts]),
        points.scale,
    )


def find_nearest_of(cells: CellGroups, points: CellField, wanted: NDArray[np.bool_]) -> FloatArray:
    """Return for each point how far, in um, the nearest other cell is of which ``wanted`` (n,) is
    true; NaN where there is none within 800 um.
    """
    nearest = np.full(points.rows.size, np.inf)
    for radius in _RADII_UM:
        unknown = np.flatnonzero(np.isinf(nearest))
        asked = points.take(unknown)
        for part, close in _near_by_group(cells, asked, radius_um=radius, wanted=wanted):
            for i in close.tolist():
                places, apart = part.near(*asked.centroids_px[i], radius_um=radius)
                apart = apart[part.rows[places] != asked.rows[i]]
                if apart.size:
                    place = unknown[i]
                    nearest[place] = min(nearest[place], float(apart.min()))
    return np.where(np.isinf(nearest), np.nan, nearest)


def _near_by_group(
    cells: CellGroups,
    points: CellField,
    *,
    radius_um: float,
    wanted: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[CellField, Rows]]:
    """Yield the cells near points, group by group, and which points may lie near one of them."""
    if points.rows.size == 0:
        return
    windows = np.array([_window(y, radius_um, points.scale) for y in points.centroids_px[:, 0]])
    touched = [
        group
        for group in cells.groups
        if ((windows[:, 0] <= group.last_id) & (windows[:, 1] > group.first_id)).any()
    ]
    squares = _Squares.around(points, radius_um=radius_um)
    for group, columns in cells.pieces(["id", *POSITION], groups=touched):
        part = _pick_cells(group, columns, squares, points.scale, wanted=wanted)
        if part.rows.size:
            close = (windows[:, 0] <= part.ids[-1]) & (windows[:, 1] > part.ids[0])
            yield part, np.flatnonzero(close)


def _pick_cells(
    group: Group,
    columns: Columns,
    squares: _Squares,
    scale: Scale,
    *,
    wanted: NDArray[np.bool_] | None,
) -> CellField:
    y, x = (columns[name] for name in POSITION)
    chosen = squares.hold(y, x)
    if wanted is not None:
        chosen &= wanted[group.first : group.first + group.count]
    places = np.flatnonzero(chosen)
    centroids = np.stack([y[places], x[places]], axis=1)
    return CellField(places + group.first, columns["id"][places], centroids, scale)


@dataclass(frozen=True)
class _Squares:
    """Which squares of a slide hold a point or touch one that does; around them a rim of others."""

    near: NDArray[np.bool_]
    side_px: float

    @classmethod
    def around(cls, points: CellField, *, radius_um: float) -> _Squares:
        """Return squares that are wider than a radius, so that neighbours of a point's touch it."""
        side = radius_um / points.scale.pixel_size_um + 1
        rows, columns = (points.centroids_px // side).astype(np.int64).T
        near = np.zeros((rows.max() + 3, columns.max() + 3), np.bool_)
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                near[np.maximum(rows + down, 0), np.maximum(columns + across, 0)] = True
        return cls(near, side)

    def hold(self, y: FloatArray, x: FloatArray) -> NDArray[np.bool_]:
        """Return which cells (k,) lie in one."""
        down, across = self.near.shape
        row = np.minimum((y / self.side_px).astype(np.int64), down - 1)
        column = np.minimum((x / self.side_px).astype(np.int64), across - 1)
        found: NDArray[np.bool_] = self.near[row, column]
        return found
