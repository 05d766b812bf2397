"""Gating-ML 2.0 documents, read by FlowKit's parser into populations of ours.

What that parser leaves out is read here: bounds of transformations, and matrices that say that
they are inverted already.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from pydantic import ValidationError

from chc_gating.batch.safe_xml import read_safe_xml
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.gates import ROOT, PopulationGate
from chc_gating.model.imported_gates import (
    FROM_FILE,
    UNCOMPENSATED,
    Dimension,
    DimensionScale,
    FRatio,
    GateReference,
    ImportedGate,
    ImportedMatrix,
)

_TRANSFORMS = "{http://www.isac-net.org/std/Gating-ML/v2.0/transformations}"
_GATING = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
_KINDS = {
    "LinearTransform": "linear",
    "LogTransform": "log",
    "AsinhTransform": "asinh",
    "LogicleTransform": "logicle",
    "HyperlogTransform": "hyperlog",
}
_GATE_KINDS = {"RectangleGate": "rectangle", "PolygonGate": "polygon", "EllipsoidGate": "ellipsoid"}
Bounds = Mapping[str, tuple[float | None, float | None]]


def read_gating_ml(
    path: Path, *, shown: str | None = None
) -> tuple[dict[str, PopulationGate], dict[str, ImportedMatrix]]:
    """Return the populations of a Gating-ML 2.0 document, parents first, and its matrices.

    A quadrant gate gives one population per quadrant; it is none itself.

    Raises ConfigError where the file is not Gating-ML 2.0, or refers to what it does not define.
    """
    file = shown or str(path)
    data, root = read_safe_xml(path, shown=shown)
    try:
        _refuse_unread(root)
        strategy = _parse(data)
        bounds = dict(_find_bounds(root))
        populations = dict(_Reader(strategy, bounds).populations())
        matrices = {
            str(name): _convert_matrix(str(name), matrix)
            for name, matrix in strategy.comp_matrices.items()
        }
        _check_references(populations, matrices)
    except _GatingMlError as error:
        raise ConfigError(
            [Fault(file, str(error), "correct the gates and export them again")]
        ) from None
    return populations, matrices


class _GatingMlError(Exception):
    """A document that cannot be read, in words."""


def _parse(data: bytes) -> Any:
    """Return FlowKit's gating strategy; its import takes seconds, so it is done here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its plotting imports warn; no concern of ours
        import flowkit
    try:
        return flowkit.parse_gating_xml(io.BytesIO(data))
    except Exception as error:  # the parser lets through whatever its steps raise
        words = " ".join(str(error).split())
        raise _GatingMlError(f"is not Gating-ML 2.0 as FlowKit reads it ({words})") from None


def _refuse_unread(root: ElementTree.Element) -> None:
    """Refuse what the standard allows and FlowKit passes over in silence."""
    for kind in ("and", "or", "not"):
        for operation in root.iter(f"{_GATING}{kind}"):
            for operand in operation:
                if operand.tag != f"{_GATING}gateReference":
                    raise _GatingMlError("a boolean gate holds a gate; refer to it instead")
                if operand.get(f"{_GATING}use-as-complement") == "1":
                    raise _GatingMlError("use-as-complement is 1; write true")
    for matrix in root.iter(f"{_TRANSFORMS}spectrumMatrix"):
        if matrix.get(f"{_TRANSFORMS}matrix-inverted-already", "false") in ("true", "1"):
            name = matrix.get(f"{_TRANSFORMS}id")
            raise _GatingMlError(f"matrix {name} is inverted already, which is not read")


def _find_bounds(
    root: ElementTree.Element,
) -> Iterator[tuple[str, tuple[float | None, float | None]]]:
    """Yield every transformation's id with its bounds."""
    for element in root.iter(f"{_TRANSFORMS}transformation"):
        low, high = (element.get(f"{_TRANSFORMS}{key}") for key in ("boundMin", "boundMax"))
        yield (
            element.get(f"{_TRANSFORMS}id", ""),
            (None if low is None else float(low), None if high is None else float(high)),
        )


