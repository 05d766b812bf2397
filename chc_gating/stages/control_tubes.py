"""What the events of a control tube show of a marker that they lack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chc_gating.errors import ConfigError, RawFileError
from chc_gating.flow.fcs import FcsFile, open_fcs
from chc_gating.gating.control_cuts import read_control
from chc_gating.gating.imported_sample import ImportedSample
from chc_gating.gating.quantiles import Values
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.stages.flowjo import choose_sample, rename_in_sample
from chc_gating.stages.spillover import resolve_tube_spillover


def read_control_tube(
    file: Path,
    panel: Panel,
    gates: Gates,
    *,
    marker: str,
    spillover: Path | None,
    beads: Sequence[str] = (),
) -> Values:
    """Return a reader of an FCS file's values of a marker, compensated and gated as a sample's are.

    A spillover of the keyword is the control's own. ``beads`` are populations that are left out.
    Each call reads the file once, batch by batch. Raises RawFileError for a fault inside the file,
    or where a workspace has no gates for it.
    """
    fcs = open_fcs(file)
    try:
        imported = _choose_sample(gates, fcs)
        named = [rename_in_sample(name, gates, fcs) for name in beads]
        used, own = resolve_tube_spillover(fcs, panel, imported, table=spillover)
        return read_control(
            fcs.event_stream(),
            panel,
            imported.gates,
            marker=marker,
            spillover=used,
            file_spillover=own,
            beads=[name for name in named if name is not None],
        )
    except RawFileError as error:
        raise RawFileError(f"{file}: {error}") from None


def _choose_sample(gates: Gates, fcs: FcsFile) -> ImportedSample:
    """Return the gates of a control; a workspace without its sample is a fault of that control."""
    try:
        return choose_sample(gates, fcs)
    except ConfigError as error:
        raise RawFileError(str(error)) from None
