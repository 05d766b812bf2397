"""What the grammar of gates allows and the plan does not hold yet, refused in one line each."""

from __future__ import annotations

from chc_gating.errors import ChcError
from chc_gating.model.gates import CUT_SOURCES, Gates

COMPILED_KINDS = ("rectangle", "ratio", "when")


def refuse_unbuilt(gates: Gates) -> None:
    """Raise ChcError for the first thing in a gates file that cannot be compiled yet."""
    if gates.file is not None:
        raise ChcError(f"gates {gates.name}: gates from another file ({gates.file}) not built yet")
    for name, gate in gates.populations.items():
        if gate.kind not in COMPILED_KINDS:
            raise ChcError(
                f"gates {gates.name}: population {name}: {gate.kind} is not built yet; "
                f"use {', '.join(COMPILED_KINDS)}"
            )
        if gate.kind != "rectangle" and gate.scale == "transformed":
            raise ChcError(
                f"gates {gates.name}: population {name}: scale transformed is built for "
                "rectangles only; give the bounds in linear units"
            )
    for marker, cut in gates.cuts.items():
        if cut.fixed is None:
            source = next(s for s in CUT_SOURCES if getattr(cut, s) is not None)
            raise ChcError(
                f"gates {gates.name}: cut of {marker}: {source} is not built yet; give it as fixed"
            )
