"""Bin edges of density axes, before the pass: from the panel's scale, or from a first look."""

from __future__ import annotations

import numpy as np

from chc_gating.gating.calls import prepare_batch
from chc_gating.gating.density_plan import BINS
from chc_gating.gating.plan import Axis
from chc_gating.gating.scale import space_edges
from chc_gating.kernels.entries import compute_values
from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.model.events import EventStream, FloatArray
from chc_gating.model.panel import Transform

FIRST_LOOK_EVENTS = 65_536
"""Events that decide the range of an axis where no range is known; always the first ones, so
that edges do not depend on batches."""

LINEAR_PART = 200
"""On an axis from a first look, this part of the range is about linear around zero."""


def edge_axes(axes: tuple[Axis, ...], stream: EventStream, *, arrays: PlanArrays) -> list[Edges]:
    """Return the edges (BINS + 1,) of every axis, in linear units, with the scale's name."""
    unseen = [axis.value for axis in axes if not axis.known_range]
    seen = _first_look(stream, arrays) if unseen else None
    edges = []
    for axis in axes:
        if seen is not None and not axis.known_range:
            edges.append(("asinh", _seen_edges(seen[:, axis.value])))
        else:
            edges.append(_known_edges(axis, float(arrays.saturation[axis.value % _m(arrays)])))
    return edges


Edges = tuple[str, FloatArray]


def _m(arrays: PlanArrays) -> int:
    return len(arrays.factor)


def _known_edges(axis: Axis, saturation: float) -> Edges:
    """Return edges up to the top of the scale, or to the detector's maximum where that is more."""
    transform = axis.transform
    if transform is None:
        top = saturation if np.isfinite(saturation) else Transform().t
        return "linear", np.linspace(0.0, top, BINS + 1)
    if np.isfinite(saturation) and saturation > transform.t:
        transform = transform.model_copy(update={"t": saturation})
    kind = "logicle" if transform.kind == "biexponential" else transform.kind
    return kind, space_edges(transform, bins=BINS)


def _first_look(stream: EventStream, arrays: PlanArrays) -> FloatArray:
    """Return all values (events, V) of the stream's first events."""
    wanted = min(FIRST_LOOK_EVENTS, stream.event_count)
    parts = []
    for batch in stream.batches(FIRST_LOOK_EVENTS):
        rows = np.arange(min(wanted, len(batch)))
        values = np.empty((len(rows), 2 * _m(arrays)))
        terms = arrays.term_first, arrays.term_detector, arrays.term_weight
        compute_values(prepare_batch(batch), rows, *terms, values)
        parts.append(values)
        wanted -= len(rows)
        if wanted <= 0:
            break
    return np.concatenate(parts) if parts else np.empty((0, 2 * _m(arrays)))


def _seen_edges(values: FloatArray) -> FloatArray:
    """Return asinh-spaced edges from the lowest thousandth to the highest value seen.

    The top is the maximum, not a quantile: the rare bright cells are what a plot is for.
    """
    finite = values[np.isfinite(values)]
    low, high = (np.quantile(finite, 0.001), finite.max()) if finite.size else (0.0, 1.0)
    if not low < high:
        high = low + max(1.0, abs(low))
    unit = (high - low) / LINEAR_PART
    edges = unit * np.sinh(np.linspace(np.arcsinh(low / unit), np.arcsinh(high / unit), BINS + 1))
    return np.asarray(edges)
