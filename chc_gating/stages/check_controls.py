"""Whether a panel that takes its spillover from controls has a single-stained slide per marker."""

from __future__ import annotations

from collections.abc import Iterator

from chc_gating.batch.configuration import Assembly
from chc_gating.batch.contents import Batch
from chc_gating.batch.control_rules import choose_control_set
from chc_gating.batch.rows import Acquisition, Control
from chc_gating.errors import Fault

_REMEDY = "add single_stain rows of this panel and set to the sheet of controls"


def find_absent_controls(found: Assembly, batch: Batch) -> Iterator[Fault]:
    """Yield control sets without any single-stained slide: their acquisitions are not counted."""
    for line, row, absent in _list_sets(found, batch):
        markers = batch.panels[row.panel].markers
        if len(absent) == len(markers):
            column = "lot" if row.control_set is None else "control_set"
            problem = f"panel {row.panel} takes its spillover from controls, and this set has none"
            place = found.file("acquisitions")
            yield Fault(place, problem, _REMEDY, line, column, choose_control_set(row) or "")


def warn_of_absent_controls(found: Assembly, batch: Batch) -> Iterator[str]:
    """Yield control sets that lack a marker's slide: its light stays in the other channels."""
    for line, row, absent in _list_sets(found, batch):
        if 0 < len(absent) < len(batch.panels[row.panel].markers):
            yield (
                f"{found.file('acquisitions')}, row {line}: the control set has no single_stain "
                f"slide of {', '.join(absent)} for panel {row.panel}; that light stays in the "
                "other channels"
            )


def _list_sets(found: Assembly, batch: Batch) -> Iterator[tuple[int, Acquisition, list[str]]]:
    """Yield each panel and control set once, with its first row and the markers it lacks."""
    stained = {
        (row.panel, row.control_set, row.marker)
        for _, row in found.rows(Control)
        if row.kind == "single_stain"
    }
    seen = set()
    for line, row in found.rows(Acquisition):
        panel, group = batch.panels.get(row.panel), choose_control_set(row)
        if panel is None or panel.spillover != "controls" or (row.panel, group) in seen:
            continue
        seen.add((row.panel, group))
        yield line, row, [m for m in panel.markers if (row.panel, group, m) not in stained]
