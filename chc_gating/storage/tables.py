"""Tables of results as Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chc_gating.storage.atomic import replacing

_ROWS_PER_GROUP = 32_768
"""A group of rows is encoded in memory as a whole."""

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray


def build_table(
    columns: Sequence[NDArray[Any] | Sequence[str]], schema: pyarrow.Schema
) -> pyarrow.Table:
    """Return a table of columns: numbers as arrays (n,) of the schema's types, or texts.

    Columns are given by their buffers. `pyarrow.array` would ask whether an array is one of
    pandas, and import that to know, which takes longer than to gate a small file.
    """
    import numpy as np
    import pyarrow

    built = []
    for column, field in zip(columns, schema, strict=True):
        if isinstance(column, np.ndarray):
            buffers = _number_buffer(column)
        else:
            buffers = _text_buffers(column)
        built.append(pyarrow.Array.from_buffers(field.type, len(column), [None, *buffers]))
    return pyarrow.Table.from_arrays(built, schema=schema)


def _number_buffer(column: NDArray[Any]) -> list[pyarrow.Buffer]:
    import numpy as np
    import pyarrow

    return [pyarrow.py_buffer(np.ascontiguousarray(column))]


def _text_buffers(column: Sequence[str]) -> list[pyarrow.Buffer]:
    """Return where each text starts, as int32, and all texts."""
    import numpy as np
    import pyarrow

    texts = [text.encode() for text in column]
    starts = np.cumsum([0, *(len(text) for text in texts)]).astype(np.int32)
    return [pyarrow.py_buffer(starts), pyarrow.py_buffer(b"".join(texts))]


def write_table(path: Path, table: pyarrow.Table) -> None:
    """Write a Parquet table, whole.

    Measurements hardly repeat, so a dictionary of their values only costs: of 64,000 candidates a
    third of the file, and three times the time and the memory to write it.
    """
    import pyarrow.parquet
    from pyarrow import types

    repeats = [field.name for field in table.schema if not types.is_floating(field.type)]
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(
            table,
            temporary,
            compression="zstd",
            use_dictionary=repeats,
            row_group_size=_ROWS_PER_GROUP,
        )


def read_table(path: Path) -> pyarrow.Table:
    """Read a Parquet table."""
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path)
