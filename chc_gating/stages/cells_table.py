"""cells.parquet, and candidates.parquet of a slide: written a group of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.result import GatingResult
from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.measured_rows import POSITION, read_rows
from chc_gating.model.flags import event_flag_names
from chc_gating.stages.candidates_table import candidates_table
from chc_gating.storage.tables import (
    ROWS_PER_GROUP,
    build_numbers,
    build_texts,
    write_groups,
    write_table,
)

if TYPE_CHECKING:
    import pyarrow

CELLS = "cells.parquet"


def cells_schema() -> pyarrow.Schema:
    """Return the columns of cells.parquet: one row per cell; an empty phenotype is outside its
    population.
    """
    import pyarrow

    columns = {"id": pyarrow.int64(), **dict.fromkeys(POSITION, pyarrow.float64())}
    return pyarrow.schema({**columns, "phenotype": pyarrow.string(), "flags": pyarrow.string()})


def write_cells(
    folder: Path,
    result: GatingResult,
    cells: CellGroups,
    *,
    explanations: Mapping[str, NDArray[np.float64]],
    threads: int = 1,
) -> None:
    """Write candidates.parquet with ``explanations``, columns (c,), and cells.parquet."""
    rows = read_rows(cells, result.candidates.event_index, POSITION)
    positions = {**rows.columns, **explanations}
    write_table(folder / "candidates.parquet", candidates_table(result, positions=positions))
    write_groups(folder / CELLS, _cell_tables(result, cells, threads=threads), cells_schema())


def _cell_tables(
    result: GatingResult, cells: CellGroups, *, threads: int
) -> Iterator[pyarrow.Table]:
    import pyarrow

    classes, bits = result.event_class, result.event_flags
    if classes is None or bits is None:
        raise AssertionError("a slide's events are kept")
    schema = cells_schema()
    names = build_texts(["", *result.leaf_names[1:]], pyarrow.string())
    if cells.count == 0:
        yield schema.empty_table()
    wanted = ("id", *POSITION)
    for first, columns in cells.batches(wanted, ROWS_PER_GROUP, threads=threads):
        here = slice(first, first + len(columns["id"]))
        found, which = np.unique(bits[here], return_inverse=True)
        flags = build_texts([";".join(event_flag_names(int(b))) for b in found], pyarrow.string())
        # Taken from the few different texts: a text of its own for every cell would take longer.
        arrays = [build_numbers(columns[name], schema.field(name).type) for name in wanted]
        arrays.append(names.take(build_numbers(classes[here], pyarrow.int16())))
        arrays.append(flags.take(build_numbers(which, pyarrow.int64())))
        yield pyarrow.Table.from_arrays(arrays, schema=schema)
