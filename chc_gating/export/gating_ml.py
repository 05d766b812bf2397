"""Gates as a Gating-ML 2.0 document (ISAC 2015), which other programs read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree

from chc_gating.errors import ChcError
from chc_gating.export.gating_ml_rules import Tree, simplify
from chc_gating.model.expression import parse_expression
from chc_gating.model.gates import ROOT, Bound, Cut, Gates, PopulationGate
from chc_gating.model.panel import Panel, Transform
from chc_gating.model.spillover import Spillover

_URL = "http://www.isac-net.org/std/Gating-ML/v2.0/"
_G, _T, _D = (f"{{{_URL}{part}}}" for part in ("gating", "transformations", "datatypes"))
_ID = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")
SCALE, MATRIX = "panel_scale", "panel_spillover"
"""Names of the panel's scale and matrix in a document."""

_SCALES: Mapping[str, tuple[str, str]] = {
    "linear": ("flin", "TA"),
    "log": ("flog", "TM"),
    "asinh": ("fasinh", "TMA"),
    "logicle": ("logicle", "TWMA"),
    "hyperlog": ("hyperlog", "TWMA"),
}


def write_gating_ml(gates: Gates, panel: Panel, *, spillover: Spillover | None = None) -> str:
    """Return a gates file as a Gating-ML 2.0 document.

    Populations keep their names. A marker's cut becomes two gates over all events,
    ``CD45_positive`` and ``CD45_negative``; a `when` and a phenotype become boolean gates over
    these, so that an event between the edges of a band is in neither. A phenotype's parent is the
    phenotype population.

    spillover : the matrix where the panel names a table; a panel with ``keyword`` refers to the
    file's own (``FCS``), one with ``none`` to uncompensated values.

    Raises ChcError for what has no form in Gating-ML: singlets and margins (they depend on the
    file), a biexponential scale, cuts that are not fixed, populations of another program's file,
    names that XML does not allow.
    """
    return _Document(gates, panel, spillover).write()


