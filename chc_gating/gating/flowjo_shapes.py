"""FlowJo's gates as imported gates: which channel, which compensation, which scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chc_gating.batch.flowjo_gates import FlowJoDimension, FlowJoPopulation, Point
from chc_gating.batch.flowjo_scales import DISPLAY_UNITS, FlowJoMatrix, FlowJoScale
from chc_gating.gating.scale import apply_scale
from chc_gating.model.events import FloatArray
from chc_gating.model.imported_gates import (
    FROM_FILE,
    UNCOMPENSATED,
    Dimension,
    DimensionScale,
    ImportedGate,
)

_PREFIXES = ("Comp-", "FJComp-")
"""What FlowJo puts before a compensated parameter, where no matrix says otherwise."""


class ImportProblemError(Exception):
    """A gate that cannot be imported; its text says why."""


@dataclass(frozen=True)
class FlowJoParameters:
    """The parameters of one sample over the channels of its file.

    matrix : the one that was applied, None where the workspace has none for the sample.
    has_spillover : whether the file brings its own.
    time_channel, time_factor : from stored times to seconds.
    """

    channels: tuple[str, ...]
    scales: Mapping[str, FlowJoScale]
    matrix: FlowJoMatrix | None
    has_spillover: bool
    time_channel: str | None = None
    time_factor: float = 1.0

    def place(self, parameter: str) -> tuple[str, str]:
        """Return the channel and the compensation of a parameter.

        A parameter that the file has itself is taken as it is, also where its name says that it
        was compensated: FlowJo exports such files. One with the matrix's prefix and suffix is
        compensated. Raises ImportProblemError where the file lacks it.
        """
        channel = self._channel(parameter)
        if channel is not None:
            nameless = self.matrix is not None and not (self.matrix.prefix or self.matrix.suffix)
            return channel, self._compensation(parameter) if nameless else UNCOMPENSATED
        own = () if self.matrix is None else ((self.matrix.prefix, self.matrix.suffix),)
        for prefix, suffix in (*own, *((prefix, "") for prefix in _PREFIXES)):
            inner = _unwrap(parameter, prefix, suffix)
            channel = None if inner is None else self._channel(inner)
            if channel is not None and inner is not None:
                return channel, self._compensation(inner)
        raise ImportProblemError(f"it needs {parameter}, which the file lacks")

    def _compensation(self, detector: str) -> str:
        """Return how a detector is compensated; one outside the matrix is what it is."""
        if self.matrix is None:
            if self.has_spillover:
                return FROM_FILE
            raise ImportProblemError(
                f"{detector} is compensated, and neither workspace nor file has a matrix"
            )
        if self.matrix.matrix is None:
            raise ImportProblemError(f"{detector} is compensated with {self.matrix.problem}")
        known = detector in self.matrix.matrix.detectors
        return self.matrix.key if known else UNCOMPENSATED

    def _channel(self, name: str) -> str | None:
        """Return the file's channel of a name; FlowJo writes `_` where a file has `/`."""
        if name in self.channels:
            return name
        alike = [c for c in self.channels if c.replace("/", "_") == name]
        return alike[0] if len(alike) == 1 else None

    def dimension(self, parameter: str, scale: DimensionScale | None = None) -> Dimension:
        """Return the dimension of a parameter, with FlowJo's time undone."""
        channel, compensation = self.place(parameter)
        return Dimension(
            channel=channel,
            compensation=compensation,
            scale=scale,
            gain=self._gain(parameter, channel),
        )

    def _gain(self, parameter: str, channel: str) -> float:
        """Return what our value is divided by to be FlowJo's, which scales Time by itself."""
        found = self.scales.get(parameter)
        if found is None or found.gain in (1.0, 0.0) or channel != self.time_channel:
            return 1.0
        return self.time_factor / found.gain

    def scale(self, parameter: str) -> DimensionScale | None:
        """Return the scale of a parameter, None for a linear or absent one."""
        found = self._find_scale(parameter)
        if found is None:
            return None
        if found.problem is not None:
            raise ImportProblemError(f"{parameter} is on {found.problem}")
        scale = found.scale
        if scale is None or scale.kind == "flowjo_linear":
            return None
        return scale.model_copy(update={"high": 1.0}) if scale.kind == "biexponential" else scale

    def span(self, parameter: str) -> tuple[float, float]:
        """Return what the display of a linear parameter runs from and to; 0 and 1 for others."""
        found = self._find_scale(parameter)
        scale = None if found is None else found.scale
        if found is None or (scale is None and found.problem is None):
            raise ImportProblemError(f"{parameter} has no scale, on which its display units stand")
        if scale is None or scale.kind != "flowjo_linear":
            return 0.0, 1.0
        low, high = scale.low, scale.high
        return (0.0 if low is None else low), (1.0 if high is None else high)

    def _find_scale(self, parameter: str) -> FlowJoScale | None:
        if parameter in self.scales:
            return self.scales[parameter]
        channel, _ = self.place(parameter)
        return self.scales.get(channel)


