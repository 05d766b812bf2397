"""Gates and cuts as lines over a density: what decided, where the events lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from chc_gating.model.acquisition import AcquisitionResult, AppliedCut
from chc_gating.model.density import Density
from chc_gating.model.events import FloatArray
from chc_gating.model.gates import PopulationGate, Ratio
from chc_gating.reporting.density_axis import BinAxis
from chc_gating.reporting.figures import INK
from chc_gating.reporting.gate_outlines import linear_bounds, trace_outline

_GATE = "#00533b"
"""Dark green with a white halo: readable on light and dark densities alike."""
_BAND = "#8c6d00"


def draw_gate(
    axes: Any,
    name: str,
    density: Density,
    x: BinAxis,
    y: BinAxis,
    *,
    result: AcquisitionResult,
) -> bool:
    """Draw a gate that these two channels can show; False where they cannot."""
    gate = result.gates.populations[name]
    shown = {density.x, density.y}
    bounds = linear_bounds(gate, result.panel)
    if bounds is not None and (set(bounds) <= shown or shown <= set(bounds)):
        _draw_rectangle(axes, name, bounds, density, x, y)
        return True
    if gate.ratio is not None and set(gate.ratio.of) == shown:
        _draw_ratio(axes, name, gate.ratio, density, x, y)
        return True
    line = next((p.line for p in result.populations if p.name == name), None)
    curves = trace_outline(gate, density, result.panel, line=line)
    if curves is None:
        return False
    outside = gate.imported is not None and gate.imported.complement
    _draw_curves(axes, f"outside: {name}" if outside else name, curves, x, y)
    return True


def can_show(gate: PopulationGate, density: Density) -> bool:
    """Return whether a gate is about the two channels of a density."""
    named = gate.channels
    if gate.imported is not None:
        named = tuple(c for d in gate.imported.dimensions for c in d.channels)
    return {density.x, density.y} <= set(named)


def _draw_curves(
    axes: Any, name: str, curves: Sequence[FloatArray], x: BinAxis, y: BinAxis
) -> None:
    for curve in curves:
        for colour, width in (("white", 3.0), (_GATE, 1.3)):
            axes.plot(x.locate(curve[:, 0]), y.locate(curve[:, 1]), color=colour, lw=width)
    left, top = curves[-1][np.argmax(curves[-1][:, 1])]
    _label(axes, name, (float(x.locate(left)), float(y.locate(top))))


def _draw_rectangle(
    axes: Any,
    name: str,
    rectangle: Mapping[str, tuple[float | None, float | None]],
    density: Density,
    x: BinAxis,
    y: BinAxis,
) -> None:
    left, right = x.spans(*rectangle.get(density.x, (None, None)))
    bottom, top = y.spans(*rectangle.get(density.y, (None, None)))
    for colour, width in (("white", 3.0), (_GATE, 1.3)):
        axes.add_patch(
            Rectangle((left, bottom), right - left, top - bottom, fill=False, ec=colour, lw=width)
        )
    _label(axes, name, (left, top))


def _draw_ratio(
    axes: Any, name: str, ratio: Ratio, density: Density, x: BinAxis, y: BinAxis
) -> None:
    centres = (density.x_edges[:-1] + density.x_edges[1:]) / 2
    positive = centres[centres > 0]
    for bound in ratio.within:
        if bound is None or len(positive) == 0 or bound == 0:
            continue
        other = positive * bound if ratio.of[1] == density.x else positive / bound
        inside = (other >= density.y_edges[0]) & (other <= density.y_edges[-1])
        for colour, width in (("white", 3.0), (_GATE, 1.3)):
            axes.plot(x.locate(positive[inside]), y.locate(other[inside]), color=colour, lw=width)
    _label(axes, f"{name}: {ratio.of[0]} / {ratio.of[1]}", (0, 1), xycoords="axes fraction")


def _label(axes: Any, text: str, place: tuple[float, float], *, xycoords: str = "data") -> None:
    """Write a gate's name just inside of its upper left corner."""
    axes.annotate(
        text,
        place,
        xycoords=xycoords,
        xytext=(4, -4),
        textcoords="offset points",
        ha="left",
        va="top",
        color=_GATE,
        bbox={"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
    )


def cuts_of(result: AcquisitionResult, density: Density) -> list[AppliedCut]:
    """Return the cuts that decide about this population's events, on the density's channels."""
    deciding = density.population == result.gates.phenotype or any(
        gate.when is not None and gate.parent == density.population
        for gate in result.gates.populations.values()
    )
    if not deciding:
        return []
    return [cut for cut in result.cuts if cut.channel in (density.x, density.y)]


def draw_cuts(
    axes: Any, cuts: Sequence[AppliedCut], density: Density, x: BinAxis, y: BinAxis
) -> None:
    """Draw each cut as a dashed line across its axis, and its band shaded."""
    for cut in cuts:
        along_x = cut.channel == density.x
        axis = x if along_x else y
        span = axes.axvspan if along_x else axes.axhspan
        line = axes.axvline if along_x else axes.axhline
        low, high = axis.spans(cut.low, cut.high)
        if high > low:
            span(low, high, fc=_BAND, alpha=0.18, lw=0)
        for position in sorted({low, high}):
            line(position, color="white", lw=2.6)
            line(position, color=INK, lw=1.1, ls=(0, (4, 2)))
