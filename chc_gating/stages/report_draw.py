"""`chc report-draw`: the page of one draw, from what its stages wrote."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from chc_gating.batch import layout
from chc_gating.batch.configuration import load_batch
from chc_gating.counting.limit_calls import LimitsJudge
from chc_gating.model.count import DrawCount
from chc_gating.reporting.draw_page import render_draw_page
from chc_gating.stages.evidence import read_evidence
from chc_gating.stages.read_limits import read_limits
from chc_gating.storage.atomic import write_text
from chc_gating.storage.records import read_record


def report_draw(
    config_path: Path, *, draw: str, results: Path, output: Path, directory: Path = Path()
) -> None:
    """Write the page of one draw from its count.json, its limits and its acquisitions' results.

    config_path : config.yaml; paths in it are relative to ``directory``.
    results : the results folder, with ``draws/{draw}/count.json``, ``acquisitions/`` and, where
    they were computed, ``limits/``.
    output : report.html.

    Raises ConfigError for faults of the configuration and a draw that the sheet does not name;
    ChcError for a result that is absent or of another version.
    """
    batch = load_batch(config_path, directory=directory, only_draw=draw)
    count = read_record(layout.count_file(results, draw), DrawCount)
    evidence = [
        read_evidence(layout.acquisition_folder(results, a.acquisition), acquisition=a.acquisition)
        for a in count.acquisitions
    ]
    judge = LimitsJudge(read_limits(batch, [draw], results), loq_cv=batch.settings.loq_cv)
    judged, groups = judge.judge_draw(count)
    page = render_draw_page(
        judged,
        evidence,
        judged=judge.bound_limits(groups),
        patient_link=_link_patient(Path(results), count, folder=output.parent),
    )
    write_text(output, page)


def _link_patient(results: Path, count: DrawCount, *, folder: Path) -> str | None:
    """Return the address of the patient's page over time; donors and spiked blood have none."""
    if count.draw["cohort"] != "patient":
        return None
    page = layout.patient_page(results, count.draw["patient"])
    return quote(Path(os.path.relpath(page, folder)).as_posix())
