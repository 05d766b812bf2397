"""Where on a slide cells and candidates lie: a cluster at an edge or in a streak is a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from chc_gating.model.acquisition import SlideFacts
from chc_gating.model.events import FloatArray
from chc_gating.reporting.evidence import Candidates, CellPlaces, Evidence, Overview
from chc_gating.reporting.figures import (
    PHENOTYPE_COLOURS,
    PHENOTYPE_SHAPES,
    VECTOR_POINTS,
    Picture,
    drawing_style,
    figure_to_svg,
    new_figure,
)

_GREYS = LinearSegmentedColormap.from_list("cells", ["#eef0f2", "#6d7f89"])
_TILES = 96
"""Tiles along the longer side of the slide in which cells are counted."""


def draw_slide_map(evidence: Evidence, *, identifier: str) -> Picture | None:
    """Return the candidates over the density of cells, or None where no position is known."""
    slide, candidates, cells = evidence.result.slide, evidence.candidates, evidence.cells
    y, x = candidates.centroid_y_px, candidates.centroid_x_px
    placed = y is not None and x is not None and len(candidates) > 0
    shown = evidence.overview is not None or (cells is not None and len(cells.y_px) > 0)
    if slide is None or not (placed or shown):
        return None
    width_um = slide.width_px * slide.pixel_size_um
    height_um = slide.height_px * slide.pixel_size_um
    figure = new_figure(4.0, max(1.6, min(4.5, 3.6 * height_um / width_um)))
    with drawing_style():
        axes = figure.add_subplot()
        if evidence.overview is not None:
            _draw_overview(axes, evidence.overview, slide)
        elif cells is not None:
            _draw_cells(axes, cells, slide)
        if y is not None and x is not None:
            _draw_positions(axes, candidates, x * slide.pixel_size_um, y * slide.pixel_size_um)
        axes.set(xlim=(0, width_um), ylim=(height_um, 0), aspect="equal")
        axes.set_xlabel("x in um")
        axes.set_ylabel("y in um")
        axes.spines[["top", "right"]].set_visible(True)
        axes.locator_params(nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        svg = figure_to_svg(figure, identifier=identifier)
    drawn = " and ".join(candidates.describe_drawn(p) for p in PHENOTYPE_COLOURS)
    words = f"Drawn: {drawn}." if placed else "No candidates."
    grey = " Grey: density of all cells." if cells is not None else ""
    if evidence.overview is not None:
        side_um = evidence.overview.side_px * slide.pixel_size_um
        whose = "the slide's DNA" if evidence.overview.of == "pixels" else "the nuclei's DNA"
        grey = f" Grey: {whose} in squares of {side_um:,.3g} um."
    million = evidence.result.candidates_per_million_nuclei
    if million is not None:
        words += f" {million:,.0f} candidates per million nuclei."
    return Picture(
        svg=svg,
        alt=f"Positions of {drawn} on the slide, over its cells"
        if placed
        else "The cells on the slide; no candidates",
        caption=f"{describe_slide(slide)}{grey} {words}",
    )


def _draw_overview(axes: Any, overview: Overview, slide: SlideFacts) -> None:
    rows, columns = overview.levels.shape
    side_um = overview.side_px * slide.pixel_size_um
    low, high = np.quantile(overview.levels, (0.5, 0.995))
    axes.imshow(
        overview.levels,
        extent=(0, columns * side_um, rows * side_um, 0),
        aspect="equal",
        cmap=_GREYS,
        vmin=float(low),
        vmax=float(max(high, low + 1)),
        interpolation="none",
    )


def _draw_cells(axes: Any, cells: CellPlaces, slide: SlideFacts) -> None:
    side = max(slide.width_px, slide.height_px) / _TILES
    rows, columns = (max(1, round(n / side)) for n in (slide.height_px, slide.width_px))
    counts, _, _ = np.histogram2d(
        cells.y_px,
        cells.x_px,
        bins=(rows, columns),
        range=((0, slide.height_px), (0, slide.width_px)),
    )
    axes.imshow(
        np.ma.masked_equal(counts, 0),
        extent=(
            0,
            slide.width_px * slide.pixel_size_um,
            slide.height_px * slide.pixel_size_um,
            0,
        ),
        aspect="equal",
        cmap=_GREYS,
        vmin=0,
        interpolation="none",
    )


def _draw_positions(axes: Any, candidates: Candidates, x_um: FloatArray, y_um: FloatArray) -> None:
    for phenotype, colour in PHENOTYPE_COLOURS.items():
        rows = candidates.drawn_rows_of(phenotype)
        axes.scatter(
            x_um[rows],
            y_um[rows],
            s=18,
            marker=PHENOTYPE_SHAPES[phenotype],
            facecolor=colour,
            edgecolor="white",
            linewidth=0.6,
            clip_on=False,
            rasterized=len(rows) > VECTOR_POINTS,
        )


def describe_slide(slide: SlideFacts) -> str:
    """Return a slide's size and number of nuclei in one sentence."""
    return (
        f"{slide.width_px:,} x {slide.height_px:,} pixels of {slide.pixel_size_um:g} um, "
        f"{slide.area_mm2:.3g} mm2, {slide.nuclei:,} nuclei."
    )
