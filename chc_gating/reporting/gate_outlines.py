"""Outlines of gates in linear units, to be placed on whatever scale a density has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from chc_gating.gating.scale import invert_scale
from chc_gating.model.acquisition import FittedLine
from chc_gating.model.density import Density
from chc_gating.model.events import FloatArray
from chc_gating.model.gates import Bound, PopulationGate
from chc_gating.model.imported_gates import FROM_FILE, UNCOMPENSATED, Dimension
from chc_gating.model.panel import Panel, Transform

POINTS_PER_EDGE = 40
"""A straight edge on one scale is a curve on another."""

Inverse = Callable[[FloatArray], FloatArray]
Outline = FloatArray


def trace_outline(
    gate: PopulationGate, density: Density, panel: Panel, *, line: FittedLine | None = None
) -> list[Outline] | None:
    """Return a gate's curves (k, 2) over a density's x and y, None where it has none there.

    Polygons, ellipses in two channels, and the band of a fitted line; imported ones where their
    values are those that the density shows.
    """
    if gate.singlets is not None:
        return _trace_band(gate.singlets.of, density, line)
    if gate.imported is not None:
        return _trace_imported(gate, density, panel)
    channels = gate.channels
    if {density.x, density.y} != set(channels) or len(channels) != 2:
        return None
    corners = _corners(gate)
    if corners is None:
        return None
    inverse = _inverse_of(panel.transform) if gate.scale == "transformed" else _as_it_is
    return [_place(corners, channels, (inverse, inverse), density)]


def linear_bounds(gate: PopulationGate, panel: Panel) -> dict[str, tuple[Bound, Bound]] | None:
    """Return a rectangle's or quadrant's bounds in linear units, None for other gates."""
    bounds = gate.quadrant.bounds if gate.quadrant is not None else gate.rectangle
    if bounds is not None:
        inverse = _inverse_of(panel.transform) if gate.scale == "transformed" else _as_it_is
        return {
            c: (_invert(low, inverse), _invert(high, inverse)) for c, (low, high) in bounds.items()
        }
    if gate.imported is None or gate.imported.kind != "rectangle" or gate.imported.complement:
        return None
    found: dict[str, tuple[Bound, Bound]] = {}
    for dimension, (low, high) in zip(gate.imported.dimensions, gate.imported.bounds, strict=True):
        own = _dimension_inverse(dimension, panel)
        if own is None or dimension.channel is None:
            return None
        found[dimension.channel] = (_invert(low, own), _invert(high, own))
    return found


def _invert(bound: Bound, inverse: Inverse) -> Bound:
    return None if bound is None else float(inverse(np.array([bound]))[0])


def _as_it_is(values: FloatArray) -> FloatArray:
    return values


def _inverse_of(transform: Transform) -> Inverse:
    return lambda values: invert_scale(values, transform)


def _corners(gate: PopulationGate) -> FloatArray | None:
    if gate.polygon is not None:
        return _densify(np.array(gate.polygon.vertices))
    if gate.ellipse is not None:
        return _circle(gate.ellipse.mean, gate.ellipse.covariance, gate.ellipse.distance_square)
    return None


def _densify(vertices: FloatArray) -> FloatArray:
    share = np.linspace(0, 1, POINTS_PER_EDGE, endpoint=False)[:, np.newaxis]
    pairs = zip(vertices, np.roll(vertices, -1, axis=0), strict=True)
    return np.concatenate([*(a + share * (b - a) for a, b in pairs), vertices[:1]])


def _circle(
    mean: Sequence[float], covariance: Sequence[Sequence[float]], distance_square: float
) -> FloatArray:
    angle = np.linspace(0, 2 * np.pi, 181)
    root = np.linalg.cholesky(np.array(covariance)) * np.sqrt(distance_square)
    return np.asarray(np.array(mean) + np.stack([np.cos(angle), np.sin(angle)], axis=1) @ root.T)


def _place(
    corners: FloatArray,
    channels: Sequence[str],
    inverses: tuple[Inverse, Inverse],
    density: Density,
) -> Outline:
    linear = np.stack([inverses[i](corners[:, i]) for i in range(2)], axis=1)
    return linear if channels[0] == density.x else linear[:, ::-1]


def _trace_band(
    of: tuple[str, str], density: Density, line: FittedLine | None
) -> list[Outline] | None:
    height = of[1]
    if line is None or line.events == 0 or {density.x, density.y} != set(of):
        return None
    edges = density.x_edges if density.x == height else density.y_edges
    along = np.linspace(max(float(edges[0]), 0.0), float(edges[-1]), 200)
    middle = line.intercept + line.slope * along
    curves = []
    for factor in (1 - line.half_width, 1 + line.half_width):
        points = [along, middle * factor] if density.x == height else [middle * factor, along]
        curves.append(np.stack(points, axis=1))
    return curves


def _trace_imported(gate: PopulationGate, density: Density, panel: Panel) -> list[Outline] | None:
    imported = gate.imported
    if imported is None or len(imported.dimensions) != 2:
        return None
    channels = [d.channel or "" for d in imported.dimensions]
    inverses = [_dimension_inverse(d, panel) for d in imported.dimensions]
    first, second = inverses
    if first is None or second is None or set(channels) != {density.x, density.y}:
        return None
    if imported.kind == "polygon":
        corners = _densify(np.array(imported.vertices))
    elif imported.kind == "ellipsoid" and imported.distance_square is not None:
        corners = _circle(imported.mean, imported.covariance, imported.distance_square)
    else:
        return None
    return [_place(corners, channels, (first, second), density)]


def _dimension_inverse(dimension: Dimension, panel: Panel) -> Inverse | None:
    """Return what puts a dimension's numbers into the units of a density; None if nothing does."""
    own = dimension.compensation == FROM_FILE and panel.spillover == "keyword"
    if dimension.channel is None or not (own or dimension.compensation == UNCOMPENSATED):
        return None
    scale, gain = dimension.scale, dimension.gain
    if scale is None:
        return lambda values: values * gain
    if scale.kind not in ("linear", "log", "asinh", "logicle", "hyperlog"):
        return None
    transform = Transform(kind=scale.kind, t=scale.t, w=scale.w, m=scale.m, a=scale.a)
    return lambda values: invert_scale(values, transform) * gain
