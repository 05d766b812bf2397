"""The page of one patient over time: sentences first, then the figure and the tables."""

from __future__ import annotations

from collections.abc import Mapping

from chc_gating.model.monitor import AnalyteSeries, DrawPoint, LeadTime, Monitor, PairChange, Series
from chc_gating.reporting.numerals import NONE, format_amount, format_count, format_volume
from chc_gating.reporting.page import render_page
from chc_gating.reporting.sentences import MODALITY_WORDS, RESEARCH_USE, describe_count
from chc_gating.reporting.timeline import draw_timeline


def render_monitor_page(monitor: Monitor, *, links: Mapping[str, str]) -> str:
    """Return a patient's page as self-contained HTML; ``links`` lead to the draws' pages."""
    return render_page(
        "monitor.html",
        {
            "monitor": monitor,
            "links": links,
            "figure": draw_timeline(monitor),
            "views": [_view(series, monitor) for series in monitor.series],
            "lead_times": [describe_lead_time(lead) for lead in monitor.lead_times],
            "analyte_words": [_describe_analyte(a) for a in monitor.analytes],
            "analyte_doubling": [
                describe_time(a.doubling_months, a.doubling95_low_months, a.doubling95_high_months)
                if a.doubling_reason is None
                else f"not given: {a.doubling_reason}"
                for a in monitor.analytes
            ],
            "research_use": RESEARCH_USE,
            "version": monitor.software_version,
            "format_p": format_p,
        },
    )


def format_p(p: float | None) -> str:
    """Return a p with two significant digits; a tiny one as a bound, none as a dash."""
    if p is None:
        return NONE
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}" if p < 0.995 else "1"


def describe_time(middle: float | None, low: float | None, high: float | None) -> str:
    """Return a doubling time in months with its 95 % interval; an open end is "never"."""
    if middle is None and low is None:
        return "no doubling: the trend does not rise, and its 95 % interval holds no rise"
    top = "never" if high is None else format_amount(high)
    if middle is None:
        return (
            f"no doubling: the trend does not rise (95 % interval from {format_amount(low)} months)"
        )
    bottom = NONE if low is None else format_amount(low)
    return f"{format_amount(middle)} months (95 % interval {bottom} to {top})"


def describe_lead_time(lead: LeadTime) -> str:
    """Return a lead time as an interval; never as one number."""
    low, high = lead.shortest_days, lead.longest_days
    if low is None and high is None:
        span = "not bounded on either side by the dates given"
    elif high is None:
        span = f"at least {low} days; no earlier draw bounds it above"
    elif low is None:
        span = f"at most {high} days; no earlier examination bounds it below"
    else:
        span = f"between {low} and {high} days"
    return f"From {lead.earlier} to {lead.later}: {span}."


def _describe_analyte(analyte: AnalyteSeries) -> str:
    last = analyte.points[-1]
    start = f"{analyte.analyte}: {format_amount(last.value)} {analyte.unit} on {last.date}"
    if last.change is None:
        return f"{start}; no result before it to compare with."
    words = {"rise": "beyond", "fall": "beyond", None: "within"}[last.beyond]
    return (
        f"{start}, {100 * last.change:+.0f} % against the result before: {words} the reference "
        f"change value ({100 * analyte.reference_rise:+.1f} / "
        f"{100 * analyte.reference_fall:+.1f} %)."
    )


def _view(series: Series, monitor: Monitor) -> dict[str, object]:
    modality = MODALITY_WORDS.get(series.modality, series.modality)
    return {
        "series": series,
        "heading": f"{series.phenotype}, {modality}",
        "scope": f"panel {series.panel}, gates {series.gates}",
        "sentences": _say(series, monitor),
        "points": [_line(point) for point in series.points],
        "changes": [_change(change) for change in series.changes],
        "doubling": None
        if series.trend is None
        else describe_time(
            series.trend.doubling_months,
            series.trend.doubling95_low_months,
            series.trend.doubling95_high_months,
        ),
    }


