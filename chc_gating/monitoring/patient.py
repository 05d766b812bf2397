"""One patient: every series, analyte, event and lead time, as one record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from chc_gating.model.acquisition import InputFile
from chc_gating.model.count import CountRow, DrawCount
from chc_gating.model.monitor import AnalyteSeries, LeadTime, Monitor, PatientEvent, Series
from chc_gating.monitoring.analyte_series import follow_analytes
from chc_gating.monitoring.lead_time import Onset, find_lead_time, find_progression
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.monitoring.series import follow_series

FOLLOWED = ("CHC", "CTC")


def monitor_patient(
    patient: str,
    draws: Sequence[DrawCount],
    *,
    analytes: Iterable[tuple[str, str, str, float]] = (),
    events: Iterable[PatientEvent] = (),
    rules: MonitorRules,
    software_version: str,
    inputs: Sequence[InputFile] = (),
) -> Monitor:
    """Return all that a patient's page shows.

    analytes : (date, analyte, unit, value), ISO dates.
    """
    groups: dict[tuple[str, str, str, int], list[CountRow]] = {}
    for row in (row for draw in draws for row in draw.rows):
        if row.phenotype in FOLLOWED and row.modality and row.panel and row.gates:
            key = (row.modality, row.panel, row.gates, FOLLOWED.index(row.phenotype))
            groups.setdefault(key, []).append(row)
    series = tuple(follow_series(groups[key], rules=rules) for key in sorted(groups))
    followed = follow_analytes(analytes, rules=rules)
    marked = tuple(sorted(events, key=lambda e: (e.date, e.kind, e.detail or "")))
    shown = {row.draw for rows in groups.values() for row in rows}
    return Monitor(
        software_version=software_version,
        inputs=tuple(inputs),
        parameters=asdict(rules),
        patient=patient,
        series=series,
        analytes=followed,
        events=marked,
        lead_times=_find_lead_times(series, followed, marked),
        draws_without_rows=tuple(d.draw["draw"] for d in draws if d.draw["draw"] not in shown),
    )


def _find_lead_times(
    series: Sequence[Series], analytes: Sequence[AnalyteSeries], events: tuple[PatientEvent, ...]
) -> tuple[LeadTime, ...]:
    """Return the days from each CHC alarm to analyte alarms and progression, where both exist."""
    alarms = [
        Onset(f"{s.phenotype} alarm ({s.modality}, {s.panel}, {s.gates})", a.not_before, a.first_on)
        for s in series
        if s.phenotype == "CHC" and (a := s.alarm) is not None
    ]
    rises = [
        Onset(f"{a.analyte} rise ({a.unit})", a.alarm_not_before, a.alarm_on)
        for a in analytes
        if a.alarm_on is not None
    ]
    progression = find_progression(events)
    ends = [] if progression is None else [progression]
    pairs = [(alarm, later) for alarm in alarms for later in [*rises, *ends]]
    pairs += [(rise, end) for rise in rises for end in ends]
    return tuple(find_lead_time(earlier, later) for earlier, later in pairs)
