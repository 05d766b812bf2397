"""Gates and cuts drawn over densities, with the candidates on top."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm

from chc_gating.model.acquisition import AcquisitionResult, AppliedCut
from chc_gating.model.density import Density
from chc_gating.model.gates import ROOT
from chc_gating.reporting.density_axis import BinAxis, format_tick
from chc_gating.reporting.evidence import Candidates, Evidence
from chc_gating.reporting.figures import (
    MUTED,
    PHENOTYPE_COLOURS,
    PHENOTYPE_SHAPES,
    VECTOR_POINTS,
    Picture,
    drawing_style,
    figure_to_svg,
    new_figure,
)
from chc_gating.reporting.gate_lines import can_show, cuts_of, draw_cuts, draw_gate

_GREYS = LinearSegmentedColormap.from_list("density", ["#dfe3e6", "#2b3a42"])


def draw_densities(evidence: Evidence, *, identifier: str) -> list[Picture]:
    """Return one picture per density of an acquisition, in the order of the file."""
    return [
        _draw_density(density, evidence, identifier=f"{identifier}-density{i}")
        for i, density in enumerate(evidence.densities)
    ]


def _draw_density(density: Density, evidence: Evidence, *, identifier: str) -> Picture:
    x, y = BinAxis(density.x_edges), BinAxis(density.y_edges)
    names = label_channels(evidence.result)
    figure = new_figure(3.1, 3.0)
    with drawing_style():
        axes = figure.add_subplot()
        _draw_counts(axes, density)
        here = {
            name: gate
            for name, gate in evidence.result.gates.populations.items()
            if gate.parent == density.population
        }
        shown = [n for n in here if draw_gate(axes, n, density, x, y, result=evidence.result)]
        undrawn = [n for n, gate in here.items() if n not in shown and can_show(gate, density)]
        cuts = cuts_of(evidence.result, density)
        draw_cuts(axes, cuts, density, x, y)
        drawn = _draw_candidates(axes, evidence.candidates, density, x, y)
        _label_axes(axes, density, x, y, names)
        population = "all events" if density.population == ROOT else density.population
        axes.set_title(population, loc="left", fontweight="bold")
        svg = figure_to_svg(figure, identifier=identifier)
    x_name, y_name = names.get(density.x, density.x), names.get(density.y, density.y)
    return Picture(
        svg=svg,
        alt=_alt(population, x_name, y_name, shown, cuts, drawn),
        caption=_caption(
            density,
            shown,
            cuts,
            placed=len(drawn) > 0 or not len(evidence.candidates),
            undrawn=undrawn,
        ),
        title=population,
    )


def label_channels(result: AcquisitionResult) -> dict[str, str]:
    """Return each channel's label: its marker with its name, or its name alone."""
    return {
        name: name if channel.marker in (None, name) else f"{channel.marker} ({name})"
        for name, channel in result.panel.channels.items()
    }


def _draw_counts(axes: Any, density: Density) -> None:
    counts = np.ma.masked_equal(density.counts, 0)
    rows, columns = density.counts.shape
    peak = max(int(density.counts.max(initial=0)), 2)
    axes.imshow(
        counts,
        origin="lower",
        extent=(0, columns, 0, rows),
        aspect="auto",
        cmap=_GREYS,
        norm=LogNorm(1, peak),
        interpolation="none",
    )


def _draw_candidates(
    axes: Any, candidates: Candidates, density: Density, x: BinAxis, y: BinAxis
) -> dict[str, str]:
    values = candidates.compensated
    if density.x not in values or density.y not in values:
        return {}
    drawn: dict[str, str] = {}
    for phenotype, colour in PHENOTYPE_COLOURS.items():
        rows = candidates.drawn_rows_of(phenotype)
        finite = np.isfinite(values[density.x][rows]) & np.isfinite(values[density.y][rows])
        rows = rows[finite]
        if len(rows) == 0:
            continue
        axes.scatter(
            x.locate(values[density.x][rows]),
            y.locate(values[density.y][rows]),
            s=17,
            marker=PHENOTYPE_SHAPES[phenotype],
            facecolor=colour,
            edgecolor="white",
            linewidth=0.6,
            zorder=3,
            clip_on=False,
            rasterized=len(rows) > VECTOR_POINTS,
        )
        drawn[phenotype] = candidates.describe_drawn(phenotype)
    return drawn


def _label_axes(
    axes: Any, density: Density, x: BinAxis, y: BinAxis, names: Mapping[str, str]
) -> None:
    axes.set_xlim(0, x.bins)
    axes.set_ylim(0, y.bins)
    axes.set_xticks(*x.choose_ticks())
    axes.set_yticks(*y.choose_ticks())
    axes.set_xlabel(_shorten(names.get(density.x, density.x)))
    axes.set_ylabel(_shorten(names.get(density.y, density.y)))
    axes.tick_params(length=3, color=MUTED)


def _shorten(text: str, length: int = 34) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _caption(
    density: Density,
    gates: Sequence[str],
    cuts: Sequence[AppliedCut],
    *,
    placed: bool,
    undrawn: Sequence[str],
) -> str:
    parts = [*_caption_parts(density, gates, cuts)]
    if undrawn:
        parts.append("Not drawn, since these axes cannot show it: gate " + ", ".join(undrawn))
    if not placed:
        parts.append("No candidate is drawn: candidates.parquet lacks one of these channels")
    return " ".join(f"{part}." for part in parts)


def _caption_parts(
    density: Density, gates: Sequence[str], cuts: Sequence[AppliedCut]
) -> Iterator[str]:
    total = int(density.counts.sum())
    sampled = f" (every {density.stride}th of the file)" if density.stride > 1 else ""
    yield f"{total:,} events{sampled}, {density.x_scale} by {density.y_scale} scale"
    if gates:
        yield "Green: gate " + ", ".join(gates)
    if cuts:
        yield "Dashed: cuts of " + ", ".join(_cut_words(cut) for cut in cuts)


def _cut_words(cut: AppliedCut) -> str:
    if cut.low == cut.high:
        return f"{cut.marker} at {format_tick(cut.high)}"
    return f"{cut.marker}, shaded band {format_tick(cut.low)} to {format_tick(cut.high)}"


def _alt(
    population: str,
    x_name: str,
    y_name: str,
    gates: Sequence[str],
    cuts: Sequence[AppliedCut],
    drawn: Mapping[str, str],
) -> str:
    parts = [f"Density of {population}, {y_name} against {x_name}"]
    if gates:
        parts.append("with gate " + ", ".join(gates))
    if cuts:
        parts.append("with the cuts of " + ", ".join(cut.marker for cut in cuts))
    if drawn:
        parts.append("with " + " and ".join(drawn.values()) + " on top")
    return ", ".join(parts)
