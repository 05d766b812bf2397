"""Some candidates, the cells whose light may reach their rings, and how much of it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.measured_rows import MeasuredRows, read_rows
from chc_gating.imaging.neighbours import CellField, Rows, gather_near
from chc_gating.imaging.spill import SPILL_REACH_UM, cover_ring, shuffle_spill

FloatArray = NDArray[np.float64]

LARGEST_NUCLEUS_UM = 20.0
"""Radius; a neighbour whose centre is farther than this and the rings cannot reach."""


@dataclass(frozen=True)
class Surroundings:
    """Of c candidates.

    points : the candidates. rows : columns of these and of all cells near one. near : per candidate
    the rows of the other cells whose light may reach its ring. covered : the share of its ring that
    each of those covers.
    """

    points: CellField
    rows: MeasuredRows
    near: Sequence[Rows]
    covered: Sequence[FloatArray]

    def share_spill(self, channel: str) -> FloatArray:
        """Return the part of each candidate's ring signal that its neighbours would give."""
        ring = self.rows.net(f"ring_mean:{channel}", channel)
        observed = ring[self.rows.places(self.points.rows)]
        spilled = np.array(
            [
                float(shares @ np.maximum(np.nan_to_num(ring[self.rows.places(others)]), 0))
                for shares, others in zip(self.covered, self.near, strict=True)
            ]
        )
        with np.errstate(all="ignore"):
            return np.where(observed > 0, spilled / observed, np.nan)

    def shuffle(self, channel: str, *, pool: FloatArray, seed: int) -> FloatArray:
        """Return each candidate's chance under the shuffle null, NaN without a ring.

        pool : ring means of the slide's cells. seed : of the slide's draws.
        """
        ring = self.rows.net(f"ring_mean:{channel}", channel)
        observed = ring[self.rows.places(self.points.rows)]
        chance = np.full(observed.size, np.nan)
        for i in np.flatnonzero(np.isfinite(observed)).tolist():
            rng = np.random.default_rng((seed, int(self.points.ids[i])))
            chance[i] = shuffle_spill(float(observed[i]), self.covered[i], pool=pool, rng=rng)
        return chance


def look_around(
    cells: CellGroups, points: CellField, *, ring_um: float, columns: Sequence[str]
) -> Surroundings:
    """Return the surroundings of candidates, with columns of measurements.parquet."""
    radius = 2 * LARGEST_NUCLEUS_UM + ring_um + SPILL_REACH_UM
    field = gather_near(cells, points, radius_um=radius)
    near = []
    for row, (y, x) in zip(points.rows.tolist(), points.centroids_px, strict=True):
        places, _ = field.near(y, x, radius_um=radius)
        near.append(places[field.rows[places] != row])
    used = np.unique(np.concatenate([np.searchsorted(field.rows, points.rows), *near]))
    rows = read_rows(cells, field.rows[used], columns)
    covered = _cover_rings(rows, points, ring_um=ring_um, field=field, near=near)
    return Surroundings(points, rows, [field.rows[places] for places in near], covered)


def _cover_rings(
    rows: MeasuredRows,
    points: CellField,
    *,
    ring_um: float,
    field: CellField,
    near: Sequence[Rows],
) -> list[FloatArray]:
    """Return per candidate the share of its ring that each of the cells near it covers."""
    size = points.scale.pixel_size_um
    radius = np.sqrt(rows.column("area_px") / np.pi) * size
    own = radius[rows.places(points.rows)].tolist()
    return [
        cover_ring(
            nucleus,
            ring_um,
            neighbours_um=(field.centroids_px[places] - centre) * size,
            neighbour_nuclei_um=radius[rows.places(field.rows[places])],
        )
        for nucleus, centre, places in zip(own, points.centroids_px, near, strict=True)
    ]
