"""measurements.parquet: one row per cell, in ascending order of id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.sums import CellSums
from chc_gating.kernels import measure
from chc_gating.model.flags import event_flag_bit
from chc_gating.storage.atomic import replacing

if TYPE_CHECKING:
    import pyarrow

COMPARTMENTS = ("nucleus", "ring")
CAML_DIAMETER_UM = 25.0
"""Cells larger than this are flagged as macrophage-like, never dropped."""

_ROWS_PER_GROUP = 1 << 16

_SHAPE_COLUMNS = (
    ("id", "int64"),
    ("centroid_y_px", "float64"),
    ("centroid_x_px", "float64"),
    ("area_px", "int64"),
    ("area_um2", "float64"),
    ("cell_area_px", "int64"),
    ("box_y0_px", "int64"),
    ("box_y1_px", "int64"),
    ("box_x0_px", "int64"),
    ("box_x1_px", "int64"),
    ("moment_yy_px2", "float64"),
    ("moment_xx_px2", "float64"),
    ("moment_xy_px2", "float64"),
    ("flags", "uint32"),
)


def table_schema(channels: Sequence[str]) -> pyarrow.Schema:
    """Return the columns of measurements.parquet and their types.

    Of the nucleus: centroid, area, box ([y0, y1) x [x0, x1)) and second central moments per
    pixel. Of the cell: area and flags. Per channel NAME and compartment (nucleus, ring): sum,
    sum_squares, min, max, saturated_px and mean in grey levels as stored; cell_mean:NAME and
    cell_saturated_px:NAME of nucleus and ring together; background:NAME at the centroid, not
    subtracted from the others. Empty where a compartment has no pixels.
    """
    import pyarrow as pa

    fields = [pa.field(name, pa.type_for_alias(kind)) for name, kind in _SHAPE_COLUMNS]
    for name in channels:
        for part in COMPARTMENTS:
            fields += [
                pa.field(f"{part}_{what}:{name}", pa.int64())
                for what in ("sum", "sum_squares", "min", "max", "saturated_px")
            ]
            fields.append(pa.field(f"{part}_mean:{name}", pa.float64()))
        fields.append(pa.field(f"cell_mean:{name}", pa.float64()))
        fields.append(pa.field(f"cell_saturated_px:{name}", pa.int64()))
        fields.append(pa.field(f"background:{name}", pa.float64()))
    return pa.schema(fields)


def find_centroids(sums: CellSums, *, width: int) -> NDArray[np.float64]:
    """Return the centroids (k, 2) of the nuclei as y and x on the slide, in pixels.

    Pixel centres have whole coordinates, as in scikit-image.
    """
    nucleus = sums.shape[:, 0]
    seeds = np.stack(np.divmod(sums.ids, width), axis=1)
    offsets = nucleus[:, [measure.SUM_Y, measure.SUM_X]] / nucleus[:, [measure.AREA]]
    centroids: NDArray[np.float64] = seeds + offsets
    return centroids


def build_rows(
    sums: CellSums,
    background: NDArray[np.float64],
    *,
    channels: Sequence[str],
    width: int,
    pixel_size_um: float,
) -> pyarrow.Table:
    """Return the rows of complete cells, with the background (k, m) at their centroids."""
    import pyarrow as pa

    columns = _shape_columns(sums, width=width, pixel_size_um=pixel_size_um)
    areas = sums.shape[:, :, measure.AREA]
    for c, name in enumerate(channels):
        for part, word in enumerate(COMPARTMENTS):
            columns.update(_grey_columns(sums.grey[:, part, c], areas[:, part], word, name))
        totals = sums.grey[:, :, c].sum(axis=1)
        columns[f"cell_mean:{name}"] = totals[:, measure.SUM] / areas.sum(axis=1)
        columns[f"cell_saturated_px:{name}"] = totals[:, measure.SATURATED]
        columns[f"background:{name}"] = background[:, c]
    schema = table_schema(channels)
    arrays = [
        pa.array(columns[field.name], type=field.type, from_pandas=True)
        if isinstance(columns[field.name], np.ndarray)
        else columns[field.name]
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def write_rows(path: Path, tables: Iterable[pyarrow.Table], *, channels: Sequence[str]) -> int:
    """Write tables as row groups of equal size, whole, and return the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = table_schema(channels)
    held = schema.empty_table()
    rows = 0
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for table in tables:
            rows += table.num_rows
            held = pa.concat_tables([held, table])
            while held.num_rows >= _ROWS_PER_GROUP:
                writer.write_table(held.slice(0, _ROWS_PER_GROUP))
                held = held.slice(_ROWS_PER_GROUP).combine_chunks()
        if held.num_rows:
            writer.write_table(held)
    return rows


