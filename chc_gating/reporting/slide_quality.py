"""Maps of a slide's quality: nuclei, focus, background, saturation, and what was not scored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from chc_gating.model.acquisition import SlideQuality
from chc_gating.model.events import FloatArray
from chc_gating.reporting.evidence import Evidence, TileMaps
from chc_gating.reporting.figures import Picture, drawing_style, figure_to_svg, new_figure

_SHADES = LinearSegmentedColormap.from_list("amount", ["#f4f6f7", "#2f4b5c"])
_LOST = {"out_of_focus": "#b34700", "empty": "#0060a8", "unread": "#1a1a1a", "outside": "#c9ced2"}
_WORDS = {
    "out_of_focus": "out of focus",
    "empty": "no nuclei amid cells",
    "unread": "one grey level only",
    "outside": "beyond the sample",
}
_COLOURS = {"out_of_focus": "vermilion", "empty": "blue", "unread": "black", "outside": "grey"}
_MOST_CHANNELS = 6
"""Backgrounds drawn: the first channels of the panel."""
_ACROSS = 4
_LISTED = 8


def draw_quality_maps(evidence: Evidence, *, identifier: str) -> Picture | None:
    """Return the maps of a slide's squares as small figures, None where there are none."""
    tiles, slide = evidence.tiles, evidence.result.slide
    quality = None if slide is None else slide.quality
    if tiles is None or quality is None:
        return None
    maps = _list_maps(tiles, quality)
    across = min(_ACROSS, len(maps))
    down = -(-len(maps) // across)
    rows, columns = tiles.state.shape
    height = max(0.9, min(2.4, 1.5 * rows / columns)) + 0.35
    figure = new_figure(1.75 * across, height * down)
    with drawing_style():
        for place, (title, values) in enumerate(maps, start=1):
            axes = figure.add_subplot(down, across, place)
            _draw_map(axes, values, title=title)
        _mark_lost(figure.axes[0], tiles)
        svg = figure_to_svg(figure, identifier=identifier)
    return Picture(
        svg=svg,
        alt=f"Maps of the slide in squares of {quality.square_px} pixels: "
        + "; ".join(title for title, _ in maps),
        caption=f"Squares of {quality.square_px} pixels, darker is more; white to black from the "
        f"lowest to the highest value of each map. {describe_quality(quality)}",
        title="Quality over the slide",
    )


def describe_quality(quality: SlideQuality) -> str:
    """Return what of a slide was scored, the rule, and the lost areas, in sentences."""
    if quality.sample_area_mm2 == 0:
        return "No nuclei were found."
    scored = f"{100 * quality.scored_share:.3g} % of {quality.sample_area_mm2:.3g} mm2 was scored."
    width = math.pow(quality.focus_drop, 1 / 3)
    rule = (
        f"Out of focus is below 1/{quality.focus_drop:g} of the upper quartile of the squares "
        f"(settings.focus_drop), an edge about {width:.2g} times as wide."
        if quality.focus_threshold is not None
        else "Too few squares hold nuclei for a judgement of focus."
    )
    edge = (
        []
        if quality.edge_sd_um is None
        else [
            f"Edges of nuclei are {quality.edge_sd_um:.2f} um wide (SD of a blurred step); compare "
            "it with other slides of this microscope, since a slide that is out of focus as a "
            "whole shows in it alone."
        ]
    )
    return " ".join([scored, rule, *edge, *_list_areas(quality)])


def _list_areas(quality: SlideQuality) -> list[str]:
    if not quality.areas:
        return []
    listed = [
        f"{_WORDS[area.kind]} {area.area_mm2:.2g} mm2 at x {area.x0_px:,}-{area.x1_px:,}, "
        f"y {area.y0_px:,}-{area.y1_px:,} px ({area.nuclei:,} nuclei)"
        for area in quality.areas[:_LISTED]
    ]
    more = len(quality.areas) - len(listed)
    further = f"; and {more} smaller ones" if more else ""
    colours = ", ".join(f"{_COLOURS[kind]}: {_WORDS[kind]}" for kind in _LOST)
    return [f"Not scored: {'; '.join(listed)}{further}. On the first map {colours}."]


def _list_maps(tiles: TileMaps, quality: SlideQuality) -> list[tuple[str, FloatArray]]:
    """Return title and values (rows, columns) of each map."""
    maps = [("nuclei", tiles.nuclei.astype(np.float64))]
    if quality.focus_reference is not None:
        maps.append(("focus, of the reference", tiles.focus / quality.focus_reference))
    if tiles.saturated_share:
        worst = np.max(np.stack(list(tiles.saturated_share.values())), axis=0)
        maps.append(("saturated, %", 100 * worst))
    names = list(tiles.background)[:_MOST_CHANNELS]
    return maps + [(f"background {name}", tiles.background[name]) for name in names]


def _draw_map(axes: Any, values: FloatArray, *, title: str) -> None:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    axes.imshow(
        np.ma.masked_invalid(values),
        cmap=_SHADES,
        vmin=low,
        vmax=high if high > low else low + 1,
        interpolation="none",
    )
    axes.set_title(title, fontsize=8)
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"{low:.3g} to {high:.3g}", fontsize=7)


def _mark_lost(axes: Any, tiles: TileMaps) -> None:
    """Colour the squares that were not scored."""
    for kind, colour in _LOST.items():
        chosen = np.ma.masked_equal((tiles.state == kind).astype(np.uint8), 0)
        if chosen.count():
            shade = LinearSegmentedColormap.from_list(kind, [colour, colour])
            axes.imshow(chosen, cmap=shade, interpolation="none")
