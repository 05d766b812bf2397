"""measurements.parquet: one row per cell, in ascending order of id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.slide import Slide
from chc_gating.imaging.sums import CellSums
from chc_gating.kernels import pixel_columns as of
from chc_gating.model.flags import event_flag_bit
from chc_gating.storage.atomic import replacing
from chc_gating.storage.tables import ROWS_PER_GROUP, build_numbers

if TYPE_CHECKING:
    import pyarrow

COMPARTMENTS = ("nucleus", "ring", "cell")
CAML_DIAMETER_UM = 25.0
"""Cells larger than this are flagged as macrophage-like, never dropped."""

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
    ("eccentricity", "float64"),
    ("solidity", "float64"),
    ("focus", "float64"),
    ("nearest_nucleus_um", "float64"),
    ("touching_cells", "int32"),
    ("nuclei_in_contact", "int32"),
    ("flags", "uint32"),
)

_GREY_COLUMNS = (
    ("mean", "float64"),
    ("median", "float64"),
    ("q90", "float64"),
    ("sd", "float32"),
    ("min", "int32"),
    ("max", "int32"),
    ("saturated_px", "int32"),
    ("saturated_fraction", "float32"),
    ("positive_fraction", "float32"),
)


@dataclass(frozen=True)
class CellRows:
    """Complete cells, and what lies around them.

    background : (k, m) grey levels at their centroids
    nearest_px : (k,) distance to the nearest other nucleus, NaN where none is near
    """

    sums: CellSums
    background: NDArray[np.float64]
    nearest_px: NDArray[np.float64]


def table_schema(channels: Sequence[str]) -> pyarrow.Schema:
    """Return the columns of measurements.parquet and their types.

    docs/measurements.md says what each of them is. Per channel NAME and compartment (nucleus, ring,
    cell): what `_GREY_COLUMNS` lists, in grey levels as stored, and sum of nucleus and ring;
    background:NAME at the centroid, which is subtracted from none of them.
    """
    import pyarrow as pa

    def make(name: str, kind: str) -> pyarrow.Field:
        return pa.field(name, pa.type_for_alias(kind))

    fields = [make(name, kind) for name, kind in _SHAPE_COLUMNS]
    for name in channels:
        for part in COMPARTMENTS:
            fields += [make(f"{part}_{what}:{name}", kind) for what, kind in _GREY_COLUMNS]
            if part != "cell":
                fields.append(make(f"{part}_sum:{name}", "int64"))
        fields.append(make(f"background:{name}", "float64"))
    return pa.schema(fields)


def find_centroids(sums: CellSums, *, width: int) -> NDArray[np.float64]:
    """Return the centroids (k, 2) of the nuclei as y and x on the slide, in pixels.

    Pixel centres have whole coordinates, as in scikit-image.
    """
    nucleus = sums.shape
    seeds = np.stack(np.divmod(sums.ids, width), axis=1)
    offsets = nucleus[:, [of.SUM_Y, of.SUM_X]] / nucleus[:, [of.AREA]]
    centroids: NDArray[np.float64] = seeds + offsets
    return centroids


def build_rows(rows: CellRows, *, channels: Sequence[str], slide: Slide) -> pyarrow.Table:
    """Return the rows of complete cells."""
    import pyarrow as pa

    columns = _shape_columns(rows, width=slide.shape[1], pixel_size_um=slide.pixel_size_um)
    nucleus, ring = rows.sums.shape[:, of.AREA], rows.sums.shape[:, of.RING_AREA]
    for c, name in enumerate(channels):
        inner, outer = rows.sums.grey[:, 0, c], rows.sums.grey[:, 1, c]
        both = _add_levels(inner, outer)
        for part, (sums, area) in enumerate(
            ((inner, nucleus), (outer, ring), (both, nucleus + ring))
        ):
            found = _grey_columns(sums, area, rows.sums.quantiles[:, part, c])
            columns.update(
                {f"{COMPARTMENTS[part]}_{what}:{name}": values for what, values in found.items()}
            )
        columns[f"background:{name}"] = rows.background[:, c]
    schema = table_schema(channels)
    absent = {part: area == 0 for part, area in (("nucleus", nucleus), ("ring", ring))}
    arrays = [
        build_numbers(values, field.type, empty=_find_empty(field.name, values, absent))
        for field in schema
        for values in [columns[field.name]]
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def write_rows(path: Path, tables: Iterable[pyarrow.Table], *, channels: Sequence[str]) -> int:
    """Write tables as row groups of equal size, whole, and return the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = table_schema(channels)
    held: list[pyarrow.Table] = []
    rows = waiting = 0
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        for table in tables:
            held.append(table)
            rows, waiting = rows + table.num_rows, waiting + table.num_rows
            while waiting >= ROWS_PER_GROUP:
                joined = pa.concat_tables(held)
                writer.write_table(joined.slice(0, ROWS_PER_GROUP))
                held = [joined.slice(ROWS_PER_GROUP).combine_chunks()]
                waiting -= ROWS_PER_GROUP
        if waiting:
            writer.write_table(pa.concat_tables(held))
    return rows


