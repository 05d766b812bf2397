"""How the counts of a batch spread, donors apart from patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chc_gating.model.count import CountRow
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
from chc_gating.reporting.forest import ForestScale, scale_rows

_COHORTS = ("patient", "donor", "spike")
COHORT_WORDS = {"patient": "patients", "donor": "healthy donors", "spike": "spiked blood"}


def draw_distribution(rows: Sequence[CountRow], *, identifier: str) -> Picture | None:
    """Return the counts per 7.5 mL of one panel and gates by cohort, or None without any."""
    shown = [r for r in rows if r.per_7_5_ml is not None and r.phenotype in PHENOTYPE_COLOURS]
    cohorts = [c for c in _COHORTS if any(r.cohort == c for r in shown)]
    if not cohorts:
        return None
    lanes = [(cohort, phenotype) for cohort in cohorts for phenotype in PHENOTYPE_COLOURS]
    scale = scale_rows(shown)
    figure = new_figure(4.6, 0.7 + 0.34 * len(lanes))
    with drawing_style():
        axes = figure.add_subplot()
        labels = []
        for lane, (cohort, phenotype) in enumerate(lanes):
            values = sorted(
                r.per_7_5_ml or 0.0
                for r in shown
                if r.cohort == cohort and r.phenotype == phenotype
            )
            labels.append(f"{COHORT_WORDS[cohort]}, {phenotype} ({len(values)})")
            _draw_lane(axes, values, lane, phenotype, scale)
        axes.set_yticks(range(len(lanes)), labels)
        axes.set_ylim(len(lanes) - 0.5, -0.5)
        ticks = scale.list_ticks()
        axes.set_xticks([place for place, _ in ticks], [label for _, label in ticks])
        axes.set_xlim(0, 100)
        axes.set_xlabel("per 7.5 mL")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#e3e7ea", lw=0.6)
        axes.set_axisbelow(True)
        svg = figure_to_svg(figure, identifier=identifier)
    return Picture(
        svg=svg,
        alt="Counts per 7.5 mL of every draw, by cohort: " + "; ".join(labels),
        caption=(
            "One mark per draw; an open mark is a zero. "
            "Upright line: median of three draws or more."
        ),
    )


def _draw_lane(
    axes: Any, values: Sequence[float], lane: int, phenotype: str, scale: ForestScale
) -> None:
    if not values:
        return
    # A fixed pattern up and down keeps equal values apart and the bytes the same.
    offsets = np.array([(-0.18, 0.06, 0.18, -0.06)[i % 4] for i in range(len(values))])
    if len(values) == 1:
        offsets = np.zeros(1)
    places = np.array([scale.place(v) for v in values])
    colour = PHENOTYPE_COLOURS[phenotype]
    axes.scatter(
        places,
        lane + offsets,
        s=16,
        marker=PHENOTYPE_SHAPES[phenotype],
        facecolor=["white" if v == 0 else colour for v in values],
        edgecolor=colour,
        linewidth=0.9,
        rasterized=len(values) > VECTOR_POINTS,
    )
    if len(values) >= 3:
        axes.plot(
            [scale.place(float(np.median(values)))] * 2, [lane - 0.33, lane + 0.33], color=MUTED
        )
