"""The part of gates that decides their phenotype population, before its cuts are found."""

from __future__ import annotations

from collections.abc import Iterable

from chc_gating.errors import ChcError
from chc_gating.model.expression import parse_expression
from chc_gating.model.gates import Gates


def gates_above(gates: Gates, *, also: Iterable[str] = ()) -> Gates:
    """Return what decides the phenotype population, and others, with fixed cuts alone.

    Raises ChcError where that population hangs on a cut that has to be found among its events.
    """
    needed, used = set[str](), set[str]()
    waiting = {gates.phenotype, *also}
    while waiting:
        above = set[str]().union(*map(gates.populations_above, waiting)) - needed
        markers = {marker for name in sorted(above) for marker in _read_markers(gates, name)}
        calls = [gates.markers[marker] for marker in markers if marker in gates.markers]
        needed, used = needed | above, used | markers
        named = {name for call in calls for name in (call.positive, call.negative)}
        waiting = {name for name in named if name is not None} - needed
    return gates.model_copy(
        update={
            "populations": {n: g for n, g in gates.populations.items() if n in needed},
            "nucleated": None,
            "cuts": {m: cut for m, cut in gates.cuts.items() if cut.fixed is not None},
            "markers": {m: call for m, call in gates.markers.items() if m in used},
            "phenotypes": {},
        }
    )


def _read_markers(gates: Gates, population: str) -> tuple[str, ...]:
    """Return the markers that a population's rule names; none may have a cut still to be found."""
    rule = gates.populations[population].when
    markers = () if rule is None else parse_expression(rule).markers
    for marker in markers:
        if marker in gates.cuts and gates.cuts[marker].fixed is None:
            raise ChcError(
                f"gates {gates.name}: cut of {marker} is found among the events of "
                f"{gates.phenotype}, which population {population} decides by {marker} itself; "
                "give it as fixed"
            )
    return markers