def _shape_columns(
    rows: CellRows, *, width: int, pixel_size_um: float
) -> dict[str, NDArray[np.generic]]:
    sums, shape = rows.sums, rows.sums.shape
    area = shape[:, of.AREA]
    cell_area = area + shape[:, of.RING_AREA]
    cell_area_um2 = cell_area.astype(np.float64) * pixel_size_um**2
    seed_y, seed_x = np.divmod(sums.ids, width)
    centroids = find_centroids(sums, width=width)
    moments = _central_moments(shape)
    return {
        "id": sums.ids,
        "centroid_y_px": centroids[:, 0],
        "centroid_x_px": centroids[:, 1],
        "area_px": area,
        "area_um2": area * pixel_size_um**2,
        "cell_area_px": cell_area,
        "box_y0_px": seed_y + shape[:, of.TOP],
        "box_y1_px": seed_y + shape[:, of.BOTTOM] + 1,
        "box_x0_px": seed_x + shape[:, of.LEFT],
        "box_x1_px": seed_x + shape[:, of.RIGHT] + 1,
        "moment_yy_px2": moments[0],
        "moment_xx_px2": moments[1],
        "moment_xy_px2": moments[2],
        "eccentricity": _eccentricity(*moments),
        "solidity": area / shape[:, of.HULL_AREA],
        "focus": _variance(area, shape[:, of.LAPLACIAN], shape[:, of.LAPLACIAN_SQUARES]),
        "nearest_nucleus_um": rows.nearest_px * pixel_size_um,
        "touching_cells": sums.contacts[:, 0],
        "nuclei_in_contact": 1 + sums.contacts[:, 1],
        "flags": _find_flags(sums, cell_area_um2),
    }


def _central_moments(shape: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Return the second central moments per pixel of the nuclei: yy, xx and xy."""
    area = shape[:, of.AREA]
    mean_y, mean_x = shape[:, of.SUM_Y] / area, shape[:, of.SUM_X] / area
    return (
        shape[:, of.SUM_YY] / area - mean_y**2,
        shape[:, of.SUM_XX] / area - mean_x**2,
        shape[:, of.SUM_XY] / area - mean_y * mean_x,
    )


def _eccentricity(
    yy: NDArray[np.float64], xx: NDArray[np.float64], xy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return that of the ellipse of equal moments: 0 a disc (or one pixel), 1 a line."""
    middle = (yy + xx) / 2
    root = np.hypot((yy - xx) / 2, xy)
    longest = middle + root
    with np.errstate(invalid="ignore"):
        share = np.where(longest > 0, np.clip((middle - root) / longest, 0, 1), 1)
    result: NDArray[np.float64] = np.sqrt(1 - share)
    return result


def _variance(
    n: NDArray[np.int64], total: NDArray[np.int64], squares: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return squares / n - (total / n)**2, in whole numbers where they fit; NaN for n = 0."""
    with np.errstate(invalid="ignore", over="ignore"):
        exact = (n * squares - total * total) / (n * n)
        rounded = np.maximum(squares / n - (total / n) ** 2, 0)
    result: NDArray[np.float64] = np.where(n * squares.astype(np.float64) < 2.0**62, exact, rounded)
    return result


def _find_flags(sums: CellSums, cell_area_um2: NDArray[np.float64]) -> NDArray[np.uint32]:
    marks = {
        "touches_image_edge": sums.shape[:, of.ON_EDGE] > 0,
        "touches_neighbour": sums.contacts[:, 0] > 0,
        "caml_like": 2 * np.sqrt(cell_area_um2 / np.pi) > CAML_DIAMETER_UM,
    }
    flags = np.zeros(cell_area_um2.shape, np.uint32)
    for name, mark in marks.items():
        flags[mark] |= event_flag_bit(name)
    return flags


def _add_levels(inner: NDArray[np.int64], outer: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the grey sums of nucleus and ring together; no pixels stand as the extremes do."""
    both = inner + outer
    both[:, of.MINIMUM] = np.minimum(inner[:, of.MINIMUM], outer[:, of.MINIMUM])
    both[:, of.MAXIMUM] = np.maximum(inner[:, of.MAXIMUM], outer[:, of.MAXIMUM])
    return both


def _grey_columns(
    sums: NDArray[np.int64], area: NDArray[np.int64], quantiles: NDArray[np.float64]
) -> dict[str, NDArray[np.generic]]:
    """Return the columns of one channel in one compartment; no pixels: shares are NaN."""
    with np.errstate(invalid="ignore"):
        return {
            "mean": sums[:, of.SUM] / area,
            "median": quantiles[:, of.MEDIAN],
            "q90": quantiles[:, of.Q90],
            "sd": np.sqrt(_variance(area, sums[:, of.SUM], sums[:, of.SUM_SQUARES])),
            "min": sums[:, of.MINIMUM],
            "max": sums[:, of.MAXIMUM],
            "saturated_px": sums[:, of.SATURATED],
            "saturated_fraction": sums[:, of.SATURATED] / area,
            "positive_fraction": sums[:, of.POSITIVE] / area,
            "sum": sums[:, of.SUM],
        }


def _find_empty(
    column: str, values: NDArray[np.generic], absent: dict[str, NDArray[np.bool_]]
) -> NDArray[np.bool_] | None:
    """Return where there is nothing to measure: NaN, or an extreme of no pixels."""
    if values.dtype.kind == "f":
        missing: NDArray[np.bool_] = np.isnan(values)
        return missing
    part, _, rest = column.partition("_")
    return absent.get(part) if rest.startswith(("min:", "max:")) else None
