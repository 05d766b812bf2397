"""candidates.parquet: the candidates that are kept, of a tube or of a slide, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chc_gating.model.flags import event_flag_names
from chc_gating.storage.tables import build_table

if TYPE_CHECKING:
    import pyarrow

    from chc_gating.gating.result import GatingResult

POSITIONS = ("centroid_y_px", "centroid_x_px")
"""Columns of a slide's candidates, float64; what could explain them comes after the channels."""


def candidates_table(
    result: GatingResult, *, positions: Mapping[str, np.ndarray] | None = None
) -> pyarrow.Table:
    """Return candidates.parquet: one row per CHC or CTC candidate that is kept, all channels.

    ``positions`` adds columns of a slide, (c,) float64 each, in the order of the candidates: the
    POSITIONS, and any others at the end.
    """
    further = [name for name in positions or {} if name not in POSITIONS]
    found = result.candidates
    columns: list[np.ndarray | Sequence[str]] = [
        np.arange(len(found.event_id), dtype=np.int64),
        found.event_id.astype(np.int64),
        found.bin.astype(np.int32),
        found.phenotype,
        found.sub_phenotype,
        [";".join(event_flag_names(bits)) for bits in found.flags.tolist()],
        *(positions[name] for name in POSITIONS if positions),
    ]
    for i in range(len(result.channels)):
        columns += [found.raw[:, i], found.compensated[:, i]]
    columns += [positions[name] for name in further if positions]
    schema = candidates_schema(result.channels, has_positions=bool(positions), further=further)
    return build_table(columns, schema)


def candidates_schema(
    channels: Iterable[str], *, has_positions: bool, further: Iterable[str] = ()
) -> pyarrow.Schema:
    """Return the columns of candidates.parquet; a slide's have positions in pixels."""
    import pyarrow

    columns = [
        ("candidate", pyarrow.int64()),
        ("event", pyarrow.int64()),
        ("time_bin", pyarrow.int32()),
        ("phenotype", pyarrow.string()),
        ("sub_phenotype", pyarrow.string()),
        ("flags", pyarrow.string()),
        *((name, pyarrow.float64()) for name in POSITIONS if has_positions),
    ]
    for channel in channels:
        columns += [(f"{kind}:{channel}", pyarrow.float64()) for kind in ("raw", "compensated")]
    columns += [(name, pyarrow.float64()) for name in further]
    return pyarrow.schema(columns)
