"""Populations that stand for a marker's calls: what they must be."""

from __future__ import annotations

from collections.abc import Iterator

from chc_gating.batch.explain import suggest
from chc_gating.batch.findings import Finding
from chc_gating.model.expression import (
    Call,
    Conjunction,
    Disjunction,
    ExpressionError,
    Negation,
    Node,
    parse_expression,
)
from chc_gating.model.gates import Gates


def check_markers(gates: Gates) -> Iterator[Finding]:
    """Yield populations that are not there, and negative ones that a phenotype needs."""
    for marker, named in gates.markers.items():
        keys = ("markers", marker)
        if marker in gates.cuts:
            yield Finding(keys, "has a cut, too", "remove the one or the other")
        for side, population in (("positive", named.positive), ("negative", named.negative)):
            if population is None or gates.awaits_sample:
                continue
            if population not in gates.populations:
                remedy = suggest(population, gates.populations)
                yield Finding((*keys, side), "no such population", remedy, population)
        if named.positive == named.negative:
            remedy = "name the population of negative events"
            yield Finding((*keys, "negative"), "is the positive population, too", remedy)
    needed = _find_needed(gates)
    for marker, phenotype in needed.items():
        if marker in gates.markers and gates.markers[marker].negative is None:
            yield Finding(
                ("markers", marker),
                f"phenotype {phenotype} needs {marker}-, and it has no negative population",
                "name one: not positive is not negative",
            )
    for name, gate in gates.populations.items():
        for marker in _markers_of(gate.when):
            if marker in gates.markers:
                yield Finding(
                    ("populations", name, "when"),
                    f"{marker} is called by populations, and a `when` reads cuts",
                    "use and, or, not over the populations",
                )


def _markers_of(rule: str | None) -> tuple[str, ...]:
    try:
        return () if rule is None else parse_expression(rule).markers
    except ExpressionError:
        return ()


def _find_needed(gates: Gates) -> dict[str, str]:
    """Return the markers that a phenotype wants negative, with the first such phenotype."""
    needed: dict[str, str] = {}
    for name, rule in gates.phenotypes.items():
        try:
            root = parse_expression(rule).root
        except ExpressionError:
            continue
        for marker in _negatives(root, negated=False):
            needed.setdefault(marker, name)
    return needed


def _negatives(node: Node, *, negated: bool) -> Iterator[str]:
    if isinstance(node, Call):
        if node.positive == negated:
            yield node.marker
    elif isinstance(node, Negation):
        yield from _negatives(node.operand, negated=not negated)
    elif isinstance(node, Conjunction | Disjunction):
        for operand in node.operands:
            yield from _negatives(operand, negated=negated)
