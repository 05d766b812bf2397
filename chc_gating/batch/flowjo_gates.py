"""The gates of one sample of a FlowJo workspace, as they stand in the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element

GATING = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
DATATYPE = "{http://www.isac-net.org/std/Gating-ML/v2.0/datatypes}"

Kind = Literal["rectangle", "polygon", "ellipsoid", "and", "or", "not"]
Point = tuple[float, float]

_BOOLEANS: dict[str, Kind] = {"AndNode": "and", "OrNode": "or", "NotNode": "not"}
_SHAPES: dict[str, Kind] = {
    "RectangleGate": "rectangle",
    "PolygonGate": "polygon",
    "EllipsoidGate": "ellipsoid",
}


@dataclass(frozen=True)
class FlowJoDimension:
    """A parameter of a gate, such as `Comp-APC-A`, and a rectangle's bounds in linear units."""

    parameter: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class FlowJoPopulation:
    """A population as FlowJo stores it; numbers of an ellipsoid are in 256 display units.

    path : its name and those of its ancestors, outermost first.
    count : what FlowJo counted when the workspace was saved, None where it had not.
    problem : why it cannot be imported; then nothing below is filled.
    vertices : of a polygon, linear. foci, edge : of an ellipsoid.
    dependents : of a boolean gate, paths as FlowJo joins them.
    complement : the parent's events outside.
    """

    path: tuple[str, ...]
    count: int | None
    kind: Kind | None = None
    problem: str | None = None
    dimensions: tuple[FlowJoDimension, ...] = ()
    vertices: tuple[Point, ...] = ()
    foci: tuple[Point, ...] = ()
    edge: tuple[Point, ...] = ()
    dependents: tuple[str, ...] = ()
    complement: bool = False

    @property
    def address(self) -> str:
        """The path as a user writes it, `/Lymphocytes/Singlets`."""
        return "/" + "/".join(self.path)


class _GateProblemError(Exception):
    """A gate that cannot be read; its text says why."""


def read_populations(node: Element) -> Iterator[FlowJoPopulation]:
    """Yield the populations below a SampleNode, parents before their children.

    The tree is walked without recursion, so that no depth of it is too deep.
    """
    waiting: list[tuple[Element, tuple[str, ...]]]
    waiting = [(child, (child.get("name", ""),)) for child in reversed(_find_below(node))]
    while waiting:
        child, path = waiting.pop()
        yield _read_population(child, path)
        below = reversed(_find_below(child))
        waiting += [(grandchild, (*path, grandchild.get("name", ""))) for grandchild in below]


def _find_below(node: Element) -> list[Element]:
    return [
        child
        for child in node.iterfind("Subpopulations/*")
        if child.tag == "Population" or child.tag in _BOOLEANS
    ]


def read_count(node: Element) -> int | None:
    """Return FlowJo's own count of a node, None where it has none (it writes -1 then)."""
    text = node.get("count", "")
    return int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else None


_MOST_DIGITS = 16


def _read_population(node: Element, path: tuple[str, ...]) -> FlowJoPopulation:
    count = read_count(node)
    try:
        if node.tag in _BOOLEANS:
            names = tuple(d.get("name", "") for d in node.iterfind("Dependents/Dependent"))
            if not names:
                raise _GateProblemError("a boolean gate that names no population")
            return FlowJoPopulation(path, count, kind=_BOOLEANS[node.tag], dependents=names)
        return _read_shape(node, path, count)
    except _GateProblemError as error:
        return FlowJoPopulation(path, count, problem=str(error))


def _read_shape(node: Element, path: tuple[str, ...], count: int | None) -> FlowJoPopulation:
    shapes = list(node.iterfind("Gate/*"))
    if len(shapes) != 1:
        raise _GateProblemError(f"{len(shapes)} gates instead of one")
    shape = shapes[0]
    name = shape.tag.removeprefix(GATING)
    if name not in _SHAPES:
        raise _GateProblemError(f"a gate of the kind {name.rpartition('}')[2]}")
    kind = _SHAPES[name]
    dimensions = tuple(_read_dimension(d) for d in shape.iterfind(f"{GATING}dimension"))
    if not dimensions or (kind != "rectangle" and len(dimensions) != 2):
        raise _GateProblemError(f"a {kind} in {len(dimensions)} dimensions")
    vertices = _read_points(shape, "") if kind == "polygon" else ()
    foci = _read_points(shape, f"{GATING}foci/") if kind == "ellipsoid" else ()
    edge = _read_points(shape, f"{GATING}edge/") if kind == "ellipsoid" else ()
    if kind == "polygon" and len(vertices) < 3:
        raise _GateProblemError(f"a polygon of {len(vertices)} vertices")
    if kind == "ellipsoid" and (len(foci) != 2 or len(edge) != 4):
        raise _GateProblemError("an ellipsoid without two foci and four points of its edge")
    return FlowJoPopulation(
        path,
        count,
        kind=kind,
        dimensions=dimensions,
        vertices=vertices,
        foci=foci,
        edge=edge,
        complement=shape.get("eventsInside", "1") == "0",
    )


def _read_dimension(node: Element) -> FlowJoDimension:
    parameter = node.find(f"{DATATYPE}fcs-dimension")
    name = None if parameter is None else parameter.get(f"{DATATYPE}name")
    if name is None:
        raise _GateProblemError("a dimension that is no parameter of the file")
    return FlowJoDimension(name, _read_bound(node, "min"), _read_bound(node, "max"))


def _read_bound(node: Element, name: str) -> float | None:
    text = node.get(f"{GATING}{name}")
    return None if text is None else read_number(text)


def _read_points(shape: Element, inside: str) -> tuple[Point, ...]:
    points = []
    for vertex in shape.iterfind(f"{inside}{GATING}vertex"):
        values = [
            read_number(c.get(f"{DATATYPE}value")) for c in vertex.iterfind(f"{GATING}coordinate")
        ]
        if len(values) != 2:
            raise _GateProblemError(f"a vertex of {len(values)} coordinates")
        points.append((values[0], values[1]))
    return tuple(points)


def read_number(text: str | None) -> float:
    """Return a finite number of the file's text."""
    try:
        value = math.nan if text is None else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _GateProblemError("a number that is none")
    return value
