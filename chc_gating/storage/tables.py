"""Tables of results as Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chc_gating.storage.atomic import replacing

if TYPE_CHECKING:
    import pyarrow


def write_table(path: Path, table: pyarrow.Table) -> None:
    """Write a Parquet table, whole."""
    import pyarrow.parquet

    with replacing(path) as temporary:
        pyarrow.parquet.write_table(table, temporary, compression="zstd")


def read_table(path: Path) -> pyarrow.Table:
    """Read a Parquet table."""
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path)
