"""The time trace of a tube: event rate per bin, unstable bins shaded, candidates as ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chc_gating.model.acquisition import TimeBin
from chc_gating.model.events import FloatArray
from chc_gating.reporting.evidence import Candidates, Evidence
from chc_gating.reporting.figures import (
    INK,
    PHENOTYPE_COLOURS,
    VECTOR_POINTS,
    Picture,
    drawing_style,
    figure_to_svg,
    new_figure,
)

_UNSTABLE = "#c9a400"


@dataclass(frozen=True)
class _Trace:
    """Bins along time, or along event number where the file has no time."""

    edges: FloatArray
    heights: FloatArray
    x_label: str
    y_label: str
    timed: bool


def draw_time_trace(evidence: Evidence, *, identifier: str) -> Picture | None:
    """Return the time trace, or None where the acquisition has no bins in time."""
    bins = evidence.quality.time_bins
    if len(bins) < 2:
        return None
    trace = _trace_bins(bins)
    figure = new_figure(4.6, 2.3)
    with drawing_style():
        axes = figure.add_subplot()
        _shade_unstable(axes, bins, trace)
        axes.stairs(trace.heights, trace.edges, color=INK, lw=0.9, fill=False, baseline=None)
        axes.set_xlim(trace.edges[0], trace.edges[-1])
        top = float(np.nanmax(trace.heights, initial=0)) or 1.0
        axes.set_ylim(0, top * 1.3)
        drawn = _draw_ticks(axes, evidence.candidates, bins, trace)
        axes.set_xlabel(trace.x_label)
        axes.set_ylabel(trace.y_label)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.locator_params(axis="x", nbins=6)
        axes.locator_params(axis="y", nbins=5)
        svg = figure_to_svg(figure, identifier=identifier)
    unstable = sum(b.unstable for b in bins)
    return Picture(
        svg=svg, alt=_alt(trace, bins, unstable), caption=_caption(unstable, bins, drawn)
    )


def _trace_bins(bins: Sequence[TimeBin]) -> _Trace:
    starts = [b.start_s for b in bins]
    ends = [b.end_s for b in bins]
    timed = all(s is not None for s in starts) and all(e is not None for e in ends)
    edges = np.array([*starts, ends[-1]], dtype=np.float64) if timed else None
    if edges is not None and np.all(np.diff(edges) >= 0) and edges[-1] > edges[0]:
        rates = [np.nan if b.rate_per_s is None else b.rate_per_s for b in bins]
        return _Trace(edges, np.array(rates), "time in s", "events per s", True)
    numbers = np.array([*(b.first_event for b in bins), bins[-1].first_event + bins[-1].events])
    events = np.array([float(b.events) for b in bins])
    return _Trace(numbers.astype(np.float64), events, "event number", "events per bin", False)


def _shade_unstable(axes: Any, bins: Sequence[TimeBin], trace: _Trace) -> None:
    for i, time_bin in enumerate(bins):
        if time_bin.unstable:
            axes.axvspan(
                trace.edges[i], trace.edges[i + 1], fc=_UNSTABLE, ec=_UNSTABLE, alpha=0.35, lw=1
            )


def _draw_ticks(
    axes: Any, candidates: Candidates, bins: Sequence[TimeBin], trace: _Trace
) -> dict[str, str]:
    """Draw a tick per candidate above the trace, one row per phenotype."""
    drawn: dict[str, str] = {}
    for row, (phenotype, colour) in enumerate(PHENOTYPE_COLOURS.items()):
        rows = candidates.drawn_rows_of(phenotype)
        if len(rows) == 0:
            continue
        positions = _place_events(candidates.event[rows], bins, trace)
        bottom = 0.93 - 0.1 * row
        axes.vlines(
            positions,
            bottom,
            bottom + 0.065,
            color=colour,
            lw=1.2,
            transform=axes.get_xaxis_transform(),
            rasterized=len(rows) > VECTOR_POINTS,
        )
        drawn[phenotype] = candidates.describe_drawn(phenotype)
    return drawn


def _place_events(events: Any, bins: Sequence[TimeBin], trace: _Trace) -> FloatArray:
    """Return where events lie along the trace, by their index within their bin."""
    first = np.array([*(b.first_event for b in bins), bins[-1].first_event + bins[-1].events])
    return np.asarray(np.interp(events, first, trace.edges))


def _caption(unstable: int, bins: Sequence[TimeBin], drawn: dict[str, str]) -> str:
    shaded = (
        f"{unstable} of {len(bins)} bins are unstable (shaded)."
        if unstable
        else f"None of {len(bins)} bins is unstable."
    )
    rows = [f"{'upper' if name == 'CHC' else 'lower'} row {words}" for name, words in drawn.items()]
    return f"{shaded} Ticks: {', '.join(rows)}." if rows else f"{shaded} No candidates."


def _alt(trace: _Trace, bins: Sequence[TimeBin], unstable: int) -> str:
    low, high = float(np.nanmin(trace.heights)), float(np.nanmax(trace.heights))
    return (
        f"{trace.y_label} along {trace.x_label}, {len(bins)} bins, from {low:,.0f} to "
        f"{high:,.0f}; {unstable} unstable"
    )