class _Reader:
    """FlowKit's gates to ours."""

    def __init__(self, strategy: Any, bounds: Bounds) -> None:
        self.strategy = strategy
        self.bounds = bounds
        self.quadrant_gates = {
            name
            for name, path in strategy.get_gate_ids()
            if not self._is_quadrant(name, path)
            and type(strategy.get_gate(name, path)).__name__ == "QuadrantGate"
        }

    def populations(self) -> Iterator[tuple[str, PopulationGate]]:
        """Yield populations, parents and what a boolean gate refers to first."""
        waiting = dict(self._all())
        done = {ROOT}
        while waiting:
            ready = [
                name
                for name, gate in waiting.items()
                if all(n in done for n in (gate.parent, *gate.references))
            ]
            if not ready:
                names = ", ".join(waiting)
                raise _GatingMlError(f"gates {names} need gates that the file does not define")
            for name in ready:
                yield name, waiting.pop(name)
                done.add(name)

    def _all(self) -> Iterator[tuple[str, PopulationGate]]:
        for name, path in self.strategy.get_gate_ids():
            if name == ROOT:
                raise _GatingMlError(f"a gate is called {ROOT}, the name of all events")
            if self._is_quadrant(name, path):
                continue
            gate = self.strategy.get_gate(name, path)
            parent = ROOT if path[-1] == "root" else str(path[-1])
            try:
                if name in self.quadrant_gates:
                    for quadrant in gate.quadrants.values():
                        yield str(quadrant.id), self._quadrant(gate, quadrant, parent)
                else:
                    made = self._convert(gate)
                    yield str(name), PopulationGate(parent=parent, imported=made)
            except ValidationError as error:
                detail = error.errors()[0]
                words = detail["msg"].removeprefix("Value error, ")
                raise _GatingMlError(f"gate {name}: {words}") from None

    def _is_quadrant(self, name: str, path: tuple[str, ...]) -> bool:
        owner = path[-1]
        if owner == "root":
            return False
        found = self.strategy.find_matching_gate_paths(owner)
        if not found:
            return False
        try:
            gate = self.strategy.get_gate(owner, found[0])
        except Exception:  # FlowKit refuses to return a quadrant, which cannot own one
            return False
        return type(gate).__name__ == "QuadrantGate" and name in gate.quadrants

    def _convert(self, gate: Any) -> ImportedGate:
        kind = type(gate).__name__
        if kind == "BooleanGate":
            references = tuple(
                GateReference(population=str(r["ref"]), complement=bool(r["complement"]))
                for r in gate.gate_refs
            )
            if not references or (gate.type == "not" and len(references) != 1):
                raise _GatingMlError(
                    f"gate {gate.gate_name}: {gate.type} over {len(references)} gates"
                )
            return ImportedGate(kind=gate.type, references=references)
        dimensions = tuple(self._dimension(d) for d in gate.dimensions)
        common: dict[str, Any] = {"kind": _GATE_KINDS[kind], "dimensions": dimensions}
        common["complement"] = bool(getattr(gate, "use_complement", False))
        if kind == "RectangleGate":
            # FlowKit leaves the bound of a ratio that has none unset.
            bounds = tuple(
                (
                    _unless(getattr(d, "min", None), -np.inf),
                    _unless(getattr(d, "max", None), np.inf),
                )
                for d in gate.dimensions
            )
            return ImportedGate(**common, bounds=bounds)
        if kind == "PolygonGate":
            self._expect(gate, len(dimensions) == 2, "a polygon needs 2 dimensions")
            return ImportedGate(**common, vertices=tuple(map(tuple, gate.vertices)))
        return self._ellipsoid(gate, common)

    def _ellipsoid(self, gate: Any, common: dict[str, Any]) -> ImportedGate:
        size = len(common["dimensions"])
        covariance = np.array(gate.covariance_matrix, dtype=np.float64)
        self._expect(
            gate,
            len(gate.coordinates) == size and covariance.shape == (size, size),
            f"mean and covariance need {size} numbers a dimension",
        )
        symmetric = np.allclose(covariance, covariance.T, rtol=1e-6, atol=0.0)
        positive = bool(symmetric) and bool(np.linalg.eigvalsh(covariance)[0] > 0)
        self._expect(gate, positive, "its covariance is not symmetric and positive definite")
        return ImportedGate(
            **common,
            mean=tuple(gate.coordinates),
            covariance=tuple(map(tuple, covariance.tolist())),
            distance_square=gate.distance_square,
        )

    def _expect(self, gate: Any, condition: bool, problem: str) -> None:
        if not condition:
            raise _GatingMlError(f"gate {gate.gate_name}: {problem}")

    def _quadrant(self, gate: Any, quadrant: Any, parent: str) -> PopulationGate:
        dividers = {d.id: d for d in gate.dimensions}
        chosen = [dividers[ref] for ref in quadrant.divider_refs]
        dimensions = tuple(
            Dimension(
                channel=d.dimension_ref,
                compensation=d.compensation_ref or UNCOMPENSATED,
                scale=self._scale(d.transformation_ref),
            )
            for d in chosen
        )
        bounds = tuple(quadrant.get_divider_range(ref) for ref in quadrant.divider_refs)
        made = ImportedGate(kind="rectangle", dimensions=dimensions, bounds=bounds)
        return PopulationGate(parent=parent, imported=made)

    def _dimension(self, dimension: Any) -> Dimension:
        compensation = dimension.compensation_ref or UNCOMPENSATED
        scale = self._scale(dimension.transformation_ref)
        if type(dimension).__name__ != "RatioDimension":
            return Dimension(channel=dimension.id, compensation=compensation, scale=scale)
        ratio = self._find(dimension.ratio_ref)
        if type(ratio).__name__ != "RatioTransform" or len(ratio.dimensions) != 2:
            raise _GatingMlError(f"{dimension.ratio_ref} is not a ratio of two channels")
        if any(b is not None for b in self.bounds.get(dimension.ratio_ref, ())):
            raise _GatingMlError(f"ratio {dimension.ratio_ref} has bounds, which are not read")
        x, y = ratio.dimensions
        made = FRatio(of=(x, y), a=ratio.param_a, b=ratio.param_b, c=ratio.param_c)
        return Dimension(ratio=made, compensation=compensation, scale=scale)

    def _scale(self, reference: str | None) -> DimensionScale | None:
        if reference is None:
            return None
        transform = self._find(reference)
        kind = _KINDS.get(type(transform).__name__)
        if kind is None:
            raise _GatingMlError(f"transformation {reference} is no scale of one channel")
        values = {
            key: getattr(transform, f"param_{key}")
            for key in "twma"
            if hasattr(transform, f"param_{key}")
        }
        low, high = self.bounds.get(reference, (None, None))
        return DimensionScale.model_validate(
            {"kind": kind, **values, "bound_low": low, "bound_high": high}
        )

    def _find(self, reference: str) -> Any:
        if reference not in self.strategy.transformations:
            raise _GatingMlError(f"transformation {reference} is not defined, or of no known kind")
        return self.strategy.transformations[reference]


def _unless(bound: float | None, none: float) -> float | None:
    """Return a bound, None for the infinity that bounds nothing."""
    return None if bound == none else bound


def _convert_matrix(name: str, matrix: Any) -> ImportedMatrix:
    rows = np.array(matrix.matrix, dtype=np.float64)
    size = (len(matrix.fluorochromes), len(matrix.detectors))
    if rows.shape != size or size[0] > size[1]:
        raise _GatingMlError(
            f"matrix {name} has {size[0]} fluorochromes and {size[1]} detectors, which its "
            "numbers do not fit"
        )
    return ImportedMatrix(
        fluorochromes=tuple(matrix.fluorochromes),
        detectors=tuple(matrix.detectors),
        rows=tuple(map(tuple, rows.tolist())),
    )


def _check_references(
    populations: Mapping[str, PopulationGate], matrices: Mapping[str, ImportedMatrix]
) -> None:
    known = {UNCOMPENSATED, FROM_FILE, *matrices}
    for name, gate in populations.items():
        for dimension in gate.imported.dimensions if gate.imported is not None else ():
            if dimension.compensation not in known:
                raise _GatingMlError(
                    f"gate {name}: matrix {dimension.compensation} is not defined in the file"
                )
