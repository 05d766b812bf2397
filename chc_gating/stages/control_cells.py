"""What the measured cells of a control slide show of a marker that they lack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.batch import layout
from chc_gating.errors import RawFileError
from chc_gating.gating.background_cuts import list_fraction_channels
from chc_gating.gating.control_cuts import read_control
from chc_gating.gating.quantiles import Values
from chc_gating.imaging.cell_groups import CellGroups, open_cells
from chc_gating.imaging.cells import cell_stream
from chc_gating.imaging.records import Measurement
from chc_gating.imaging.tiles_table import LostSquares
from chc_gating.model.flags import LOST_FLAG, event_flag_bit
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.stages.autofluorescence import resolve_slide_spillover
from chc_gating.stages.cell_marks import read_lost


def read_control_slide(
    measured: Path,
    record: Measurement,
    panel: Panel,
    gates: Gates,
    *,
    marker: str,
    spillover: Path | None,
) -> Values:
    """Return a reader of a measured control's values of a marker, compensated as a sample's are.

    Cells of areas out of focus are left out. Raises RawFileError where the slide was not measured,
    or the spillover's own controls failed.
    """
    if record.status != "counted":
        raise RawFileError(record.reason or "the control was not measured")
    fractions = list_fraction_channels(panel, gates)
    cells = open_cells(measured / layout.MEASUREMENTS)
    stream = cell_stream(cells, panel, fractions=fractions)
    used = resolve_slide_spillover(stream, panel, table=spillover, fractions=fractions)
    return read_control(
        replace(stream, event_flags=_flag_lost(cells, read_lost(measured, record))),
        panel,
        gates,
        marker=marker,
        spillover=used,
    )


def _flag_lost(cells: CellGroups, lost: LostSquares | None) -> NDArray[np.uint32]:
    flags = np.zeros(cells.count, np.uint32)
    if lost is not None:
        for group, columns in cells.pieces(["id"]):
            own = flags[group.first : group.first + group.count]
            own[lost.hold(columns["id"])] = event_flag_bit(LOST_FLAG)
    return flags
