"""Gates that numpy evaluates, compiled for a file's channels: shapes, margins, booleans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.dimensions import GateAxis, LinearValue
from chc_gating.gating.file_channels import FileChannels
from chc_gating.gating.mixtures import Mixture
from chc_gating.gating.rules import (
    BooleanRule,
    BoxRule,
    EllipsoidRule,
    Literal,
    MarginRule,
    PolygonRule,
    SingletRule,
)
from chc_gating.gating.scale import scale_of
from chc_gating.model.channel_names import match_channels
from chc_gating.model.events import FloatArray
from chc_gating.model.gates import ROOT, Ellipse, Gates, PopulationGate
from chc_gating.model.imported_gates import Dimension, GateReference, ImportedGate

Rule = BoxRule | PolygonRule | EllipsoidRule | MarginRule | SingletRule | BooleanRule


@dataclass(frozen=True)
class RuleContext:
    """What rules are compiled with.

    order : population names. file : the file's channels. mixtures : by a dimension's
    compensation, how its values come from the detectors; `panel` is the panel's.
    """

    gates: Gates
    order: tuple[str, ...]
    file: FileChannels
    mixtures: Mapping[str, Mixture]

    def value(self, channel: str, gate: PopulationGate) -> LinearValue:
        """Return the linear value of a panel's channel on a gate's scale."""
        index = self.file.index(channel)
        if gate.scale == "raw":
            return LinearValue(np.array([index]), np.ones(1))
        return self.mixtures[PANEL].channel(index)

    def axis(self, channel: str, gate: PopulationGate) -> GateAxis:
        """Return the axis of a panel's channel on a gate's scale."""
        scale = scale_of(self.file.panel.transform) if gate.scale == "transformed" else None
        return GateAxis(self.value(channel, gate), scale=scale)


PANEL = "panel"
"""The mixture of the panel's spillover, beside those that imported gates name."""


def compile_shape(name: str, gate: PopulationGate, context: RuleContext) -> Rule:
    """Return the rule of a population that is neither rectangle, ratio, quadrant nor `when`.

    Raises RawFileError where the file lacks a channel of an imported gate.
    """
    if gate.imported is not None:
        return _compile_imported(name, gate.imported, context)
    if gate.polygon is not None:
        axes = tuple(context.axis(channel, gate) for channel in gate.polygon.of)
        return PolygonRule(axes, np.array(gate.polygon.vertices, dtype=np.float64))
    if gate.ellipse is not None:
        axes = tuple(context.axis(channel, gate) for channel in gate.ellipse.of)
        return _ellipsoid(name, axes, gate.ellipse)
    if gate.singlets is not None:
        area, height = (context.value(channel, gate) for channel in gate.singlets.of)
        return SingletRule(area, height, gate.singlets.band)
    if gate.margins is not None:
        indices = [context.file.index(channel) for channel in gate.margins]
        values = tuple(LinearValue(np.array([i]), np.ones(1)) for i in indices)
        return MarginRule(values, gate.margins)
    references = [
        GateReference(population=n, complement=gate.not_ is not None) for n in gate.references
    ]
    return _boolean(references, is_and=gate.or_ is None, context=context)


def _ellipsoid(
    name: str, axes: tuple[GateAxis, ...], ellipse: Ellipse | ImportedGate
) -> EllipsoidRule:
    covariance = np.array(ellipse.covariance, dtype=np.float64)
    if ellipse.distance_square is None:
        raise AssertionError("an ellipsoid has a distance")
    return EllipsoidRule(
        axes,
        mean=np.array(ellipse.mean, dtype=np.float64),
        inverse=invert_covariance(covariance, where=f"population {name}"),
        distance_square=ellipse.distance_square,
        complement=isinstance(ellipse, ImportedGate) and ellipse.complement,
    )


