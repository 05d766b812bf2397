"""tiles.parquet: what each square of a slide holds, and whether it was scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.imaging.squares import LOST, SQUARE_PX
from chc_gating.storage.tables import build_numbers, build_texts

if TYPE_CHECKING:
    import pyarrow

    from chc_gating.imaging.quality_areas import Judged
    from chc_gating.imaging.quality_maps import QualityMaps


def tiles_schema(channels: Sequence[str]) -> pyarrow.Schema:
    """Return the columns of tiles.parquet.

    y0_px, x0_px, height_px, width_px; nuclei; focus (empty where unknown); state (scored,
    out_of_focus, empty, unread, outside); of each channel background:NAME in grey levels and
    saturated_share:NAME.
    """
    import pyarrow as pa

    whole = ("y0_px", "x0_px", "height_px", "width_px", "nuclei")
    fields = [pa.field(name, pa.int64()) for name in whole]
    fields += [pa.field("focus", pa.float64()), pa.field("state", pa.string())]
    for name in channels:
        fields += [
            pa.field(f"{what}:{name}", pa.float64()) for what in ("background", "saturated_share")
        ]
    return pa.schema(fields)


def build_tiles(maps: QualityMaps, judged: Judged) -> pyarrow.Table:
    """Return tiles.parquet: a row per square, in raster order."""
    import pyarrow as pa

    boxes = maps.boxes()
    edges = np.array([(box.y0, box.x0, box.height, box.width) for box in boxes], np.int64)
    columns = [build_numbers(values, pa.int64()) for values in edges.reshape(-1, 4).T]
    columns += [
        build_numbers(maps.nuclei.ravel(), pa.int64()),
        _build_floats(judged.focus.ravel()),
        build_texts(judged.state.ravel().tolist(), pa.string()),
    ]
    shares = maps.saturated_share
    for c in range(len(maps.channels)):
        columns.append(_build_floats(maps.background[..., c].ravel()))
        columns.append(build_numbers(shares[..., c].ravel(), pa.float64()))
    return pa.Table.from_arrays(columns, schema=tiles_schema(maps.channels))


def _build_floats(values: NDArray[np.float64]) -> pyarrow.Array:
    """Return a column that is empty where a value is NaN."""
    import pyarrow as pa

    return build_numbers(values, pa.float64(), empty=np.isnan(values))


@dataclass(frozen=True)
class LostSquares:
    """Which squares of a slide of a width in pixels were not scored: (rows, columns) bool."""

    lost: NDArray[np.bool_]
    width_px: int

    def hold(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which cells (k,), by their ids, have their seed pixel in such a square."""
        if not self.lost.any():
            return np.zeros(ids.shape, np.bool_)
        y, x = np.divmod(ids, self.width_px)
        inside: NDArray[np.bool_] = self.lost[y // SQUARE_PX, x // SQUARE_PX]
        return inside


def read_lost_squares(path: Path, *, slide_shape: tuple[int, int]) -> LostSquares:
    """Return the lost squares of tiles.parquet; ChcError where it is not of such a slide."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not pq.read_table, which imports pandas.
        with pq.ParquetFile(path) as file:
            states = file.read(columns=["state"])["state"].to_pylist()
    except (FileNotFoundError, pa.ArrowInvalid):
        raise ChcError(f"{path}: no tiles that chc measure wrote; run it again") from None
    rows, columns = (-(-length // SQUARE_PX) for length in slide_shape)
    if len(states) != rows * columns:
        raise ChcError(f"{path}: tiles of another slide; run chc measure again")
    lost = np.isin(np.array(states, dtype=np.str_), LOST)
    return LostSquares(lost.reshape(rows, columns), slide_shape[1])
