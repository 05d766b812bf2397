"""What gates must obey by themselves: references, order, bounds, rules, what is built."""

from __future__ import annotations

from collections.abc import Iterator

from chc_gating.batch.explain import suggest
from chc_gating.batch.findings import Finding
from chc_gating.batch.marker_rules import check_markers
from chc_gating.batch.shape_rules import check_shape
from chc_gating.batch.slide_cut_rules import check_deciding_cuts
from chc_gating.model.expression import Expression, ExpressionError, parse_expression
from chc_gating.model.gates import (
    MAX_POPULATIONS,
    ROOT,
    SCALED_KINDS,
    Bound,
    Gates,
    PopulationGate,
)
from chc_gating.model.phenotypes import CANDIDATE_CLASSES, UNRESOLVED_CLASSES


def check_form(gates: Gates) -> Iterator[Finding]:
    """Yield what is wrong with gates on any panel."""
    if len(gates.populations) > MAX_POPULATIONS:
        problem = f"{len(gates.populations)} populations; at most {MAX_POPULATIONS} fit one plan"
        yield Finding(("populations",), problem, "leave out some")
    yield from _check_parents(gates)
    for name, gate in gates.populations.items():
        yield from _check_population(name, gate, gates)
    for marker, cut in gates.cuts.items():
        if cut.donors is not None:
            problem = "a cut from donors is not built in this version"
            yield Finding(("cuts", marker, "donors"), problem, "give a fixed cut")
    yield from check_deciding_cuts(gates)
    for key in ("phenotype", "nucleated"):
        yield from _check_reference(gates, key)
    yield from check_markers(gates)
    yield from _check_phenotypes(gates)


def check_source(gates: Gates) -> Iterator[Finding]:
    """Yield what is wrong before another program's file is read."""
    if gates.file is not None and gates.populations:
        remedy = "write the populations here, or take them from the file"
        yield Finding(("populations",), f"populations come from {gates.file}", remedy)
    if gates.group is not None and not (gates.file or "").lower().endswith(".wsp"):
        remedy = "remove it, or name a workspace as file"
        yield Finding(("group",), "is a group of a FlowJo workspace", remedy, gates.group)
    for name, gate in gates.populations.items():
        if gate.imported is not None:
            yield Finding(("populations", name, "imported"), "is not a known key", "remove it")


def _check_parents(gates: Gates) -> Iterator[Finding]:
    order = {name: i for i, name in enumerate(gates.populations)}
    told: set[str] = set()
    for name, gate in gates.populations.items():
        keys = ("populations", name, "parent")
        cycle = _find_cycle(name, gates)
        if name == ROOT:
            yield Finding(keys[:2], f"{ROOT} is the name of all events", "choose another name")
        elif name in told:
            continue
        elif cycle:
            told.update(cycle)
            path = " -> ".join((*cycle, name))
            yield Finding(
                keys,
                f"parents form a cycle: {path}",
                f"let one of them start from {ROOT}",
                gate.parent,
            )
        elif gate.parent != ROOT and gate.parent not in order:
            yield Finding(keys, "no such population", suggest(gate.parent, order), gate.parent)
        elif order.get(gate.parent, -1) > order[name]:
            yield Finding(
                keys,
                "is defined below; populations are evaluated top down",
                f"move {gate.parent} above {name}",
                gate.parent,
            )


def _find_cycle(start: str, gates: Gates) -> tuple[str, ...]:
    """Return the populations of the cycle that ``start`` is part of; () if it is in none."""
    path = [start]
    while True:
        gate = gates.populations.get(path[-1])
        if gate is None:
            return ()
        if gate.parent == start:
            return tuple(path)
        if gate.parent in path:
            return ()
        path.append(gate.parent)


def _check_population(name: str, gate: PopulationGate, gates: Gates) -> Iterator[Finding]:
    keys = ("populations", name, gate.kind)
    if gate.kind not in SCALED_KINDS and gate.scale == "transformed":
        yield Finding(
            ("populations", name, "scale"),
            f"transformed is for {', '.join(SCALED_KINDS)}, not for {gate.kind}",
            "give its numbers in linear units",
        )
    yield from check_shape(keys, gate)
    yield from _check_references(name, gate, gates)
    if gate.rectangle is not None:
        if not gate.rectangle:
            yield Finding(keys, "names no channel", "name a channel with its bounds")
        for channel, bounds in gate.rectangle.items():
            yield from _check_bounds((*keys, channel), bounds)
    if gate.ratio is not None:
        yield from _check_bounds((*keys, "within"), gate.ratio.within)
    if gate.when is not None:
        yield from _check_rule(keys, gate.when)


def _check_references(name: str, gate: PopulationGate, gates: Gates) -> Iterator[Finding]:
    order = {n: i for i, n in enumerate(gates.populations)}
    keys = ("populations", name, gate.kind)
    for other in gate.references if gate.imported is None else ():
        if other == ROOT or other not in order:
            yield Finding(keys, "no such population", suggest(other, order), other)
        elif order[other] >= order[name]:
            yield Finding(
                keys,
                "is not above; populations are evaluated top down",
                f"move {other} above {name}",
                other,
            )


def _check_bounds(keys: tuple[object, ...], bounds: tuple[Bound, Bound]) -> Iterator[Finding]:
    low, high = bounds
    if low is not None and high is not None and low >= high:
        yield Finding(
            keys,
            f"the lower bound {low:g} is not below the upper bound {high:g}",
            "give [low, high) with low below high; null for none",
        )
    if low is None and high is None:
        yield Finding(keys, "has neither a lower nor an upper bound", "give one, or remove it")


def parse_rule(rule: str) -> Expression | ExpressionError:
    """Return a rule over markers, or what is wrong with it."""
    try:
        return parse_expression(rule)
    except ExpressionError as error:
        return error


def _check_rule(keys: tuple[object, ...], rule: str) -> Iterator[Finding]:
    parsed = parse_rule(rule)
    if isinstance(parsed, ExpressionError):
        yield Finding(
            keys, f"syntax error {parsed}", "write rules like: CD45+ and (EPCAM+ or CK+)", rule
        )


def _check_reference(gates: Gates, key: str) -> Iterator[Finding]:
    name = getattr(gates, key)
    if gates.awaits_sample:
        return
    if name is not None and name != ROOT and name not in gates.populations:
        yield Finding((key,), "no such population", suggest(name, (ROOT, *gates.populations)), name)


def _check_phenotypes(gates: Gates) -> Iterator[Finding]:
    for name, rule in gates.phenotypes.items():
        keys = ("phenotypes", name)
        if name in UNRESOLVED_CLASSES or name.startswith(tuple(f"{c}_" for c in CANDIDATE_CLASSES)):
            yield Finding(keys, "is a name that the program gives itself", "choose another name")
        yield from _check_rule(keys, rule)