def _say(series: Series, monitor: Monitor) -> list[str]:
    used = [point for point in series.points if point.used]
    said = [f"{len(used)} of {len(series.points)} draws can be compared."]
    if series.changes:
        said.append(_say_change(series.changes[-1]))
    confirm = monitor.parameters["alarm_confirm"]
    if series.charts is None:
        said.append(f"Alarms are not assessable: {series.charts_reason}.")
    elif series.alarm is not None:
        a = series.alarm
        said.append(
            f"Alarm of the {monitor.parameters['alarm_rule']} chart, first signal {a.first_on} "
            f"({a.first_draw}), confirmed {a.confirmed_on} ({a.confirmed_by})."
        )
    elif series.unconfirmed_signals:
        names = ", ".join(series.unconfirmed_signals)
        said.append(f"Signal at {names}, not confirmed ({confirm} draws in a row are needed).")
    else:
        said.append("No alarm of the chart after the baseline window.")
    return said


def _say_change(change: PairChange) -> str:
    clinical = (
        "clinical change not assessed (settings.biological_alpha is blank)"
        if change.p_clinical is None
        else f"clinical p {format_p(change.p_clinical)}"
    )
    return (
        f"Newest change, {change.earlier} to {change.later}: rate ratio {_ratio(change)}, "
        f"analytical p {format_p(change.p_analytical)}; {clinical}."
    )


def _ratio(change: PairChange) -> str:
    low = format_amount(change.ratio95_low)
    if change.rate_ratio is None:
        if change.later_count == 0:
            return "not known (both counts 0)"
        return f"not finite (earlier count 0), 95 % interval from {low}"
    high = "no bound" if change.ratio95_high is None else format_amount(change.ratio95_high)
    return f"{format_amount(change.rate_ratio)} (95 % interval {low} to {high})"


def _line(point: DrawPoint) -> dict[str, str]:
    interval = ""
    if point.per_7_5_ml is not None and point.used:
        interval = (
            f"at most {format_amount(point.upper95_per_7_5_ml)}"
            if point.count == 0
            else f"{format_amount(point.ci95_low_per_7_5_ml)} to "
            f"{format_amount(point.ci95_high_per_7_5_ml)}"
        )
    signal = "" if point.signal is None else "signal" if point.signal else "none"
    if point.in_baseline:
        signal = "baseline"
    return {
        "draw": point.draw,
        "collected_on": point.collected_on,
        "count": describe_count(point.count),
        "volume": format_volume(point.exposure_ml),
        "rate": format_amount(point.per_7_5_ml),
        "interval": interval or NONE,
        "cusum": format_amount(point.cusum),
        "ewma": NONE
        if point.ewma_per_ml is None
        else f"{format_amount(point.ewma_per_ml)} (limit {format_amount(point.ewma_limit_per_ml)})",
        "signal": signal or NONE,
        "lob": format_count(point.lob_count),
        "reason": f"left out of all computations; {point.reason}" if point.reason else "",
    }


def _change(change: PairChange) -> dict[str, str]:
    return {
        "pair": f"{change.earlier} to {change.later}",
        "counts": f"{describe_count(change.earlier_count)} in "
        f"{format_volume(change.earlier_exposure_ml)}, {describe_count(change.later_count)} in "
        f"{format_volume(change.later_exposure_ml)}",
        "ratio": _ratio(change),
        "analytical": format_p(change.p_analytical),
        "clinical": "not assessed" if change.p_clinical is None else format_p(change.p_clinical),
        "extras": f"{format_p(change.extra_p_midp)}, {format_p(change.extra_p_score)}",
        "critical": format_count(change.critical_next_count),
        "rise": NONE
        if change.smallest_rise_fold is None
        else f"{format_amount(change.smallest_rise_fold)}-fold",
    }
