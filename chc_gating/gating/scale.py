"""Display scales and their inverse: a cut on a monotone scale becomes one in linear units."""

from __future__ import annotations

import math

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.model.events import FloatArray
from chc_gating.model.panel import Transform


def invert_scale(values: FloatArray, transform: Transform) -> FloatArray:
    """Return linear values (k,) of positions (k,) on a scale; its top, t, stands at 1.

    The scales are those of Gating-ML 2.0, section 6 (ISAC 2015). Raises ChcError for
    biexponential, whose inverse is not built, and for widths that do not fit together.
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
        raise ChcError("scale biexponential is not built yet; use logicle with the same t, w, m, a")
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