def invert_covariance(covariance: FloatArray, *, where: str) -> FloatArray:
    """Return the inverse of a covariance (d, d); ChcError where it is not one."""
    symmetric = np.allclose(covariance, covariance.T, rtol=1e-6, atol=0.0)
    if not symmetric or not np.linalg.eigvalsh(covariance)[0] > 0:
        raise ChcError(
            f"{where}: the covariance of its ellipse is not symmetric and positive definite; "
            "give that of the ellipse's axes"
        )
    return np.asarray(np.linalg.inv(covariance), dtype=np.float64)


def _boolean(
    references: Sequence[GateReference],
    *,
    is_and: bool,
    context: RuleContext,
    complement: bool = False,
) -> BooleanRule:
    """Return the rule; the complement of an `and` is the `or` of complements, and back."""
    literals = tuple(
        Literal(
            bit=1 << context.order.index(r.population),
            chain=chain_bits(r.population, context.gates, context.order),
            complement=r.complement != complement,
        )
        for r in references
    )
    return BooleanRule(is_and != complement, literals)


def chain_bits(population: str, gates: Gates, order: Sequence[str]) -> int:
    """Return the bits of a population's gate and of all gates above it."""
    bits = 0
    while population != ROOT:
        bits |= 1 << order.index(population)
        population = gates.populations[population].parent
    return bits


def _compile_imported(name: str, gate: ImportedGate, context: RuleContext) -> Rule:
    if gate.kind in ("and", "or", "not"):
        references = gate.references
        if gate.kind == "not":
            references = tuple(
                GateReference(population=r.population, complement=not r.complement)
                for r in references
            )
        return _boolean(
            references, is_and=gate.kind != "or", context=context, complement=gate.complement
        )
    _require(name, (c for d in gate.dimensions for c in d.channels), gate, context)
    axes = tuple(_imported_axis(dimension, context) for dimension in gate.dimensions)
    if gate.kind == "polygon":
        vertices = np.array(gate.vertices, dtype=np.float64)
        return PolygonRule(axes, vertices, complement=gate.complement)
    if gate.kind == "ellipsoid":
        return _ellipsoid(name, axes, gate)
    bounds = np.array(
        [
            (-np.inf if low is None else low, np.inf if high is None else high)
            for low, high in gate.bounds
        ]
    )
    return BoxRule(_ease_open(axes, bounds), bounds, complement=gate.complement)


def _ease_open(axes: tuple[GateAxis, ...], bounds: FloatArray) -> tuple[GateAxis, ...]:
    """Leave out the scale of axes without a bound: also what has no place there is inside."""
    return tuple(
        replace(axis, scale=None) if np.isinf(bounds[i]).all() else axis
        for i, axis in enumerate(axes)
    )


def _require(name: str, channels: Iterable[str], gate: ImportedGate, context: RuleContext) -> None:
    named = {d.compensation for d in gate.dimensions}
    known = {n for key in named for n in context.mixtures[key].names}
    missing = [
        channel
        for channel in dict.fromkeys(channels)
        if channel not in known and find_channel(channel, context.file) is None
    ]
    if missing:
        raise RawFileError(
            f"gates {context.gates.name}: population {name} needs channels "
            f"{', '.join(missing)}, the file has {', '.join(context.file.names)}"
        )


def find_channel(name: str, file: FileChannels) -> int | None:
    """Return the index of a channel that an imported gate names; None where it is not one."""
    found = match_channels(name, file.names, labels=file.labels)
    return found[0] if len(found) == 1 else None


def _imported_axis(dimension: Dimension, context: RuleContext) -> GateAxis:
    mixture = context.mixtures[dimension.compensation]
    values = [mixture.find(name, context.file) for name in dimension.channels]
    if dimension.ratio is None:
        return GateAxis(values[0], gain=dimension.gain, scale=dimension.scale)
    ratio = dimension.ratio
    return GateAxis(
        value=values[0],
        denominator=values[1],
        a=ratio.a,
        b=ratio.b,
        c=ratio.c,
        gain=dimension.gain,
        scale=dimension.scale,
    )
