"""One series of draws: its points, its alarm and what else it says, as one record."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from chc_gating.model.count import CountRow
from chc_gating.model.monitor import DrawPoint, Series
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.monitoring.series_alarm import find_alarm, mark_signals, pick_baseline, plan_charts
from chc_gating.monitoring.series_findings import (
    compare_pair,
    describe_homogeneity,
    describe_trend,
    find_change_point,
    predict_last_draw,
)
from chc_gating.monitoring.series_points import show_row

NO_LIMITS = "limits: not assessable (alarms are by the charts, not by a limit of blank)"


def follow_series(rows: Sequence[CountRow], *, rules: MonitorRules) -> Series:
    """Return a series of rows of one modality, panel, gates and phenotype, in order of date.

    A row that was not counted, or has no exposure, is shown and left out of every computation.
    """
    ordered = sorted(rows, key=lambda row: (row.collected_on, row.draw, row.lot or ""))
    points = [show_row(row) for row in ordered]
    used = [point for point in points if point.used]
    base = pick_baseline(used, rules)
    after = used[len(base) :]
    charts, reason = plan_charts(base, after, rules=rules)
    if charts is not None:
        after = mark_signals(after, charts, rules=rules)
    base = [point.model_copy(update={"in_baseline": True}) for point in base]
    marked = iter([*base, *after])
    points = [next(marked) if point.used else point for point in points]
    alarm, single = find_alarm(base, after, confirm=rules.alarm_confirm)
    first = ordered[0]
    return Series(
        modality=first.modality or "",
        panel=first.panel or "",
        gates=first.gates or "",
        phenotype=first.phenotype or "",
        points=tuple(points),
        changes=tuple(compare_pair(a, b, rules=rules) for a, b in itertools.pairwise(used)),
        homogeneity=describe_homogeneity(used),
        trend=describe_trend(used, rules),
        predictive=predict_last_draw(used),
        change_point=find_change_point(used),
        charts=charts,
        charts_reason=reason,
        unconfirmed_signals=single,
        alarm=alarm,
        limits=_say_limits(points),
        notes=_list_notes(used, ordered),
    )


def _say_limits(points: Sequence[DrawPoint]) -> str:
    judged = [point for point in points if point.used and point.lob_count is not None]
    if not judged:
        return NO_LIMITS
    above = [point.draw for point in judged if (point.count or 0) > (point.lob_count or 0)]
    return (
        f"limits: {len(above)} of {len(judged)} draws with limits above their own limit of blank"
        f"{': ' + ', '.join(above) if above else ''} (alarms are by the charts)"
    )


def _list_notes(used: Sequence[DrawPoint], rows: Sequence[CountRow]) -> tuple[str, ...]:
    notes = []
    if len({point.lot for point in used}) > 1:
        notes.append(
            "Draws of this series were stained with different lots; a step between lots may be "
            "the reagent's."
        )
    if len({row.recovery for row in rows if row.exposure_ml is not None}) > 1:
        notes.append(
            "Recovery differs between draws: numbers per 7.5 mL include it, tests and charts "
            "use blood examined and do not."
        )
    return tuple(notes)
