"""`chc report-batch`: the tables and the page of a batch, from the counts of its draws."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from chc_gating.batch import layout
from chc_gating.batch.configuration import load_batch
from chc_gating.counting.limit_calls import LimitsJudge
from chc_gating.counting.table import counts_to_arrow, render_counts, render_not_counted
from chc_gating.model.cohort import CohortResult
from chc_gating.model.count import DrawCount
from chc_gating.reporting.batch_page import render_batch_page
from chc_gating.stages.read_limits import read_limits
from chc_gating.storage.atomic import replacing_files, write_text
from chc_gating.storage.provenance import software_version
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import write_table


def report_batch(
    config_path: Path,
    *,
    results: Path,
    output: Path,
    cohort: Path | None = None,
    directory: Path = Path(),
) -> None:
    """Write counts.tsv, counts.parquet, not_counted.tsv and report.html to ``output``.

    config_path : config.yaml; paths in it are relative to ``directory``.
    results : the results folder, with ``draws/{draw}/count.json`` of every draw and, where they
    were computed, ``limits/``.
    output : the folder of the batch's results.
    cohort : cohort.json; None leaves the sections on groups and agreement out of the page.

    Raises ConfigError for faults of the configuration; ChcError where a draw has no count.json.
    """
    batch = load_batch(config_path, directory=directory)
    draws = [read_record(layout.count_file(results, name), DrawCount) for name in batch.draws]
    limits = read_limits(batch, batch.draws, results)
    judge = LimitsJudge(limits, loq_cv=batch.settings.loq_cv)
    judged = [judge.judge_draw(draw) for draw in draws]
    draws = [draw for draw, _ in judged]
    rows = [row for draw in draws for row in draw.rows]
    page = render_batch_page(
        draws,
        links={name: _link_page(results, name, folder=output) for name in batch.draws},
        version=software_version(),
        limits=limits,
        judged={draw.draw["draw"]: groups for draw, groups in judged},
        cohort=None if cohort is None else read_record(cohort, CohortResult),
        patient_links={
            row.patient: _link_patient(results, row.patient, folder=output)
            for row in batch.draws.values()
            if row.cohort == "patient"
        },
    )
    with replacing_files(output) as new:
        write_text(new / "counts.tsv", render_counts(rows))
        write_table(new / "counts.parquet", counts_to_arrow(rows))
        write_text(new / "not_counted.tsv", render_not_counted(draws))
        write_text(new / "report.html", page)


def _link_patient(results: Path, patient: str, *, folder: Path) -> str:
    """Return the address of a patient's page over time as seen from the batch's page."""
    page = layout.patient_page(results, patient)
    return quote(Path(os.path.relpath(page, folder)).as_posix())


def _link_page(results: Path, draw: str, *, folder: Path) -> str:
    """Return the address of a draw's page as seen from the batch's page."""
    page = layout.draw_page(results, draw)
    return quote(Path(os.path.relpath(page, folder)).as_posix())