def _unwrap(parameter: str, prefix: str, suffix: str) -> str | None:
    """Return a name without what stands around it, None where that does not."""
    if not (parameter.startswith(prefix) and parameter.endswith(suffix)):
        return None
    inner = parameter[len(prefix) :]
    return inner.removesuffix(suffix) if suffix else inner


def import_shape(population: FlowJoPopulation, parameters: FlowJoParameters) -> ImportedGate:
    """Return the gate of a rectangle, polygon or ellipsoid; raise ImportProblemError."""
    if population.kind == "rectangle":
        return _import_rectangle(population, parameters)
    if population.kind == "polygon":
        return _import_polygon(population, parameters)
    return _import_ellipsoid(population, parameters)


def _import_rectangle(population: FlowJoPopulation, parameters: FlowJoParameters) -> ImportedGate:
    """Return intervals of linear values: FlowJo stores them so, and no scale is needed."""
    dimensions = population.dimensions
    for d in dimensions:
        if d.low is not None and d.high is not None and d.low >= d.high:
            raise ImportProblemError(f"its bounds of {d.parameter} hold nothing")
    return ImportedGate(
        kind="rectangle",
        dimensions=tuple(parameters.dimension(d.parameter) for d in dimensions),
        bounds=tuple((d.low, d.high) for d in dimensions),
        complement=population.complement,
    )


def _import_polygon(population: FlowJoPopulation, parameters: FlowJoParameters) -> ImportedGate:
    """Return a polygon whose edges are straight on the scales; its vertices stand there."""
    scales = _scales(population.dimensions, parameters)
    vertices = np.array(population.vertices, dtype=np.float64)
    for j, scale in enumerate(scales):
        if scale is not None:
            vertices[:, j] = apply_scale(vertices[:, j], scale)
    if not np.isfinite(vertices).all():
        raise ImportProblemError("a vertex has no place on its scale")
    return ImportedGate(
        kind="polygon",
        dimensions=_dimensions(population.dimensions, scales, parameters),
        vertices=tuple((float(x), float(y)) for x, y in vertices),
        complement=population.complement,
    )


def _import_ellipsoid(population: FlowJoPopulation, parameters: FlowJoParameters) -> ImportedGate:
    """Return the exact ellipse; FlowJo stores its foci and edge in 256 display units."""
    scales = _scales(population.dimensions, parameters)
    spans = np.array([parameters.span(d.parameter) for d in population.dimensions])
    width = spans[:, 1] - spans[:, 0]
    mean, covariance = _fit_ellipse(population.foci, population.edge)
    with np.errstate(over="ignore"):
        mean = spans[:, 0] + mean * width
        covariance = covariance * np.outer(width, width)
    return ImportedGate(
        kind="ellipsoid",
        dimensions=_dimensions(population.dimensions, scales, parameters),
        mean=tuple(mean.tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        distance_square=1.0,
        complement=population.complement,
    )


def _fit_ellipse(foci: Sequence[Point], edge: Sequence[Point]) -> tuple[FloatArray, FloatArray]:
    """Return mean (2,) and covariance (2, 2) of an ellipse, as shares of the display.

    The long half axis a is the farthest point of the edge, along or across the foci; the short one
    follows from a and the foci, because the edge's points are rounded to whole units.
    """
    if np.abs([*foci, *edge]).max() > _FARTHEST:
        raise ImportProblemError("it lies far beyond the display")
    focus, points = np.array(foci) / DISPLAY_UNITS, np.array(edge) / DISPLAY_UNITS
    mean = focus.mean(axis=0)
    half = (focus[1] - focus[0]) / 2
    distance = float(np.hypot(*half))
    along = half / distance if distance > 0 else np.array([1.0, 0.0])
    across = np.array([-along[1], along[0]])
    long = float(np.abs((points - mean) @ np.column_stack([along, across])).max())
    if not long > distance:
        raise ImportProblemError("its foci lie outside its edge")
    short = long**2 - distance**2
    return mean, long**2 * np.outer(along, along) + short * np.outer(across, across)


_FARTHEST = 1e6
"""Display units; FlowJo's display has 256."""


def _scales(
    dimensions: Sequence[FlowJoDimension], parameters: FlowJoParameters
) -> list[DimensionScale | None]:
    return [parameters.scale(d.parameter) for d in dimensions]


def _dimensions(
    dimensions: Sequence[FlowJoDimension],
    scales: Sequence[DimensionScale | None],
    parameters: FlowJoParameters,
) -> tuple[Dimension, ...]:
    return tuple(
        parameters.dimension(d.parameter, scale)
        for d, scale in zip(dimensions, scales, strict=True)
    )
