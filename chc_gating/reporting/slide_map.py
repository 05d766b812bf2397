"""Where on a slide the candidates lie: a cluster at an edge or in a streak is a warning."""

from __future__ import annotations

from typing import Any

from chc_gating.model.acquisition import SlideFacts
from chc_gating.model.events import FloatArray
from chc_gating.reporting.evidence import Candidates, Evidence
from chc_gating.reporting.figures import (
    PHENOTYPE_COLOURS,
    PHENOTYPE_SHAPES,
    VECTOR_POINTS,
    Picture,
    drawing_style,
    figure_to_svg,
    new_figure,
)


def draw_slide_map(evidence: Evidence, *, identifier: str) -> Picture | None:
    """Return the candidates on the outline of the slide, or None without positions."""
    slide, candidates = evidence.result.slide, evidence.candidates
    y, x = candidates.centroid_y_px, candidates.centroid_x_px
    if slide is None or y is None or x is None:
        return None
    width_um = slide.width_px * slide.pixel_size_um
    height_um = slide.height_px * slide.pixel_size_um
    figure = new_figure(4.0, max(1.6, min(4.5, 3.6 * height_um / width_um)))
    with drawing_style():
        axes = figure.add_subplot()
        _draw_positions(axes, candidates, x * slide.pixel_size_um, y * slide.pixel_size_um)
        axes.set(xlim=(0, width_um), ylim=(height_um, 0), aspect="equal")
        axes.set_xlabel("x in um")
        axes.set_ylabel("y in um")
        axes.spines[["top", "right"]].set_visible(True)
        axes.locator_params(nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        svg = figure_to_svg(figure, identifier=identifier)
    caption = describe_slide(slide)
    counts = " and ".join(f"{len(candidates.rows_of(p)):,} {p}" for p in PHENOTYPE_COLOURS)
    return Picture(svg=svg, alt=f"Positions of {counts} on the slide", caption=caption)


def _draw_positions(axes: Any, candidates: Candidates, x_um: FloatArray, y_um: FloatArray) -> None:
    for phenotype, colour in PHENOTYPE_COLOURS.items():
        rows = candidates.rows_of(phenotype)
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
