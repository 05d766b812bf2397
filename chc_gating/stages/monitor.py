"""`chc monitor`: one patient's draws over time (monitor.json, monitor.html)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from chc_gating.batch import layout
from chc_gating.batch.configuration import load_batch
from chc_gating.batch.contents import Batch
from chc_gating.batch.settings import Settings
from chc_gating.counting.limit_calls import LimitsJudge
from chc_gating.errors import ChcError
from chc_gating.model.count import DrawCount
from chc_gating.model.limits import Limits
from chc_gating.model.monitor import PatientEvent
from chc_gating.monitoring.patient import monitor_patient
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.reporting.monitor_page import render_monitor_page
from chc_gating.stages.read_limits import read_limits
from chc_gating.storage.atomic import replacing_files, write_text
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record


def monitor(
    config_path: Path,
    *,
    patient: str,
    results: Path,
    output: Path,
    limits: Sequence[Path] = (),
    directory: Path = Path(),
) -> None:
    """Write monitor.json and monitor.html of one patient to ``output``.

    config_path : config.yaml; paths in it are relative to ``directory``.
    results : the results folder, with ``draws/{draw}/count.json`` of the patient's draws and,
    where they were computed, ``limits/``.
    limits : limits.json files to join; where none is named, those of the results folder.

    Raises ConfigError for faults of the configuration; ChcError for a patient without draws, a
    draw without count.json, and limits that are absent or of another version.
    """
    batch = load_batch(config_path, directory=directory, only_patient=patient)
    draws = [name for name, row in batch.draws.items() if row.patient == patient]
    if not draws:
        raise ChcError(
            f"patient {patient}: has no draw in the draws sheet of {config_path}; correct the id"
        )
    paths = {name: layout.count_file(Path(results), name) for name in draws}
    named = [read_record(path, Limits) for path in limits]
    judge = LimitsJudge(
        named or read_limits(batch, draws, Path(results)), loq_cv=batch.settings.loq_cv
    )
    record = monitor_patient(
        patient,
        [judge.judge_draw(read_record(path, DrawCount))[0] for path in paths.values()],
        analytes=_list_analytes(batch, patient),
        events=_list_events(batch, patient),
        rules=read_rules(batch.settings),
        software_version=software_version(),
        inputs=[describe_input(name, path) for name, path in paths.items()],
    )
    links = {name: _link(path.with_name("report.html"), output) for name, path in paths.items()}
    page = render_monitor_page(record, links=links)
    with replacing_files(output) as new:
        write_record(new / "monitor.json", record)
        write_text(new / "monitor.html", page)


def read_rules(settings: Settings) -> MonitorRules:
    """Return the rules of monitoring that a batch's settings fix."""
    until = settings.baseline_until
    return MonitorRules(
        biological_alpha=settings.biological_alpha,
        baseline_draws=settings.baseline_draws,
        baseline_until=None if until is None else until.isoformat(),
        cusum_low_per_ml=settings.cusum_low_per_ml,
        cusum_ratio=settings.cusum_ratio,
        cusum_h=settings.cusum_h,
        ewma_weight=settings.ewma_weight,
        ewma_width=settings.ewma_width,
        alarm_rule=settings.alarm_rule,
        alarm_confirm=settings.alarm_confirm,
        analyte_cva=settings.analyte_cva,
        analyte_cvi=settings.analyte_cvi,
    )


def _list_analytes(batch: Batch, patient: str) -> list[tuple[str, str, str, float]]:
    return [
        (row.date.isoformat(), row.analyte, row.unit, row.value)
        for row in batch.biomarkers
        if row.patient == patient
    ]


def _list_events(batch: Batch, patient: str) -> list[PatientEvent]:
    return [
        PatientEvent(
            date=row.date.isoformat(),
            end_date=None if row.end_date is None else row.end_date.isoformat(),
            kind=row.kind,
            detail=row.detail,
        )
        for row in batch.clinical_events
        if row.patient == patient
    ]


def _link(page: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(page, folder)).as_posix())
