"""`chc cohort` from files to cohort.json, and its sections on the page of the batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cohort_cases import make_draw

from chc_gating.errors import ChcError
from chc_gating.model.cohort import CohortResult
from chc_gating.stages.cohort import cohort
from chc_gating.stages.report_batch import report_batch
from chc_gating.storage.records import read_record, write_record

PANEL = """\
modality: flow
spillover: none
channels:
  APC-A: {marker: CD45, role: leukocyte}
  FITC-A: {marker: CK, role: epithelial}
"""
GATES = """\
cuts:
  CD45: {fixed: 2000}
  CK: {fixed: 1500}
phenotypes:
  CHC: CD45+ and CK+
  CTC: CD45- and CK+
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = tmp_path / "config"
    for name, text in {"panels/chc4": PANEL, "gates/chc": GATES}.items():
        (config / f"{name}.yaml").parent.mkdir(parents=True)
        (config / f"{name}.yaml").write_text(text, encoding="utf-8")
    (config / "config.yaml").write_text(
        "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n", encoding="utf-8"
    )
    draws = ["draw\tpatient\tcohort\tcollected_on\tgroup"]
    rows = ["acquisition\tdraw\tmodality\tfile\tpanel\tgates"]
    for arm, counts in {"A": (0, 2, 1, 0, 3), "B": (9, 14, 4, 22, 8)}.items():
        for i, count in enumerate(counts):
            name = f"{arm}{i}-T1"
            draws.append(f"{name}\t{arm}{i}\tpatient\t2026-01-05\t{arm}")
            rows.append(f"{name}-A\t{name}\tflow\traw/{name}.fcs\tchc4\tchc")
            path = tmp_path / "results" / "draws" / name / "count.json"
            write_record(path, make_draw(name, count, facts={"group": arm}))
    (config / "draws.tsv").write_text("\n".join(draws) + "\n", encoding="utf-8")
    (config / "acquisitions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def run(folder: Path, output: Path) -> CohortResult:
    config = folder / "config" / "config.yaml"
    cohort(config, results=folder / "results", output=output, directory=folder)
    return read_record(output, CohortResult)


def test_file_holds_every_number_and_is_the_same_again(folder: Path) -> None:
    result = run(folder, folder / "one.json")
    run(folder, folder / "two.json")

    assert (folder / "one.json").read_bytes() == (folder / "two.json").read_bytes()
    assert json.loads((folder / "one.json").read_text("utf-8"))["schema"] == "chc_gating/cohort/1"
    assert [c.field for c in result.comparisons] == ["group", "group"]
    assert len(result.inputs) == 10


def test_page_shows_groups_only_with_the_file(folder: Path) -> None:
    results, config = folder / "results", folder / "config" / "config.yaml"
    run(folder, results / "batch" / "cohort.json")
    report_batch(config, results=results, output=folder / "without", directory=folder)
    report_batch(
        config,
        results=results,
        output=results / "batch",
        cohort=results / "batch" / "cohort.json",
        directory=folder,
    )

    assert "<h2>Groups</h2>" not in (folder / "without" / "report.html").read_text("utf-8")
    page = (results / "batch" / "report.html").read_text("utf-8")
    assert "<h2>Groups</h2>" in page
    assert "permutation p" in page
    assert "<h2>Agreement</h2>" in page


def test_draw_without_its_count_is_told(folder: Path) -> None:
    (folder / "results" / "draws" / "A0-T1" / "count.json").unlink()

    with pytest.raises(ChcError, match="A0-T1"):
        run(folder, folder / "one.json")
