"""Controls that cuts are taken from: which rows of the sheet serve an acquisition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chc_gating.batch.rows import Acquisition, Control
from chc_gating.errors import Fault
from chc_gating.model.control_cuts import serves
from chc_gating.model.gates import Gates


def choose_control_set(row: Acquisition) -> str | None:
    """Return the controls that an acquisition uses: its own set, else its lot's."""
    return row.control_set if row.control_set is not None else row.lot


def list_cut_controls(
    controls: Iterable[Control], *, panel: str, control_set: str | None, gates: Gates
) -> list[Control]:
    """Return the rows of a control set that give cuts of the gates, in the order of the sheet."""
    asked = gates.control_cuts.items()
    return [
        row
        for row in controls
        if (row.panel, row.control_set) == (panel, control_set)
        and any(serves(row, marker, kind) for marker, kind in asked)
    ]


def check_cut_controls(
    rows: Iterable[tuple[int, Acquisition]],
    file: str,
    *,
    controls: Sequence[Control],
    sheet: str,
    gates: Mapping[str, Gates],
) -> Iterator[Fault]:
    """Yield acquisitions whose gates ask for a control that their control set lacks.

    A set that lacks one is told once, at the first acquisition that needs it.
    """
    seen: set[tuple[object, ...]] = set()
    for line, row in rows:
        rules, chosen = gates.get(row.gates), choose_control_set(row)
        for marker, kind in () if rules is None else rules.control_cuts.items():
            key = (row.panel, chosen, marker, kind)
            if key in seen:
                continue
            seen.add(key)
            if any(
                serves(control, marker, kind)
                for control in controls
                if (control.panel, control.control_set) == (row.panel, chosen)
            ):
                continue
            named = f"control set {chosen}" if chosen is not None else "no control set"
            yield Fault(
                file,
                f"gates {row.gates} take the cut of {marker} from the {kind} control, and {sheet} "
                f"has none of panel {row.panel} and {named}",
                f"add its row to {sheet} (kind {kind}, marker {marker}), or correct the set",
                line,
                "lot" if row.control_set is None and row.lot is not None else "control_set",
                chosen,
            )
