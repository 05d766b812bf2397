"""What gates and the panel that they are used on must obey together: channels, markers, classes."""

from __future__ import annotations

from collections.abc import Iterator

from chc_gating.batch.explain import suggest
from chc_gating.batch.findings import Finding
from chc_gating.batch.gate_rules import parse_rule
from chc_gating.batch.slide_cut_rules import check_slide_cuts
from chc_gating.errors import ChcError
from chc_gating.model.expression import Expression
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.phenotypes import compile_phenotypes, find_overlaps


def check_overlaps(gates: Gates, panel: Panel | None) -> Iterator[Finding]:
    """Yield pairs of phenotypes that one event can satisfy at once.

    Nothing where a rule cannot be parsed or names a marker that is not known: a misspelt marker
    excludes nothing, and is told by itself.
    """
    rules = [parse_rule(rule) for rule in gates.phenotypes.values()]
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
        parsed = None if rule is None else parse_rule(rule)
        if isinstance(parsed, Expression):
            yield from ((keys, marker) for marker in parsed.markers)
    yield from ((("cuts", marker), marker) for marker in gates.cuts)
    yield from ((("markers", marker), marker) for marker in gates.markers)


def find_unused_cuts(gates: Gates) -> list[str]:
    """Return the markers that have a cut and stand in no phenotype and no `when`."""
    used = {marker for keys, marker in _marker_uses(gates) if keys[0] != "cuts"}
    return [marker for marker in gates.cuts if marker not in used]
