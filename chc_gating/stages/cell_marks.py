"""What the front end knows of a slide's cells: flags, saturation, and the seed of all draws."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.batch import layout
from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.cells import saturated_columns
from chc_gating.imaging.records import Measurement
from chc_gating.imaging.tiles_table import LostSquares, read_lost_squares
from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.model.flags import LOST_FLAG, event_flag_bit
from chc_gating.model.panel import Panel


@dataclass(frozen=True)
class CellMarks:
    """Of n cells and m channels.

    flags : (n,) uint32, bits of model.flags.EVENT_FLAGS: what was measured; saturation of a
        marker's own channel, or of one that its compensation takes something from; and the flag
        of areas that were not scored, which leaves a cell out.
    saturated : (m,) int64, cells whose compartment holds saturated pixels.
    seed : a number that the slide's cells fix, for draws that are the same in every run.
    """

    flags: NDArray[np.uint32]
    saturated: NDArray[np.int64]
    seed: int


def read_lost(measured: Path, measurement: Measurement) -> LostSquares | None:
    """Return the areas of a measured slide that are out of focus, whose cells are left out."""
    facts = measurement.slide
    if facts is None:
        return None
    return read_lost_squares(measured / layout.TILES, slide_shape=(facts.height_px, facts.width_px))


def mark_cells(
    cells: CellGroups,
    panel: Panel,
    arrays: PlanArrays,
    *,
    lost: LostSquares | None,
    threads: int = 1,
) -> CellMarks:
    """Return what is known of the cells before they are gated by the plan of ``arrays``."""
    wanted = saturated_columns(panel)
    flags = np.empty(cells.count, np.uint32)
    saturated, digest = np.zeros(len(wanted), np.int64), hashlib.sha256()
    for group, columns in cells.pieces(["id", "flags", *wanted], threads=threads):
        marks = np.stack([columns[name] > 0 for name in wanted], axis=1)
        own = flags[group.first : group.first + group.count]
        own[:] = columns["flags"]
        if lost is not None:
            own[lost.hold(columns["id"])] |= event_flag_bit(LOST_FLAG)
        if marks.any():
            _flag_saturated(own, marks, arrays)
        saturated += marks.sum(axis=0)
        digest.update(np.ascontiguousarray(columns["id"], dtype="<i8").data)
    return CellMarks(flags, saturated, int.from_bytes(digest.digest()[:8], "little"))


def _flag_saturated(
    flags: NDArray[np.uint32], marks: NDArray[np.bool_], arrays: PlanArrays
) -> None:
    for channel in arrays.marker_channel:
        detectors, _ = arrays.terms(channel)
        others = detectors[detectors != channel]
        flags[marks[:, channel]] |= event_flag_bit("saturated")
        flags[marks[:, others].any(axis=1)] |= event_flag_bit("leans_on_saturated")
