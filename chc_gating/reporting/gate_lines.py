"""Gates and cuts as lines over a density: what decided, where the events lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.patches import Rectangle

from chc_gating.model.acquisition import AcquisitionResult, AppliedCut
from chc_gating.model.density import Density
from chc_gating.model.gates import PopulationGate, Ratio
from chc_gating.reporting.density_axis import BinAxis
from chc_gating.reporting.figures import INK

_GATE = "#00533b"
"""Dark green with a white halo: readable on light and dark densities alike."""
_BAND = "#8c6d00"


def draw_gate(
    axes: Any, name: str, gate: PopulationGate, density: Density, x: BinAxis, y: BinAxis
) -> bool:
    """Draw a gate that these two channels can show; False where they cannot."""
    shown = {density.x, density.y}
    if gate.rectangle is not None and (
        set(gate.rectangle) <= shown or shown <= set(gate.rectangle)
    ):
        _draw_rectangle(axes, name, gate.rectangle, density, x, y)
        return True
    if gate.ratio is not None and set(gate.ratio.of) == shown:
        _draw_ratio(axes, name, gate.ratio, density, x, y)
        return True
    return False


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
    axes.annotate(
        name,
        (left, top),
        xytext=(4, -4),
        textcoords="offset points",
        ha="left",
        va="top",
        color=_GATE,
        bbox=_label_box(),
    )


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
    axes.annotate(
        f"{name}: {ratio.of[0]} / {ratio.of[1]}",
        (0, 1),
        xycoords="axes fraction",
        xytext=(4, -4),
        textcoords="offset points",
        ha="left",
        va="top",
        color=_GATE,
        bbox=_label_box(),
    )


def _label_box() -> dict[str, object]:
    return {"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}


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
