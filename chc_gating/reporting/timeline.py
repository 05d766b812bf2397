"""A patient's time axis: counts with intervals, analytes, treatment, surgery and imaging."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from chc_gating.model.monitor import AnalyteSeries, DrawPoint, Monitor, PatientEvent, Series
from chc_gating.reporting.figures import (
    INK,
    MUTED,
    PHENOTYPE_COLOURS,
    PHENOTYPE_SHAPES,
    Picture,
    drawing_style,
    figure_to_svg,
    new_figure,
)
from chc_gating.reporting.forest import ForestScale

_GRID = "#e3e7ea"
_LANES = {"treatment": 2, "surgery": 1, "imaging": 0}


def draw_timeline(monitor: Monitor, *, identifier: str = "timeline") -> Picture | None:
    """Return the figure of all series over one time axis; None where nothing has a place on it."""
    scopes = list(dict.fromkeys((s.modality, s.panel, s.gates) for s in monitor.series))
    panels = len(scopes) + len(monitor.analytes) + bool(monitor.events)
    span = _find_span(monitor)
    if not panels or span is None:
        return None
    heights = [2.2] * len(scopes) + [1.3] * len(monitor.analytes) + [0.9] * bool(monitor.events)
    figure = new_figure(7.2, 0.5 + sum(heights))
    with drawing_style():
        axes = figure.subplots(panels, 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axis, scope in zip(axes, scopes, strict=False):
            own = [s for s in monitor.series if (s.modality, s.panel, s.gates) == scope]
            _draw_counts(axis, own, title=", ".join(scope))
        for axis, analyte in zip(axes[len(scopes) :], monitor.analytes, strict=False):
            _draw_analyte(axis, analyte)
        if monitor.events:
            _draw_events(axes[-1], monitor.events)
        for axis in axes[: len(scopes) + len(monitor.analytes)]:
            _shade_treatments(axis, monitor.events)
        _label_days(axes[-1], span)
        svg = figure_to_svg(figure, identifier=identifier)
    return Picture(
        svg=svg,
        alt=f"Counts per 7.5 mL and other results of patient {monitor.patient} over time.",
        caption=(
            "Counts per 7.5 mL with 95 % intervals (scale linear up to 1, logarithmic above); an "
            "open mark is a zero, its line ends at the one-sided 95 % upper bound. Shaded: "
            "treatment. A draw without a number per 7.5 mL has no place here; see the table."
        ),
    )


def _day(date: str) -> int:
    return datetime.date.fromisoformat(date).toordinal()


def _find_span(monitor: Monitor) -> tuple[int, int] | None:
    days = [_day(p.collected_on) for s in monitor.series for p in s.points]
    days += [_day(p.date) for a in monitor.analytes for p in a.points]
    days += [_day(d) for e in monitor.events for d in (e.date, e.end_date) if d is not None]
    return (min(days), max(days)) if days else None


def _label_days(axis: Any, span: tuple[int, int]) -> None:
    first, last = span
    margin = max(3.0, 0.04 * (last - first))
    axis.set_xlim(first - margin, last + margin)
    steps = 4 if last - first >= 4 else 1
    ticks = sorted({first + round(i * (last - first) / steps) for i in range(steps + 1)})
    axis.set_xticks(ticks, [datetime.date.fromordinal(day).isoformat() for day in ticks])


def _draw_counts(axis: Any, series: Sequence[Series], *, title: str) -> None:
    shown = [p for s in series for p in s.points if p.used and p.per_7_5_ml is not None]
    scale = ForestScale(max([10.0, *(_top(p) for p in shown)]))
    for offset, one in enumerate(series):
        colour = PHENOTYPE_COLOURS.get(one.phenotype, MUTED)
        points = [p for p in one.points if p.used and p.per_7_5_ml is not None]
        days = [_day(p.collected_on) + 0.6 * offset for p in points]
        places = [scale.place(p.per_7_5_ml or 0.0) for p in points]
        for day, point in zip(days, points, strict=True):
            low = 0.0 if point.count == 0 else point.ci95_low_per_7_5_ml or 0.0
            axis.plot([day, day], [scale.place(low), scale.place(_top(point))], color=colour, lw=1)
        axis.plot(days, places, color=colour, lw=0.6, alpha=0.6)
        axis.scatter(
            days,
            places,
            s=22,
            marker=PHENOTYPE_SHAPES.get(one.phenotype, "s"),
            facecolor=["white" if p.count == 0 else colour for p in points],
            edgecolor=colour,
            linewidth=0.9,
            zorder=3,
            label=one.phenotype,
        )
    axis.set_yticks(*zip(*scale.list_ticks(), strict=True))
    axis.set_ylim(0, 100)
    axis.set_ylabel("per 7.5 mL")
    axis.set_title(title, loc="left")
    axis.grid(axis="y", color=_GRID, lw=0.6)
    axis.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), fontsize=8)


def _top(point: DrawPoint) -> float:
    top = point.upper95_per_7_5_ml if point.count == 0 else point.ci95_high_per_7_5_ml
    return top if top is not None else (point.per_7_5_ml or 0.0)


def _draw_analyte(axis: Any, analyte: AnalyteSeries) -> None:
    days = [_day(p.date) for p in analyte.points]
    axis.plot(days, [p.value for p in analyte.points], color=INK, lw=0.8, marker="s", ms=3.5)
    axis.set_ylim(bottom=0)
    axis.set_ylabel(analyte.unit)
    axis.set_title(analyte.analyte, loc="left")
    axis.grid(axis="y", color=_GRID, lw=0.6)


def _shade_treatments(axis: Any, events: Sequence[PatientEvent]) -> None:
    for event in events:
        if event.kind == "treatment":
            end = _day(event.end_date or event.date)
            axis.axvspan(_day(event.date), max(end, _day(event.date) + 1), color="#eef2f4", lw=0)
        else:
            axis.axvline(_day(event.date), color=MUTED, lw=0.6, ls=":")


def _draw_events(axis: Any, events: Sequence[PatientEvent]) -> None:
    for event in events:
        lane, start = _LANES[event.kind], _day(event.date)
        end = _day(event.end_date or event.date)
        axis.plot([start, end], [lane, lane], color=INK, lw=4, solid_capstyle="butt")
        axis.plot([start], [lane], color=INK, marker="|", ms=8)
        axis.text(start, lane + 0.28, event.detail or "", fontsize=7, va="bottom", clip_on=True)
    axis.set_yticks(list(_LANES.values()), list(_LANES))
    axis.set_ylim(-0.5, 2.9)
    axis.tick_params(axis="y", length=0)
