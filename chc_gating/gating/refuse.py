"""What the grammar of gates allows and the plan does not hold yet, refused in one line each."""

from __future__ import annotations

from collections.abc import Container

from chc_gating.errors import ChcError
from chc_gating.model.gates import SCALED_KINDS, Gates


def refuse_unbuilt(gates: Gates, *, found: Container[str] = ()) -> None:
    """Raise ChcError for the first thing in a gates file that cannot be compiled yet.

    found : markers whose cuts were found on the slide or taken from controls.
    """
    if gates.awaits_sample:
        raise ChcError(
            f"gates {gates.name}: the populations of {gates.file} are those of a file's own "
            "sample; gate the file with gate_events or chc gate-flow"
        )
    if gates.file is not None and not gates.populations:
        raise ChcError(f"gates {gates.name}: no populations were read from {gates.file}")
    for name, gate in gates.populations.items():
        if gate.kind not in SCALED_KINDS and gate.scale == "transformed":
            raise ChcError(
                f"gates {gates.name}: population {name}: scale transformed is for "
                f"{', '.join(SCALED_KINDS)}; give the numbers of {gate.kind} in linear units"
            )
    for marker, cut in gates.cuts.items():
        if marker in found:
            continue
        if cut.is_found_on_slide:
            raise ChcError(
                f"gates {gates.name}: cut of {marker}: is found on a slide's cells; "
                "gate a slide with chc gate-image, or give it as fixed"
            )
        if cut.control_kind is not None:
            raise ChcError(
                f"gates {gates.name}: cut of {marker}: is taken from the {cut.control_kind} "
                "control; run chc cutoffs on it and give the result with --cutoffs"
            )
        if cut.fixed is None:
            raise ChcError(
                f"gates {gates.name}: cut of {marker}: {cut.source} is not built yet; give it as "
                "fixed"
            )
