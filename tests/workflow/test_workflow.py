"""The workflow as its users meet it: run, run again, edit, lose a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from batch_files import read_counts, read_table
from run_workflow import Run, run_snakemake
from small_batch import CHC, COUNTED, CTC, FLOW_CELLS, LEUKOCYTE, NOT_COUNTED, SLIDE_CELLS

LIMITS = (
    "results/limits/flow/wide/-/limits.json",
    "results/limits/flow/narrow/-/limits.json",
    "results/limits/slide/slide/-/limits.json",
)
BATCH = ("cohort.json", "counts.tsv", "counts.parquet", "not_counted.tsv", "report.html")

pytestmark = pytest.mark.workflow


def test_every_planted_cell_is_counted_in_both_modalities(batch: Path) -> None:
    classes = {"CHC": CHC, "CTC": CTC, "leukocyte": LEUKOCYTE}
    expected = {
        (draw, "flow", name): FLOW_CELLS[draw][key]
        for draw in COUNTED
        for name, key in classes.items()
    } | {("P1-second", "image", name): SLIDE_CELLS[key] for name, key in classes.items()}

    rows = read_counts(batch)
    counted = {
        (row["draw"], row["modality"], row["phenotype"]): int(row["count"])
        for row in rows
        if row["phenotype"] in classes and row["status"] == "counted"
    }
    assert counted == expected


def test_fractions_of_the_sheet_become_the_exposure(batch: Path) -> None:
    # 7.5 mL x 0.5 stained x 0.8 acquired = 3 mL; 12 cells in 3 mL are 30 in 7.5 mL
    [row] = [
        row for row in read_counts(batch) if row["draw"] == "P1-first" and row["phenotype"] == "CHC"
    ]

    assert float(row["exposure_ml"]) == pytest.approx(3)
    assert float(row["per_7_5_ml"]) == pytest.approx(30)


def test_broken_and_missing_files_leave_their_draws_not_counted_with_a_reason(batch: Path) -> None:
    rows = read_table(batch / "results/batch/not_counted.tsv")

    assert {row["draw"] for row in rows} == set(NOT_COUNTED)
    assert all(row["reason"] for row in rows)
    assert {row["draw"] for row in read_counts(batch) if row["count"]} == set(COUNTED)


def test_statements_on_the_batch_stand_in_their_file_and_on_the_page(batch: Path) -> None:
    result = json.loads((batch / "results/batch/cohort.json").read_text("utf-8"))
    page = (batch / "results/batch/report.html").read_text("utf-8")
    pairs = [
        (draw["draw"], draw["chc"], draw["ctc"])
        for scope in result["chc_to_ctc"]
        for draw in scope["draws"]
        if scope["gates"] == "wide"
    ]

    assert pairs == [("P1-first", 12, 3), ("P1-second", 7, 0)]
    assert {pair["draw"] for one in result["agreement"] for pair in one["pairs"]} == {"P1-second"}
    assert "<h2>CHC against CTC</h2>" in page
    assert "Flow against slide" in page


def test_closing_lines_say_what_was_counted_and_what_was_not(finished: tuple[Path, Run]) -> None:
    _, run = finished
    closing = run.output[run.output.index("of 5 draws") - 40 :]

    assert "3 of 5 draws" in closing
    assert all(draw in closing for draw in NOT_COUNTED)
    assert "results/batch/report.html" in closing
    assert "logs" in closing


def test_logs_and_benchmarks_mirror_results(batch: Path) -> None:
    for stage in ("acquisitions/P1-first-flow/gate-flow", "draws/P1-first/count"):
        assert (batch / f"logs/{stage}.log").is_file()
        assert (batch / f"benchmarks/{stage}.tsv").is_file()


def test_second_run_does_nothing(batch: Path) -> None:
    before = times(batch)
    run = run_snakemake(batch)

    assert run.returncode == 0, run.output
    assert "Nothing to be done" in run.output
    assert times(batch) == before


def test_sheets_saved_again_without_a_change_run_nothing(batch: Path) -> None:
    for name in ("config.yaml", "draws.tsv", "acquisitions.tsv"):
        (batch / "config" / name).touch()

    assert folders_written(batch) == set()


def test_edited_gates_run_again_for_the_draws_that_use_them(batch: Path) -> None:
    replace(batch / "config/gates/narrow.yaml", "CK: {fixed: 1000}", "CK: {fixed: 20000}")

    assert folders_written(batch) == {
        "acquisitions/P2-first-flow",
        "limits/flow/narrow/-",
        "draws/P2-first",
        "patients/P2",
        "batch",
    }
    chc = {
        row["draw"]: row["count"]
        for row in read_counts(batch)
        if row["phenotype"] == "CHC" and row["modality"] == "flow" and row["status"] == "counted"
    }
    assert chc == {"P1-first": "12", "P1-second": "7", "P2-first": "0"}


def test_edited_row_of_a_draw_counts_that_draw_again(batch: Path) -> None:
    replace(batch / "config/draws.tsv", "2026-01-05\t7.5", "2026-01-05\t6.0")

    assert folders_written(batch) == {"draws/P1-first", "patients/P1", "batch"}


def test_edited_row_of_an_acquisition_counts_its_draw_again(batch: Path) -> None:
    replace(
        batch / "config/acquisitions.tsv",
        "P2-first.fcs\tflow\tnarrow\t0.5",
        "P2-first.fcs\tflow\tnarrow\t0.4",
    )

    assert folders_written(batch) == {"draws/P2-first", "patients/P2", "batch"}


def test_edited_biomarker_writes_the_page_of_its_patient_only(batch: Path) -> None:
    sheet = "patient\tdate\tanalyte\tvalue\tunit\nP1\t2026-01-05\tCEA\t{}\tug/L\n"
    biomarkers = batch / "config/biomarkers.tsv"
    biomarkers.write_text(sheet.format(4))
    config = "results: results"
    replace(batch / "config/config.yaml", config, f"{config}\nbiomarkers: config/biomarkers.tsv")
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output

    biomarkers.write_text(sheet.format(6))
    assert folders_written(batch) == {"patients/P1"}


def test_limits_are_made_for_what_patients_use_and_say_why_they_are_not_assessable(
    batch: Path,
) -> None:
    found = {path: read_limits(batch / path) for path in LIMITS}
    assert {one["status"] for one in found.values()} == {"not_assessable"}
    wide = found["results/limits/flow/wide/-/limits.json"]
    assert [one["draw"] for one in wide["left_out"]] == ["P3-absent"]
    assert wide["reason"] == "0 healthy donors of the blank lot counted, and limits need 20"
    chc = [row for row in read_counts(batch) if row["phenotype"] == "CHC" and row["count"]]
    assert {row["call"] for row in chc} == {"not_assessable"}


def test_edited_row_of_a_donor_makes_limits_and_pages_again_but_no_other_count(
    batch: Path,
) -> None:
    replace(batch / "config/draws.tsv", "2026-01-19\t7.5", "2026-01-19\t7.0")
    before = times(batch)
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output
    after = times(batch)

    assert {name for name in after if after[name] != before[name]} == {
        "draws/P3-absent/count.json",
        "draws/P3-absent/report.html",
        "limits/flow/wide/-/limits.json",
        "draws/P1-first/report.html",
        "draws/P1-second/report.html",
        "draws/P2-broken/report.html",
        *(f"patients/{name}/monitor.{end}" for name in ("P1", "P2") for end in ("html", "json")),
        *(f"batch/{name}" for name in BATCH),
    }


def test_changed_number_of_donors_makes_limits_again_but_no_count(batch: Path) -> None:
    # 3 mL of the one donor who can be counted, in whose blood there are 5 CHC
    (batch / "raw/P3-absent.fcs").write_bytes((batch / "raw/P2-first.fcs").read_bytes())
    config = batch / "config/config.yaml"
    replace(config, "min_events: 100", "min_events: 100\n  min_donors: 1\n  loq_cv: 0.25")
    counts = {draw: (batch / f"results/draws/{draw}/count.json") for draw in COUNTED}
    before = {draw: path.stat().st_mtime_ns for draw, path in counts.items()}
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output

    assert {draw: path.stat().st_mtime_ns for draw, path in counts.items()} == before
    [row] = [
        row for row in read_counts(batch) if row["draw"] == "P1-first" and row["phenotype"] == "CHC"
    ]
    # one donor: Jeffreys predictive of 5 events, NB(5.5, 1/2), mean 5.5, P(X <= 12) = .965
    assert (row["lob_count"], row["call"]) == ("12", "below_lob")
    assert float(row["expected_background"]) == pytest.approx(5.5)
    assert float(row["loq_count"]) == pytest.approx(16)


def test_donors_raw_file_that_appears_is_counted_and_no_other(batch: Path) -> None:
    (batch / "raw/P3-absent.fcs").write_bytes((batch / "raw/P2-first.fcs").read_bytes())

    assert folders_written(batch) == {
        "acquisitions/P3-absent-flow",
        "draws/P3-absent",
        "limits/flow/wide/-",
        "draws/P1-first",
        "draws/P1-second",
        "draws/P2-broken",
        "patients/P1",
        "patients/P2",
        "batch",
    }
    not_counted = read_table(batch / "results/batch/not_counted.tsv")
    assert {row["draw"] for row in not_counted} == {"P2-broken"}


def test_one_draw_runs_again_by_its_page(batch: Path) -> None:
    page = "results/draws/P1-first/report.html"

    assert folders_written(batch, page, "--force") == {"draws/P1-first"}


def test_jobs_run_the_interpreter_that_runs_snakemake(batch: Path, tmp_path: Path) -> None:
    decoys = tmp_path / "decoys"
    decoys.mkdir()
    for name in ("python", "python3", "chc"):
        (decoys / name).write_text("#!/bin/sh\necho a decoy ran >&2\nexit 99\n")
        (decoys / name).chmod(0o755)

    page = "results/draws/P1-first/report.html"
    path = os.pathsep.join([str(decoys), "/usr/bin", "/bin"])
    run = run_snakemake(batch, page, "--forceall", path=path)

    assert run.returncode == 0, run.output


def test_strict_fails_at_the_end_and_keeps_the_counts(batch: Path) -> None:
    replace(batch / "config/config.yaml", "min_events: 100", "min_events: 100\n  strict: true")
    run = run_snakemake(batch)

    assert run.returncode != 0, run.output
    assert "P2-broken" in run.output
    assert {row["draw"] for row in read_counts(batch) if row["count"]} == set(COUNTED)


def test_faults_of_the_sheets_stop_the_run_before_any_job(batch: Path) -> None:
    replace(batch / "config/draws.tsv", "2026-01-12\t7.5", "2026-01-12\t-7.5")
    replace(batch / "config/acquisitions.tsv", "narrow\t0.5", "narrow\t1.5")
    before = times(batch)
    run = run_snakemake(batch)

    assert run.returncode != 0
    assert "draws.tsv, row 4, volume_ml" in run.output
    assert "acquisitions.tsv, row 5, fraction_stained" in run.output
    assert times(batch) == before


def test_pages_are_collected_by_the_report_of_snakemake(batch: Path) -> None:
    run = run_snakemake(batch, "--report", "collected.zip")

    assert run.returncode == 0, run.output
    assert (batch / "collected.zip").stat().st_size > 0


def read_limits(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


def times(batch: Path) -> dict[str, int]:
    """Return when each result was written, by its path below results/."""
    results = batch / "results"
    return {
        path.relative_to(results).as_posix(): path.stat().st_mtime_ns
        for path in results.rglob("*")
        if path.is_file()
    }


def folders_written(batch: Path, *arguments: str) -> set[str]:
    """Run the workflow; return the folders below results/ in which a file was written."""
    before = times(batch)
    run = run_snakemake(batch, *arguments)
    assert run.returncode == 0, run.output
    after = times(batch)
    assert set(before) <= set(after)
    return {str(Path(name).parent) for name in after if after[name] != before.get(name)}


def replace(path: Path, old: str, new: str) -> None:
    """Edit the one place of a text file that says ``old``."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path} says {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")
