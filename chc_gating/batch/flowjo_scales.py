"""What a FlowJo workspace says of a sample's parameters: their scales, and its spillover matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from pydantic import ValidationError

from chc_gating.batch.flowjo_gates import DATATYPE
from chc_gating.model.imported_gates import (
    FROM_FILE,
    UNCOMPENSATED,
    DimensionScale,
    ImportedMatrix,
)

TRANSFORMS = "{http://www.isac-net.org/std/Gating-ML/v2.0/transformations}"
DISPLAY_UNITS = 256
"""FlowJo draws, and stores ellipsoids, on so many units a scale."""


@dataclass(frozen=True)
class FlowJoScale:
    """The scale of a parameter, or the name of one that cannot be used; ``gain`` of linear ones."""

    scale: DimensionScale | None
    problem: str | None = None
    gain: float = 1.0


@dataclass(frozen=True)
class FlowJoMatrix:
    """A spillover matrix, and what FlowJo puts around a parameter's name when it is compensated."""

    name: str
    prefix: str
    suffix: str
    matrix: ImportedMatrix | None
    problem: str | None = None

    @property
    def key(self) -> str:
        """Its name among the matrices of gates, which two words of Gating-ML may not be."""
        return f"matrix {self.name}" if self.name in (UNCOMPENSATED, FROM_FILE) else self.name


def read_scales(sample: Element) -> dict[str, FlowJoScale]:
    """Return the scale of every parameter of a Sample that has one."""
    scales: dict[str, FlowJoScale] = {}
    for node in sample.iterfind("Transformations/*"):
        parameter = node.find(f"{DATATYPE}parameter")
        name = None if parameter is None else parameter.get(f"{DATATYPE}name")
        if name is not None:
            scales[name] = _read_scale(node)
    return scales


def _read_scale(node: Element) -> FlowJoScale:
    kind = node.tag.rpartition("}")[2]
    if kind not in _FIELDS or (kind == "biex" and _text(node, "length") not in ("256", None)):
        return FlowJoScale(None, problem=f"the scale {kind}, whose formula is not published")
    name, fields = _FIELDS[kind]
    try:
        values = {field: float(_text(node, key) or math.nan) for field, key in fields.items()}
        scale = DimensionScale.model_validate({"kind": name, **values})
        gain = float(node.get("gain", "1"))
    except (ValueError, ValidationError):
        return FlowJoScale(None, problem=f"the scale {kind} with a number that is none")
    if not (scale_is_sound(scale) and math.isfinite(gain) and gain > 0):
        return FlowJoScale(None, problem=f"the scale {kind} with numbers that do not fit together")
    return FlowJoScale(scale, gain=gain)


_FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "linear": ("flowjo_linear", {"low": "minRange", "high": "maxRange"}),
    "log": ("flowjo_log", {"offset": "offset", "m": "decades"}),
    "logicle": ("logicle", {"t": "T", "w": "W", "m": "M", "a": "A"}),
    "fasinh": ("asinh", {"t": "T", "m": "M", "a": "A"}),
    "biex": (
        "biexponential",
        {"t": "maxRange", "m": "pos", "a": "neg", "width_basis": "width"},
    ),
}
"""FlowJo's element to our scale, and the attribute of every number of it."""


def scale_is_sound(scale: DimensionScale) -> bool:
    """Return whether a scale has room for its parts, and rises with its values."""
    if scale.kind == "flowjo_linear":
        return scale.low is not None and scale.high is not None and scale.low < scale.high
    if not (0 < scale.t < _MOST and 0 < scale.m < _MOST_DECADES and abs(scale.a) < _MOST_DECADES):
        return False
    if scale.kind == "flowjo_log":
        return scale.offset is not None and 0 < scale.offset < _MOST
    if scale.kind == "biexponential":
        width = -1.0 if scale.width_basis is None else -scale.width_basis
        return 1.0 <= width < _MOST and math.log10(width) / 2 < scale.m
    if scale.kind == "logicle":
        return 0 <= 2 * scale.w <= scale.m and -scale.w <= scale.a <= scale.m - 2 * scale.w
    return scale.m + scale.a > 0


_MOST, _MOST_DECADES = 1e15, 30.0
"""No detector and no display has more; formulas stay within what floats hold."""


def _text(node: Element, name: str) -> str | None:
    """Return an attribute, with or without the namespace: FlowJo writes both."""
    return node.get(f"{TRANSFORMS}{name}", node.get(name))


def read_matrices(node: Element) -> tuple[FlowJoMatrix, ...]:
    """Return the spillover matrices right below a Sample or the Matrices of a workspace."""
    return tuple(_read_matrix(found) for found in node.iterfind(f"{TRANSFORMS}spilloverMatrix"))


def _read_matrix(node: Element) -> FlowJoMatrix:
    name = node.get("name", "matrix")
    prefix, suffix = node.get("prefix", "Comp-"), node.get("suffix", "")
    if node.get("spectral") == "1":
        return FlowJoMatrix(name, prefix, suffix, None, "a spectral matrix")
    columns = [
        p.get(f"{DATATYPE}name", "")
        for p in node.iterfind(f"{DATATYPE}parameters/{DATATYPE}parameter")
    ]
    rows: list[tuple[float, ...]] = []
    sources: list[str] = []
    try:
        for row in node.iterfind(f"{TRANSFORMS}spillover"):
            shares = {
                c.get(f"{DATATYPE}parameter", ""): float(_text(c, "value") or math.nan)
                for c in row.iterfind(f"{TRANSFORMS}coefficient")
            }
            sources.append(row.get(f"{DATATYPE}parameter", ""))
            rows.append(tuple(shares[column] for column in columns))
        matrix = ImportedMatrix(
            fluorochromes=tuple(sources), detectors=tuple(columns), rows=tuple(rows)
        )
    except (KeyError, ValueError, ValidationError):
        return FlowJoMatrix(name, prefix, suffix, None, "a matrix that lacks entries")
    if sorted(sources) != sorted(columns) or len(set(columns)) != len(columns):
        return FlowJoMatrix(name, prefix, suffix, None, "a matrix whose rows are not its columns")
    return FlowJoMatrix(name, prefix, suffix, matrix)
