"""Populations event by event, by the same compiled plan as `chc gate-flow`."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from chc_gating.compensation import spillover_from_keyword
from chc_gating.flow.fcs import FcsFile
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Channel, Panel
from chc_gating.model.record import MARKER_PATTERN
from chc_gating.model.spillover import Spillover
from chc_gating.stages.flowjo import choose_sample
from chc_gating.stages.spillover import resolve_tube_spillover

MARKER = re.compile(MARKER_PATTERN)


def gate_events(
    fcs: FcsFile, gates: Gates, panel: Panel | None = None
) -> dict[str, NDArray[np.bool_]]:
    """Return for every population which events of a file it holds, (n,) bool each.

    Without a panel, gates may use every channel of the file, the markers that the file itself
    names ($PnS), and the file's own spillover where it has one; a panel whose spillover is a CSV
    needs `chc gate-flow`. The population of all events is ``all``. A file without events gives
    arrays of no length. Gates of a FlowJo workspace are those of the file's own sample, compensated
    with its matrix; a population is called by its name, or by its path (`/Cells/CD45+`) where
    several have that name.

    Raises RawFileError where the file lacks a channel that the gates use, ChcError where the
    gates cannot be compiled.

    Examples
    --------
    >>> import chc_gating as chc
    >>> fcs = chc.open_fcs("p01.fcs")  # doctest: +SKIP
    >>> chc.gate_events(fcs, chc.load_gates("gates.yaml"))["singlet"].sum()  # doctest: +SKIP
    """
    imported = choose_sample(gates, fcs)
    the_panel = panel if panel is not None else _panel_of_file(fcs, imported.spillover)
    spillover, own = resolve_tube_spillover(fcs, the_panel, imported, table=None)
    plan = compile_gates(
        the_panel,
        imported.gates.model_copy(update={"phenotypes": {}}),
        channels=fcs.channels,
        labels=fcs.markers,
        spillover=spillover,
        file_spillover=own,
    )
    result = run_plan(fcs.event_stream(), plan, keep_events=["populations"])
    mask = result.event_mask
    if mask is None:
        raise AssertionError("keep_events keeps them")
    return {
        name: (mask >> np.uint64(bit)) & np.uint64(1) != 0
        for bit, name in enumerate(result.population_names)
    }


def _panel_of_file(fcs: FcsFile, own: Spillover | None) -> Panel:
    found = None
    if own is None:
        found = spillover_from_keyword(fcs.keywords, channels=fcs.channels, labels=fcs.markers)
    labels = [label if label and MARKER.fullmatch(label) else None for label in fcs.markers]
    markers = [label if labels.count(label) == 1 else None for label in labels]
    return Panel(
        name="of the file",
        spillover="none" if found is None else "keyword",
        channels={
            name: Channel(marker=marker) for name, marker in zip(fcs.channels, markers, strict=True)
        },
    )
