"""Tables of results as Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chc_gating.storage.atomic import replacing

ROWS_PER_GROUP = 32_768
"""A group of rows is encoded in memory as a whole."""

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray


def build_table(
    columns: Sequence[NDArray[Any] | Sequence[str]], schema: pyarrow.Schema
) -> pyarrow.Table:
    """Return a table of columns: numbers as arrays (n,) of the schema's types, or texts."""
    import numpy as np
    import pyarrow

    built = [
        build_numbers(column, field.type)
        if isinstance(column, np.ndarray)
        else build_texts(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pyarrow.Table.from_arrays(built, schema=schema)


def build_numbers(
    values: NDArray[Any], kind: pyarrow.DataType, *, empty: NDArray[np.bool_] | None = None
) -> pyarrow.Array:
    """Return a column of numbers (n,), converted to a type; where ``empty`` (n,) there is none.

    It is given by its buffers. `pyarrow.array` would ask whether an array is one of pandas, and
    import that to know, which takes longer than to gate a small file.
    """
    import numpy as np
    import pyarrow

    numbers = np.ascontiguousarray(values, dtype=kind.to_pandas_dtype())
    absent = 0 if empty is None else int(np.count_nonzero(empty))
    valid = None
    if empty is not None and absent:
        valid = pyarrow.py_buffer(np.packbits(~empty, bitorder="little"))
    buffers = [valid, pyarrow.py_buffer(numbers)]
    return pyarrow.Array.from_buffers(kind, len(numbers), buffers, null_count=absent)


def build_texts(texts: Sequence[str], kind: pyarrow.DataType) -> pyarrow.Array:
    """Return a column of texts (n,): where each starts, as int32, and all of them."""
    import numpy as np
    import pyarrow

    encoded = [text.encode() for text in texts]
    starts = np.cumsum([0, *(len(text) for text in encoded)]).astype(np.int32)
    buffers = [None, pyarrow.py_buffer(starts), pyarrow.py_buffer(b"".join(encoded))]
    return pyarrow.Array.from_buffers(kind, len(encoded), buffers)


def take_numbers(column: pyarrow.ChunkedArray) -> NDArray[Any]:
    """Return a column of numbers (n,), float64 with NaN where it is empty.

    Of its buffers, for the reason of `build_numbers`: pyarrow's ``to_numpy`` imports pandas.
    """
    import numpy as np

    parts = [np.empty(0, column.type.to_pandas_dtype())]
    for chunk in column.chunks:
        valid, data = chunk.buffers()
        first, last = chunk.offset, chunk.offset + len(chunk)
        values = np.frombuffer(data or b"", parts[0].dtype)[first:last]
        if chunk.null_count:
            bits = np.unpackbits(np.frombuffer(valid, np.uint8), count=last, bitorder="little")
            values = np.where(bits[first:] > 0, values, np.nan)
        parts.append(values)
    parts = [part for part in parts if part.size] or parts[:1]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def write_table(path: Path, table: pyarrow.Table) -> None:
    """Write a Parquet table, whole."""
    write_groups(path, [table], table.schema)


def write_groups(path: Path, tables: Iterable[pyarrow.Table], schema: pyarrow.Schema) -> None:
    """Write tables one after the other into a Parquet file, whole.

    All but the last have a multiple of ROWS_PER_GROUP rows, so that the file is the same as of one
    table. Measurements hardly repeat, so a dictionary of their values only costs: of 64,000
    candidates a third of the file, and three times the time and the memory to write it.
    """
    import pyarrow.parquet
    from pyarrow import types

    repeats = [field.name for field in schema if not types.is_floating(field.type)]
    with (
        replacing(path) as temporary,
        pyarrow.parquet.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=repeats
        ) as writer,
    ):
        for table in tables:
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)


def read_table(path: Path) -> pyarrow.Table:
    """Read a Parquet table."""
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path)
