"""The gating hierarchy as an indented table: populations, then the classes they end in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chc_gating.model.acquisition import AcquisitionResult, PhenotypeCount, PopulationCount
from chc_gating.model.gates import ROOT, Cut, PopulationGate
from chc_gating.model.imported_gates import ImportedGate
from chc_gating.model.phenotypes import CANDIDATE_CLASSES


@dataclass(frozen=True)
class HierarchyRow:
    """One line: how deep it stands, its events and its share of the line that it belongs to."""

    name: str
    depth: int
    rule: str
    events: int
    percent_of_parent: float | None
    invalid_events: int
    is_class: bool

    @property
    def bar_percent(self) -> float:
        """Length of the bar, in percent of the column."""
        return round(min(100.0, self.percent_of_parent or 0.0), 2)


def list_hierarchy(result: AcquisitionResult) -> list[HierarchyRow]:
    """Return populations below their parents, and the classes below the phenotype population."""
    rows: list[HierarchyRow] = []
    named = {population.name for population in result.populations}
    if ROOT not in named and result.event_count is not None:
        rows.append(HierarchyRow("all events", 0, "", result.event_count, None, 0, False))
        rows.extend(_children_of(ROOT, result, depth=1))
        if result.gates.phenotype == ROOT:
            rows.extend(_list_classes(result, depth=1))
        return rows
    for population in result.populations:
        if population.parent is None:
            rows.extend(_branch(population, result, depth=0))
    return rows


def _children_of(parent: str, result: AcquisitionResult, *, depth: int) -> list[HierarchyRow]:
    children = [p for p in result.populations if (p.parent or ROOT) == parent and p.name != parent]
    return [row for child in children for row in _branch(child, result, depth=depth)]


def _branch(
    population: PopulationCount, result: AcquisitionResult, *, depth: int
) -> list[HierarchyRow]:
    gate = result.gates.populations.get(population.name)
    own = HierarchyRow(
        name="all events" if population.name == ROOT else population.name,
        depth=depth,
        rule="" if gate is None else describe_gate(gate),
        events=population.events,
        percent_of_parent=population.percent_of_parent,
        invalid_events=population.invalid_events,
        is_class=False,
    )
    classes = (
        _list_classes(result, depth=depth + 1) if population.name == result.gates.phenotype else []
    )
    return [own, *classes, *_children_of(population.name, result, depth=depth + 1)]


def _list_classes(result: AcquisitionResult, *, depth: int) -> list[HierarchyRow]:
    total = result.phenotype_events
    return [
        HierarchyRow(
            name=row.name,
            depth=depth + is_sub_phenotype(row.name, result.phenotypes),
            rule=result.gates.phenotypes.get(row.name, ""),
            events=row.events,
            percent_of_parent=100 * row.events / total if total else None,
            invalid_events=0,
            is_class=True,
        )
        for row in result.phenotypes
    ]


def is_sub_phenotype(name: str, phenotypes: Sequence[PhenotypeCount]) -> bool:
    """Return whether a class is a part of CHC or CTC that the table counts as a whole, too."""
    names = {p.name for p in phenotypes}
    return any(name.startswith(f"{whole}_") and whole in names for whole in CANDIDATE_CLASSES)


def describe_gate(gate: PopulationGate) -> str:
    """Return a gate's rule in one line.

    Examples
    --------
    >>> describe_gate(PopulationGate(rectangle={"FSC-A": (30000.0, None)}))
    'FSC-A from 30,000'
    """
    if gate.rectangle is not None:
        return ", ".join(_bounds(name, *bounds) for name, bounds in gate.rectangle.items())
    if gate.ratio is not None:
        top, bottom = gate.ratio.of
        return _bounds(f"{top} / {bottom}", *gate.ratio.within)
    if gate.when is not None:
        return gate.when
    if gate.imported is not None:
        return _describe_imported(gate.imported)
    if gate.quadrant is not None:
        return ", ".join(_bounds(name, *bounds) for name, bounds in gate.quadrant.bounds.items())
    if gate.singlets is not None:
        area, height = gate.singlets.of
        return f"{area} within {gate.singlets.band:g} robust SD of its line over {height}"
    if gate.margins is not None:
        return f"{', '.join(gate.margins)} above 0 and below the detector's maximum"
    if gate.references:
        return _describe_boolean(gate.kind, gate.references)
    if gate.polygon is not None:
        return f"polygon of {len(gate.polygon.vertices)} vertices in {', '.join(gate.channels)}"
    return f"ellipse in {', '.join(gate.channels)}"


def _describe_boolean(kind: str, names: Sequence[str]) -> str:
    return f"not {names[0]}" if kind == "not" else f" {kind} ".join(names)


def _describe_imported(gate: ImportedGate) -> str:
    lead = "outside " if gate.complement else ""
    if gate.references:
        names = [("not " if r.complement else "") + r.population for r in gate.references]
        return lead + _describe_boolean(gate.kind, names)
    axes = [" / ".join(d.channels) for d in gate.dimensions]
    scaled = [
        axis if d.scale is None else f"{axis} ({d.scale.kind.replace('_', ' ')})"
        for axis, d in zip(axes, gate.dimensions, strict=True)
    ]
    if gate.kind == "rectangle":
        sides = zip(scaled, gate.bounds, strict=True)
        return lead + ", ".join(_bounds(axis, *bounds) for axis, bounds in sides)
    return f"{lead}{gate.kind} in {', '.join(scaled)}"


def _bounds(name: str, low: float | None, high: float | None) -> str:
    parts = [name]
    if low is not None:
        parts.append(f"from {_plain(low)}")
    if high is not None:
        parts.append(f"below {_plain(high)}")
    return " ".join(parts)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def list_plan(result: AcquisitionResult) -> list[tuple[str, str, str]]:
    """Return (kind, name, rule) of what the panel and the gates ask of a file."""
    panel, gates = result.panel, result.gates
    channels = [
        ("channel", name, " ".join(filter(None, (channel.role, channel.marker))))
        for name, channel in panel.channels.items()
    ]
    populations = [
        ("gate", name, f"of {gate.parent}: {describe_gate(gate)}")
        for name, gate in gates.populations.items()
    ]
    cuts = [("cut", marker, describe_cut(cut)) for marker, cut in gates.cuts.items()]
    cuts += [
        ("call", marker, f"positive in {p.positive}, negative in {p.negative or 'none'}")
        for marker, p in gates.markers.items()
    ]
    phenotypes = [("phenotype", name, rule) for name, rule in gates.phenotypes.items()]
    return [*channels, *populations, *cuts, *phenotypes]


def describe_slide_cut(cut: Cut) -> str:
    """Return how a slide's own cells or background give a cut."""
    if cut.preset is not None:
        return f"found on the slide by the rule {cut.preset}"
    rule = cut.background_of("other")
    times = "" if rule.factor == 1 else f", times {rule.factor:g}"
    return f"found on the slide: {rule.k_sd:g} SD above its negative {rule.of}{times}"


def describe_control_cut(cut: Cut) -> str:
    """Return how a control gives a cut."""
    rule = cut.of_control
    plus = "" if rule.plus_sd == 0 else f" plus {rule.plus_sd:g} SD"
    return f"from the {cut.control_kind} control: its {rule.quantile:g} quantile{plus}"


def describe_cut(cut: Cut) -> str:
    """Return a cut as the gates file gives it, in one line."""
    if cut.is_found_on_slide:
        return describe_slide_cut(cut)
    if cut.control_kind is not None:
        return describe_control_cut(cut)
    text = _plain(cut.fixed) if cut.fixed is not None else f"from {cut.source}"
    if cut.indeterminate is None:
        return text
    return f"{text}, indeterminate from {_plain(cut.indeterminate[0])} to " + _plain(
        cut.indeterminate[1]
    )
