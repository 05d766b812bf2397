"""Some rows of measurements.parquet, read without holding the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chc_gating.storage.tables import build_numbers, take_numbers

if TYPE_CHECKING:
    import pyarrow

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class MeasuredRows:
    """Rows of the table, ascending, with all their columns."""

    rows: Rows
    table: pyarrow.Table

    def places(self, wanted: Rows) -> Rows:
        """Return where rows of the table stand among these."""
        found: Rows = np.searchsorted(self.rows, wanted)
        return found

    def column(self, name: str, wanted: Rows | None = None) -> FloatArray:
        """Return a column as float64, of the ``wanted`` rows; NaN where it is empty or absent."""
        if name not in self.table.column_names:
            values = np.full(self.rows.size, np.nan)
        else:
            values = take_numbers(self.table[name]).astype(np.float64)
        return values if wanted is None else values[self.places(wanted)]

    def net(self, name: str, channel: str) -> FloatArray:
        """Return a mean less the background of its channel at the cell."""
        return self.column(name) - self.column(f"background:{channel}")

    def relative(self, values: FloatArray, wanted: Rows, typical: Rows) -> FloatArray:
        """Return values (of all these rows) of the wanted ones over the median of typical ones."""
        known = values[self.places(typical)]
        known = known[np.isfinite(known)]
        if known.size == 0 or not np.median(known) > 0:
            return np.full(wanted.size, np.nan)
        ratio: FloatArray = values[self.places(wanted)] / np.median(known)
        return ratio


def spread_rows(count: int, most: int) -> Rows:
    """Return at most ``most`` of ``count`` rows, evenly spaced."""
    return np.arange(0, count, max(1, -(-count // most)), dtype=np.int64)


def read_rows(path: Path, rows: Rows) -> MeasuredRows:
    """Return rows of measurements.parquet, in ascending order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts, first = [], 0
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        for group in range(file.num_row_groups):
            length = file.metadata.row_group(group).num_rows
            start, end = np.searchsorted(rows, (first, first + length))
            if end > start:
                places = build_numbers(rows[start:end] - first, pa.int64())
                parts.append(file.read_row_group(group).take(places))
            first += length
    return MeasuredRows(rows, pa.concat_tables(parts) if parts else schema.empty_table())
