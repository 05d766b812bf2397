"""Some rows of measurements.parquet, read without holding the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.cell_groups import CellGroups, Columns

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

POSITION = ("centroid_y_px", "centroid_x_px")
_STRIDE = 1 << 20
"""Members that are counted at a time."""


@dataclass(frozen=True)
class MeasuredRows:
    """Rows of the table, ascending, with some of its columns, (k,) float64 each; ids are int64."""

    rows: Rows
    columns: Columns

    def places(self, wanted: Rows) -> Rows:
        """Return where rows of the table stand among these."""
        found: Rows = np.searchsorted(self.rows, wanted)
        return found

    def column(self, name: str, wanted: Rows | None = None) -> FloatArray:
        """Return a column, of the ``wanted`` rows; NaN where it is empty or absent."""
        values = self.columns.get(name)
        if values is None:
            values = np.full(self.rows.size, np.nan)
        return values if wanted is None else values[self.places(wanted)]

    def net(self, name: str, channel: str) -> FloatArray:
        """Return a mean less the background of its channel at the cell."""
        return self.column(name) - self.column(f"background:{channel}")


def spread_rows(count: int, most: int) -> Rows:
    """Return at most ``most`` of ``count`` rows, evenly spaced."""
    return np.arange(0, count, max(1, -(-count // most)), dtype=np.int64)


def pick_ranked(members: NDArray[np.bool_], ranks: Rows) -> Rows:
    """Return the places of the members (n,) of ascending ranks, the first of which is 0."""
    found, passed = [np.empty(0, np.int64)], 0
    for first in range(0, members.size, _STRIDE):
        here = np.flatnonzero(members[first : first + _STRIDE])
        start, end = np.searchsorted(ranks, (passed, passed + here.size))
        found.append(here[ranks[start:end] - passed] + first)
        passed += here.size
    return np.concatenate(found)


def read_rows(
    cells: CellGroups, rows: Rows, columns: Sequence[str], *, threads: int = 1
) -> MeasuredRows:
    """Return columns of ascending rows of measurements.parquet; absent columns are left out."""
    held = [name for name in columns if name in cells.names]
    found = {name: np.empty(rows.size, np.int64 if name == "id" else np.float64) for name in held}
    for place, piece in _pick(cells, rows, held, threads=threads):
        for name in held:
            found[name][place] = piece[name]
    return MeasuredRows(rows, found)


def read_ids(cells: CellGroups, rows: Rows) -> Rows:
    """Return the ids of ascending rows."""
    ids: Rows = read_rows(cells, rows, ["id"]).columns["id"]
    return ids


def _pick(
    cells: CellGroups, rows: Rows, columns: Sequence[str], *, threads: int = 1
) -> Iterator[tuple[slice, Columns]]:
    """Yield, group by group, which of the rows stand in it, and their columns."""
    touched = []
    for group in cells.groups:
        start, end = np.searchsorted(rows, (group.first, group.first + group.count)).tolist()
        if end > start:
            touched.append((group, slice(start, end)))
    pieces = cells.pieces(columns, threads=threads, groups=[group for group, _ in touched])
    for (group, place), (_, piece) in zip(touched, pieces, strict=True):
        here = rows[place] - group.first
        yield place, {name: values[here] for name, values in piece.items()}
