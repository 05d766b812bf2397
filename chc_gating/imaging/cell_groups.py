"""measurements.parquet, a group of rows at a time: no column is ever held for all cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.imaging.blocks import map_in_order
from chc_gating.storage.tables import take_numbers

if TYPE_CHECKING:
    import pyarrow.parquet

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Group:
    """A group of rows: its place in the file, its first row, how many rows, first and last id."""

    place: int
    first: int
    count: int
    first_id: int
    last_id: int


@dataclass(frozen=True)
class CellGroups:
    """The cells of a slide in ascending order of id, as `chc measure` wrote them.

    Nothing but the file's metadata is held. Whatever is read is the same for any grouping of rows.
    """

    path: Path
    groups: tuple[Group, ...]
    names: frozenset[str]
    metadata: pyarrow.parquet.FileMetaData

    @property
    def count(self) -> int:
        """How many cells there are."""
        return sum(group.count for group in self.groups)

    def read(self, group: Group, columns: Sequence[str]) -> Columns:
        """Return columns of a group, NaN where a value is empty; absent ones are left out."""
        import pyarrow.parquet as pq

        # Every read opens the file: a reader must not be shared by threads.
        with pq.ParquetFile(self.path, metadata=self.metadata) as file:
            table = file.read_row_group(group.place, columns=columns, use_threads=False)
        return {name: take_numbers(table[name]) for name in table.column_names}

    def pieces(
        self, columns: Sequence[str], *, threads: int = 1, groups: Iterable[Group] | None = None
    ) -> Iterator[tuple[Group, Columns]]:
        """Yield the groups, all or those given, in order; decoded a few ahead on ``threads``."""
        wanted = self.groups if groups is None else groups

        def read(group: Group) -> tuple[Group, Columns]:
            return group, self.read(group, columns)

        return map_in_order(read, wanted, threads=threads)

    def batches(
        self, columns: Sequence[str], size: int, *, threads: int = 1
    ) -> Iterator[tuple[int, Columns]]:
        """Yield the first row and the columns of every ``size`` rows; the last may be fewer."""
        held: list[Columns] = []
        first = rows = 0
        for group, piece in self.pieces(columns, threads=threads):
            start = 0
            while start < group.count:
                taken = min(group.count - start, size - rows)
                held.append({name: piece[name][start : start + taken] for name in piece})
                start, rows = start + taken, rows + taken
                if rows == size:
                    yield first, _join(held)
                    held, first, rows = [], first + rows, 0
        if rows:
            yield first, _join(held)


def _join(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def open_cells(path: Path) -> CellGroups:
    """Return the cells of measurements.parquet; ChcError where it is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names, metadata = file.schema_arrow.names, file.metadata
    except FileNotFoundError:
        raise ChcError(f"{path}: no such measurements; run chc measure") from None
    except pa.ArrowInvalid:
        raise ChcError(f"{path}: is damaged or no Parquet file; run chc measure again") from None
    groups, first = [], 0
    for place in range(metadata.num_row_groups):
        found = metadata.row_group(place)
        if found.num_rows == 0:
            continue
        known = found.column(names.index("id")).statistics if "id" in names else None
        if known is None or not known.has_min_max:
            raise ChcError(f"{path}: does not tell its cells' ids; run chc measure again")
        groups.append(Group(place, first, found.num_rows, int(known.min), int(known.max)))
        first += found.num_rows
    return CellGroups(path, tuple(groups), frozenset(names), metadata)