class _Document:
    """A document that grows gate by gate."""

    def __init__(self, gates: Gates, panel: Panel, spillover: Spillover | None) -> None:
        self.gates, self.panel, self.spillover = gates, panel, spillover
        self.transforms: dict[str, ElementTree.Element] = {}
        self.elements: list[ElementTree.Element] = []
        self.names: set[str] = set()

    def write(self) -> str:
        if self.gates.markers:
            raise self._refuse("markers", "calls by populations are not exported; give cuts")
        for name in self.gates.populations:
            self._take_name(name)
        self._add_cuts()
        for name, gate in self.gates.populations.items():
            self._add_population(name, gate)
        if self.gates.cuts:
            parent = self.gates.phenotype
            for name, rule in self.gates.phenotypes.items():
                self._take_name(name)
                self._add_rule(name, parent, simplify(parse_expression(rule).root))
        for url, prefix in ((_G, "gating"), (_T, "transforms"), (_D, "data-type")):
            ElementTree.register_namespace(prefix, url[1:-1])
        root = ElementTree.Element(f"{_G}Gating-ML")
        root.extend([*self.transforms.values(), *self.elements])
        ElementTree.indent(root, "  ")
        text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'

    def _refuse(self, where: str, problem: str) -> ChcError:
        return ChcError(f"gates {self.gates.name}: {where}: {problem}")

    def _take_name(self, name: str) -> None:
        if not _ID.match(name) or name in (ROOT, "root"):
            problem = "is no name in XML; use letters, digits, _ . -, a letter first"
            raise self._refuse(name, problem)
        if name in self.names:
            raise self._refuse(name, "two gates would have this name in Gating-ML; rename one")
        self.names.add(name)

    def _add_cuts(self) -> None:
        for marker, cut in self.gates.cuts.items():
            if cut.fixed is None:
                raise self._refuse(f"cut of {marker}", "only a fixed cut has a Gating-ML form")
            low, high = cut.indeterminate or (cut.fixed, cut.fixed)
            channel = self.panel.markers[marker]
            for call, bounds in (("positive", (high, None)), ("negative", (None, low))):
                self._take_name(f"{marker}_{call}")
                self._add_rectangle(f"{marker}_{call}", ROOT, {channel: bounds}, of=cut)

    def _add_population(self, name: str, gate: PopulationGate) -> None:
        if gate.rectangle is not None:
            self._add_rectangle(name, gate.parent, gate.rectangle, of=gate)
        elif gate.quadrant is not None:
            self._add_rectangle(name, gate.parent, gate.quadrant.bounds, of=gate)
        elif gate.ratio is not None:
            element = self._gate("RectangleGate", name, gate.parent)
            self._add_ratio(element, gate)
        elif gate.when is not None:
            self._add_rule(name, gate.parent, simplify(parse_expression(gate.when).root))
        elif gate.polygon is not None or gate.ellipse is not None:
            self._add_shape(name, gate)
        elif gate.kind in ("and", "or", "not"):
            self._add_boolean(name, gate.parent, gate.kind, gate.references)
        else:
            problem = (
                "populations of another program's file are not exported; use that file"
                if gate.imported is not None
                else f"{gate.kind} depends on each file's events and has no Gating-ML form"
            )
            raise self._refuse(f"population {name}", problem)

    def _gate(self, kind: str, name: str, parent: str) -> ElementTree.Element:
        element = ElementTree.Element(f"{_G}{kind}", {f"{_G}id": name})
        if parent != ROOT:
            element.set(f"{_G}parent_id", parent)
        self.elements.append(element)
        return element

    def _add_rectangle(
        self,
        name: str,
        parent: str,
        bounds: Mapping[str, tuple[Bound, Bound]],
        *,
        of: PopulationGate | Cut,
    ) -> None:
        element = self._gate("RectangleGate", name, parent)
        for channel, interval in bounds.items():
            dimension = self._dimension(element, of.scale, interval)
            ElementTree.SubElement(dimension, f"{_D}fcs-dimension", {f"{_D}name": channel})

    def _dimension(
        self,
        gate: ElementTree.Element,
        scale: str,
        interval: tuple[Bound, Bound] = (None, None),
    ) -> ElementTree.Element:
        dimension = ElementTree.SubElement(gate, f"{_G}dimension")
        dimension.set(f"{_G}compensation-ref", self._compensation(scale))
        if scale == "transformed":
            dimension.set(f"{_G}transformation-ref", self._add_scale(self.panel.transform))
        for key, bound in zip(("min", "max"), interval, strict=True):
            if bound is not None:
                dimension.set(f"{_G}{key}", _number(bound))
        return dimension

    def _compensation(self, scale: str) -> str:
        if scale == "raw" or self.panel.spillover == "none":
            return "uncompensated"
        if self.panel.spillover == "keyword":
            return "FCS"
        if self.spillover is None:
            raise self._refuse("spillover", f"the matrix of {self.panel.spillover} is needed")
        self._add_matrix(self.spillover)
        return MATRIX

    def _add_scale(self, transform: Transform) -> str:
        if transform.kind not in _SCALES:
            raise self._refuse("scale", f"{transform.kind} has no Gating-ML form; use logicle")
        if SCALE not in self.transforms:
            tag, keys = _SCALES[transform.kind]
            outer = ElementTree.Element(f"{_T}transformation", {f"{_T}id": SCALE})
            values = {f"{_T}{k}": _number(getattr(transform, k.lower())) for k in keys}
            ElementTree.SubElement(outer, f"{_T}{tag}", values)
            self.transforms[SCALE] = outer
        return SCALE

    def _add_matrix(self, spillover: Spillover) -> None:
        if MATRIX in self.transforms:
            return
        outer = ElementTree.Element(f"{_T}spectrumMatrix", {f"{_T}id": MATRIX})
        for part in ("fluorochromes", "detectors"):
            listed = ElementTree.SubElement(outer, f"{_T}{part}")
            for channel in spillover.channels:
                ElementTree.SubElement(listed, f"{_D}fcs-dimension", {f"{_D}name": channel})
        for row in spillover.matrix.tolist():
            spectrum = ElementTree.SubElement(outer, f"{_T}spectrum")
            for value in row:
                ElementTree.SubElement(spectrum, f"{_T}coefficient", {f"{_T}value": _number(value)})
        self.transforms[MATRIX] = outer

    def _add_ratio(self, element: ElementTree.Element, gate: PopulationGate) -> None:
        if gate.ratio is None:
            raise AssertionError("asked for ratios only")
        name = "ratio." + ".".join(re.sub(r"[^A-Za-z0-9_.-]", "_", c) for c in gate.ratio.of)
        if name not in self.transforms:
            outer = ElementTree.Element(f"{_T}transformation", {f"{_T}id": name})
            ratio = ElementTree.SubElement(outer, f"{_T}fratio", {f"{_T}A": "1.0"})
            ratio.attrib.update({f"{_T}B": "0.0", f"{_T}C": "0.0"})
            for channel in gate.ratio.of:
                ElementTree.SubElement(ratio, f"{_D}fcs-dimension", {f"{_D}name": channel})
            self.transforms[name] = outer
        dimension = self._dimension(element, gate.scale, gate.ratio.within)
        ElementTree.SubElement(dimension, f"{_D}new-dimension", {f"{_D}transformation-ref": name})

    def _add_shape(self, name: str, gate: PopulationGate) -> None:
        kind = "PolygonGate" if gate.polygon is not None else "EllipsoidGate"
        element = self._gate(kind, name, gate.parent)
        for channel in gate.channels:
            dimension = self._dimension(element, gate.scale)
            ElementTree.SubElement(dimension, f"{_D}fcs-dimension", {f"{_D}name": channel})
        if gate.polygon is not None:
            for vertex in gate.polygon.vertices:
                _add_numbers(element, "vertex", "coordinate", vertex)
        if gate.ellipse is not None:
            _add_numbers(element, "mean", "coordinate", gate.ellipse.mean)
            rows = ElementTree.SubElement(element, f"{_G}covarianceMatrix")
            for row in gate.ellipse.covariance:
                _add_numbers(rows, "row", "entry", row)
            distance = _number(gate.ellipse.distance_square)
            ElementTree.SubElement(element, f"{_G}distanceSquare", {f"{_D}value": distance})

    def _add_rule(self, name: str, parent: str, rule: Tree) -> None:
        """Add a rule over markers; its brackets become gates of their own."""
        references = []
        for i, part in enumerate(rule.parts):
            reference = f"{name}.{i + 1}" if isinstance(part, Tree) else part
            if isinstance(part, Tree):
                self._take_name(reference)
                self._add_rule(reference, ROOT, part)
            references.append(reference)
        self._add_boolean(name, parent, rule.kind, references)

    def _add_boolean(self, name: str, parent: str, kind: str, references: Sequence[str]) -> None:
        element = self._gate("BooleanGate", name, parent)
        operation = ElementTree.SubElement(element, f"{_G}{kind}")
        twice = 2 if kind != "not" and len(references) == 1 else 1  # the schema wants two
        for reference in (*references,) * twice:
            ElementTree.SubElement(operation, f"{_G}gateReference", {f"{_G}ref": reference})


def _add_numbers(
    parent: ElementTree.Element, outer: str, inner: str, numbers: Iterable[float]
) -> None:
    element = ElementTree.SubElement(parent, f"{_G}{outer}")
    for number in numbers:
        ElementTree.SubElement(element, f"{_G}{inner}", {f"{_D}value": _number(number)})


def _number(value: float) -> str:
    """Return a number that reads back as the same float."""
    return repr(float(value))
