"""What gates must obey beyond their form: references, order, rules over markers, what is built."""

from __future__ import annotations

from collections.abc import Iterator

from chc_gating.batch.explain import suggest
from chc_gating.batch.findings import Finding
from chc_gating.batch.marker_rules import check_markers
from chc_gating.batch.shape_rules import check_shape
from chc_gating.batch.slide_cut_rules import check_slide_cuts
from chc_gating.errors import ChcError
from chc_gating.model.expression import Expression, ExpressionError, parse_expression
from chc_gating.model.gates import (
    CUT_SOURCES,
    MAX_POPULATIONS,
    ROOT,
    SCALED_KINDS,
    Bound,
    Gates,
    PopulationGate,
)
from chc_gating.model.panel import Panel
from chc_gating.model.phenotypes import (
    CANDIDATE_CLASSES,
    UNRESOLVED_CLASSES,
    compile_phenotypes,
    find_overlaps,
)


def find_unused_cuts(gates: Gates) -> list[str]:
    """Return the markers that have a cut and stand in no phenotype and no `when`."""
    used = {marker for keys, marker in _marker_uses(gates) if keys[0] != "cuts"}
    return [marker for marker in gates.cuts if marker not in used]


def check_form(gates: Gates) -> Iterator[Finding]:
    """Yield what is wrong with gates on any panel."""
    if len(gates.populations) > MAX_POPULATIONS:
        problem = f"{len(gates.populations)} populations; at most {MAX_POPULATIONS} fit one plan"
        yield Finding(("populations",), problem, "leave out some")
    yield from _check_parents(gates)
    for name, gate in gates.populations.items():
        yield from _check_population(name, gate, gates)
    for marker, cut in gates.cuts.items():
        source = next(k for k in CUT_SOURCES if getattr(cut, k) is not None)
        if source != "fixed" and not cut.is_found_on_slide:
            yield _unbuilt(("cuts", marker, source), f"a cut from {source}", "give a fixed cut")
    for key in ("phenotype", "nucleated"):
        yield from _check_reference(gates, key)
    yield from check_markers(gates)
    yield from _check_phenotypes(gates)


def _unbuilt(keys: tuple[object, ...], what: str, remedy: str, value: object = None) -> Finding:
    return Finding(keys, f"{what} is not built in this version", remedy, value)


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


def _parse(rule: str) -> Expression | ExpressionError:
    try:
        return parse_expression(rule)
    except ExpressionError as error:
        return error


def _check_rule(keys: tuple[object, ...], rule: str) -> Iterator[Finding]:
    parsed = _parse(rule)
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


def check_overlaps(gates: Gates, panel: Panel | None) -> Iterator[Finding]:
    """Yield pairs of phenotypes that one event can satisfy at once.

    Nothing where a rule cannot be parsed or names a marker that is not known: a misspelt marker
    excludes nothing, and is told by itself.
    """
    rules = [_parse(rule) for rule in gates.phenotypes.values()]
    for rule in rules:
        if not isinstance(rule, Expression):
            return
        for marker in rule.markers:
            if (panel is not None and marker not in panel.markers) or (
                gates.called and marker not in gates.called
            ):
                return
    try:
        overlaps = find_overlaps(gates.phenotypes)
    except ChcError as error:
        yield Finding(("phenotypes",), str(error), "use fewer markers")
        return
    for one, other in overlaps:
        yield Finding(
            ("phenotypes", other),
            f"an event can be both {one} and {other}",
            "exclude one in the other's rule, by a marker that tells them apart",
            gates.phenotypes[other],
        )


def check_panel(gates: Gates, panel: Panel | None) -> Iterator[Finding]:
    """Yield channels and markers that a panel does not have, and markers without a cut.

    Each marker is told once. With no panel, only what lacks a cut is found.
    """
    if panel is not None:
        yield from _check_channels(gates, panel)
        yield from check_slide_cuts(gates, panel)
    told: set[str] = set()
    for keys, marker in _marker_uses(gates):
        if marker in told:
            continue
        if panel is not None and marker not in panel.markers:
            told.add(marker)
            yield Finding(
                keys, f"panel {panel.name} has no marker {marker}", suggest(marker, panel.markers)
            )
        # Without any cut a lab looks for its cuts: rules of phenotypes may already stand there.
        elif marker not in gates.called and (gates.called or keys[0] != "phenotypes"):
            told.add(marker)
            yield Finding(keys, f"marker {marker} has no cut", f"add {marker} to cuts")


def check_table(gates: Gates, panel: Panel) -> Iterator[Finding]:
    """Yield what keeps phenotypes and the panel's epithelial markers out of one table.

    To be asked where `check_overlaps` finds nothing.
    """
    if not gates.phenotypes or not gates.called:
        return
    epithelial = [m for m in panel.markers_with_role("epithelial") if m in gates.called]
    try:
        compile_phenotypes(gates.phenotypes, epithelial=epithelial)
    except ChcError as error:
        yield Finding(("phenotypes",), f"on panel {panel.name}: {error}", "correct the rules")


def _check_channels(gates: Gates, panel: Panel) -> Iterator[Finding]:
    for name, gate in gates.populations.items():
        for channel in gate.channels:
            if channel not in panel.channels:
                yield Finding(
                    ("populations", name, gate.kind, channel),
                    f"panel {panel.name} has no channel {channel}",
                    suggest(channel, panel.channels),
                )


def _marker_uses(gates: Gates) -> Iterator[tuple[tuple[object, ...], str]]:
    """Yield every use of a marker, with its path of keys, where its rule can be parsed."""
    rules: list[tuple[tuple[object, ...], str | None]] = [
        (("populations", name, "when"), gate.when) for name, gate in gates.populations.items()
    ]
    rules += [(("phenotypes", name), rule) for name, rule in gates.phenotypes.items()]
    for keys, rule in rules:
        parsed = None if rule is None else _parse(rule)
        if isinstance(parsed, Expression):
            yield from ((keys, marker) for marker in parsed.markers)
    yield from ((("cuts", marker), marker) for marker in gates.cuts)
    yield from ((("markers", marker), marker) for marker in gates.markers)
