"""Display scales and their inverse: a cut on a monotone scale becomes one in linear units."""

from __future__ import annotations

import math

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.gating.biexponential import apply_biexponential, invert_biexponential
from chc_gating.model.events import FloatArray
from chc_gating.model.imported_gates import DimensionScale
from chc_gating.model.panel import Transform


def invert_scale(values: FloatArray, transform: Transform) -> FloatArray:
    """Return linear values (k,) of positions (k,) on a scale; its top, t, stands at 1.

    The scales are those of Gating-ML 2.0, section 6 (ISAC 2015), and FlowJo's biexponential.
    Raises ChcError for widths that do not fit together.
    """
    t, w, m, a = transform.t, transform.w, transform.m, transform.a
    if transform.kind == "linear":
        return np.asarray(values * (t + a) - a)
    if transform.kind == "log":
        return np.asarray(t * 10.0 ** (m * (values - 1.0)))
    if transform.kind == "asinh":
        decades = (m + a) * math.log(10.0)
        steep = t / math.sinh(m * math.log(10.0))
        return np.asarray(steep * np.sinh(values * decades - a * math.log(10.0)))
    _check_widths(transform)
    if transform.kind == "biexponential":
        return invert_biexponential(np.asarray(values, dtype=np.float64), scale_of(transform))
    return _invert_with_flowutils(values, kind=transform.kind, t=t, w=w, m=m, a=a)


def _check_widths(transform: Transform) -> None:
    """Raise ChcError where a scale with a linear part has no room for it (Moore 2012)."""
    w, m, a = transform.w, transform.m, transform.a
    if 2 * w > m or not -w <= a <= m - 2 * w:
        raise ChcError(
            f"transform {transform.kind}: w = {w:g}, m = {m:g}, a = {a:g} do not fit together; "
            "w may be at most m / 2, and a from -w to m - 2 w"
        )


def _invert_with_flowutils(
    values: FloatArray, *, kind: str, t: float, w: float, m: float, a: float
) -> FloatArray:
    from flowutils import transforms

    invert = {"logicle": transforms.logicle_inverse, "hyperlog": transforms.hyperlog_inverse}[kind]
    column = np.ascontiguousarray(values, dtype=np.float64).reshape(-1, 1)
    return np.asarray(invert(column, [0], t=t, m=m, w=w, a=a), dtype=np.float64)[:, 0]


def scale_of(transform: Transform) -> DimensionScale:
    """Return a panel's scale as that of one dimension; its top, t, stands at 1.

    biexponential takes m as its positive and a as its additional negative decades, and a width
    basis of -10 ** (2 w): w = 0.5 is FlowJo's default of -10.
    """
    own = transform.model_dump()
    if transform.kind == "biexponential":
        return DimensionScale(**own, width_basis=-(10.0 ** (2 * transform.w)), high=1.0)
    if transform.kind in ("logicle", "hyperlog"):
        _check_widths(transform)
    return DimensionScale(**own)


def apply_scale(values: FloatArray, scale: DimensionScale) -> FloatArray:
    """Return positions (k,) of linear values on a scale; what is not finite stays as it is.

    flowutils maps NaN and inf to -1 on logicle and hyperlog scales, which would put a broken
    value among the lowest. A finite value without a place (zero or less on a log scale) becomes
    NaN or -inf; ``bound_low`` and ``bound_high`` limit what has a place.
    """
    placed = np.array(values, dtype=np.float64)
    finite = np.isfinite(placed)
    with np.errstate(all="ignore"):
        found = _place(np.ascontiguousarray(placed[finite]), scale)
    if scale.bound_low is not None:
        found = np.where(found < scale.bound_low, scale.bound_low, found)
    if scale.bound_high is not None:
        found = np.where(found > scale.bound_high, scale.bound_high, found)
    placed[finite] = found
    return placed


def _place(values: FloatArray, scale: DimensionScale) -> FloatArray:
    from flowutils import transforms

    t, w, m, a = scale.t, scale.w, scale.m, scale.a
    if scale.kind == "linear":
        return np.asarray((values + a) / (t + a))
    if scale.kind == "log":
        return np.asarray(np.log10(values / t) / m + 1.0)
    if scale.kind == "asinh":
        return np.asarray(transforms.asinh(values, None, t=t, m=m, a=a))
    if scale.kind == "logicle":
        return np.asarray(transforms.logicle(values, None, t=t, m=m, w=w, a=a))
    if scale.kind == "hyperlog":
        return np.asarray(transforms.hyperlog(values, None, t=t, m=m, w=w, a=a))
    return _place_flowjo(values, scale)


def _place_flowjo(values: FloatArray, scale: DimensionScale) -> FloatArray:
    if scale.kind == "biexponential":
        return apply_biexponential(values, scale)
    if scale.kind == "flowjo_log" and scale.offset is not None:
        above = np.where(values < scale.offset, scale.offset, values)
        return np.asarray(np.log10(above / scale.offset) / scale.m)
    if scale.kind == "flowjo_linear" and scale.low is not None and scale.high is not None:
        return np.asarray((values - scale.low) / (scale.high - scale.low))
    raise ChcError(f"scale {scale.kind} lacks its bounds or its offset")


def space_edges(transform: Transform, *, bins: int) -> FloatArray:
    """Return bin edges (bins + 1,) in linear units, equally spaced on the scale up to its top.

    They start slightly below zero, where compensated negatives lie (log: at its lowest decade).
    Biexponential is drawn as logicle with the same parameters.
    """
    if transform.kind == "biexponential":
        transform = transform.model_copy(update={"kind": "logicle"})
    start = _START[transform.kind]
    return invert_scale(np.linspace(start, 1.0, bins + 1), transform)


_START = {"linear": -0.02, "log": 0.0, "asinh": -0.25, "logicle": 0.0, "hyperlog": 0.0}
"""Where an axis starts on its scale. The zero of logicle and hyperlog lies above their start."""