def _shape_columns(
    sums: CellSums, *, width: int, pixel_size_um: float
) -> dict[str, NDArray[np.generic]]:
    nucleus = sums.shape[:, 0]
    area = nucleus[:, measure.AREA]
    cell_area = sums.shape[:, :, measure.AREA].sum(axis=1)
    seed_y, seed_x = np.divmod(sums.ids, width)
    centroids = find_centroids(sums, width=width)
    mean_y, mean_x = nucleus[:, measure.SUM_Y] / area, nucleus[:, measure.SUM_X] / area
    return {
        "id": sums.ids,
        "centroid_y_px": centroids[:, 0],
        "centroid_x_px": centroids[:, 1],
        "area_px": area,
        "area_um2": area * pixel_size_um**2,
        "cell_area_px": cell_area,
        "box_y0_px": seed_y + nucleus[:, measure.TOP],
        "box_y1_px": seed_y + nucleus[:, measure.BOTTOM] + 1,
        "box_x0_px": seed_x + nucleus[:, measure.LEFT],
        "box_x1_px": seed_x + nucleus[:, measure.RIGHT] + 1,
        "moment_yy_px2": nucleus[:, measure.SUM_YY] / area - mean_y**2,
        "moment_xx_px2": nucleus[:, measure.SUM_XX] / area - mean_x**2,
        "moment_xy_px2": nucleus[:, measure.SUM_XY] / area - mean_y * mean_x,
        "flags": _find_flags(sums.touches, cell_area * pixel_size_um**2),
    }


def _find_flags(
    touches: NDArray[np.bool_], cell_area_um2: NDArray[np.float64]
) -> NDArray[np.uint32]:
    marks = {
        "touches_image_edge": touches[:, measure.TOUCHES_EDGE],
        "touches_neighbour": touches[:, measure.TOUCHES_NEIGHBOUR],
        "caml_like": 2 * np.sqrt(cell_area_um2 / np.pi) > CAML_DIAMETER_UM,
    }
    flags = np.zeros(cell_area_um2.shape, np.uint32)
    for name, mark in marks.items():
        flags[mark] |= event_flag_bit(name)
    return flags


def _grey_columns(
    sums: NDArray[np.int64], area: NDArray[np.int64], part: str, name: str
) -> dict[str, NDArray[np.generic] | pyarrow.Array]:
    """Return the columns of one channel in one compartment; no pixels: minimum, maximum, mean
    are empty.
    """
    import pyarrow as pa

    absent = area == 0
    with np.errstate(invalid="ignore"):
        mean = sums[:, measure.SUM] / area
    return {
        f"{part}_sum:{name}": sums[:, measure.SUM],
        f"{part}_sum_squares:{name}": sums[:, measure.SUM_SQUARES],
        f"{part}_min:{name}": pa.array(sums[:, measure.MINIMUM], mask=absent),
        f"{part}_max:{name}": pa.array(sums[:, measure.MAXIMUM], mask=absent),
        f"{part}_saturated_px:{name}": sums[:, measure.SATURATED],
        f"{part}_mean:{name}": mean,
    }
