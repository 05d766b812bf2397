"""A workspace as the gates of a study: results, notes, checks and the comparison."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from chc_gating.batch.fingerprints import hash_gates
from chc_gating.batch.gates import load_gates
from chc_gating.cli.main import app
from chc_gating.errors import ChcError, ConfigError
from chc_gating.model.acquisition import AcquisitionQuality, AcquisitionResult
from chc_gating.stages.compare_populations import compare_flowjo
from chc_gating.stages.export_gating_ml import export_gating_ml
from chc_gating.stages.gate_flow import gate_flow
from chc_gating.storage.records import read_record
from tests.flowjo.scene import CHANNELS, COMP, STAINED, compensated, make_events, write_tube
from tests.flowjo.workspace_files import (
    Sample,
    linear,
    logicle,
    matrix,
    polygon,
    population,
    rectangle,
    write_workspace,
)

PANEL = """
modality: flow
channels:
  FSC-A: {role: scatter}
  SSC-A: {role: scatter}
  FITC-A: {marker: CK, role: epithelial}
  APC-A: {marker: CD45, role: leukocyte}
  PE-A: {marker: EPCAM, role: epithelial}
  Time: {role: time}
"""
GATES = """
file: study.wsp
group: patients
phenotype: /Cells
nucleated: Cells
markers:
  CD45: {positive: Cells/CD45+, negative: Cells/CD45-}
  CK: {positive: CK+, negative: CK-}
phenotypes:
  CHC: CD45+ and CK+
  CTC: CD45- and CK+
  leukocyte: CD45+ and CK-
"""
MATRIX = [[1.0, 0.05, 0.2], [0.02, 1.0, 0.1], [0.15, 0.01, 1.0]]


def write_inputs(folder: Path, *more: str, name: str = "p1.fcs") -> dict[str, Path]:
    tree = population(
        "Cells",
        rectangle({"FSC-A": (30_000.0, None)}),
        population("CD45+", rectangle({"Comp-APC-A": (1000.0, None)})),
        population("CD45-", rectangle({"Comp-APC-A": (None, 700.0)})),
        population("CK+", rectangle({"Comp-FITC-A": (2000.0, None)})),
        population("CK-", rectangle({"Comp-FITC-A": (None, 2000.0)})),
        *more,
    )
    scales = {c: linear() for c in CHANNELS} | {c: logicle() for c in (*STAINED, *COMP)}
    sample = Sample(name, [tree], matrix=matrix(STAINED, MATRIX), scales=scales)
    write_workspace(folder / "study.wsp", [sample], groups={"patients": [name]})
    (folder / "panel.yaml").write_text(PANEL)
    (folder / "gates.yaml").write_text(GATES)
    write_tube(folder / "p1.fcs")
    return {"panel": folder / "panel.yaml", "gates": folder / "gates.yaml"}


def run(folder: Path, *more: str) -> tuple[AcquisitionResult, AcquisitionQuality]:
    inputs = write_inputs(folder, *more)
    output = folder / "results" / "acquisitions" / "P1"
    gate_flow(folder / "p1.fcs", **inputs, output=output)
    return (
        read_record(output / "populations.json", AcquisitionResult),
        read_record(output / "quality.json", AcquisitionQuality),
    )


def test_phenotypes_are_called_by_the_populations_of_the_files_own_sample(tmp_path: Path) -> None:
    result, _ = run(tmp_path)
    values = compensated(tmp_path / "p1.fcs")
    cells = values["FSC-A"] >= 30_000
    cd45, ck = values["Comp-APC-A"], values["Comp-FITC-A"] >= 2000
    counts = {p.name: p.events for p in result.phenotypes}
    assert counts["CHC"] == (cells & (cd45 >= 1000) & ck).sum() > 100
    assert counts["CTC"] == (cells & (cd45 < 700) & ck).sum() > 100
    assert counts["leukocyte"] == (cells & (cd45 >= 1000) & ~ck).sum() > 100
    assert result.status == "counted"
    assert result.nucleated_events == cells.sum()


def test_the_result_says_which_workspace_and_matrix_made_it(tmp_path: Path) -> None:
    result, _ = run(tmp_path)
    assert result.spillover is not None
    assert result.spillover.source == "study.wsp, matrix Acquisition-defined"
    np.testing.assert_allclose(result.spillover.matrix, MATRIX)
    assert [i.role for i in result.inputs] == ["raw", "panel", "gates", "gates_source"]
    assert set(result.gates.populations) == {"Cells", "CD45+", "CD45-", "CK+", "CK-"}


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (rectangle({"Comp-PE-A": (1e7, None)}), "lies above all values of PE-A (compensated)"),
        (rectangle({"PE-A": (None, -1e7)}), "lies below all values of PE-A (not compensated)"),
        (
            polygon(("Comp-PE-A", "FSC-A"), [(1e7, 1), (2e7, 1), (1e7, 3e5)]),
            "lies above all values of PE-A (compensated)",
        ),
        (rectangle({"Comp-PE-A": (3000.0, 3000.0001)}), "events of Cells is inside"),
    ],
    ids=["above", "below", "polygon", "between"],
)
def test_an_empty_population_says_why_and_so_do_those_below_it(
    tmp_path: Path, gate: str, words: str
) -> None:
    below = population("child", rectangle({"FSC-A": (0.0, None)}))
    _, quality = run(tmp_path, population("odd", gate, below))
    assert any(n.startswith("population odd is empty: ") and words in n for n in quality.notes)
    assert "population child is empty: its parent odd is empty" in quality.notes


def test_a_population_that_no_value_can_decide_says_so(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, population("odd", rectangle({"SSC-A": (0.0, None)})))
    events = make_events()
    events[:, 1] = np.nan
    write_tube(tmp_path / "p1.fcs", events)
    gate_flow(tmp_path / "p1.fcs", **inputs, output=tmp_path / "out")
    quality = read_record(tmp_path / "out" / "quality.json", AcquisitionQuality)
    assert any("odd is empty: a value that its gate needs is not" in n for n in quality.notes)


def test_what_was_left_out_is_noted(tmp_path: Path) -> None:
    _, quality = run(tmp_path, population("odd", "<gating:CurlyQuad />"))
    note = "population /Cells/odd left out: it is a gate of the kind CurlyQuad"
    assert note in quality.notes


def test_a_file_without_a_sample_stops_with_exit_code_2(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, name="other.fcs")
    with pytest.raises(ConfigError, match=r"study\.wsp, group patients: has no sample p1\.fcs"):
        gate_flow(tmp_path / "p1.fcs", **inputs, output=tmp_path / "out", record_faults=True)


def test_a_bead_population_is_found_by_its_path(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path)
    output = tmp_path / "out"
    gate_flow(tmp_path / "p1.fcs", **inputs, output=output, bead_population="/Cells/CK-")
    result = read_record(output / "populations.json", AcquisitionResult)
    assert result.bead_events == {p.name: p.events for p in result.populations}["CK-"]


def test_counts_of_a_workspace_are_compared_with_its_own(tmp_path: Path) -> None:
    result, _ = run(tmp_path)
    results, study = tmp_path / "results", tmp_path / "study.wsp"
    counts = {p.name: p.events for p in result.populations}
    text = study.read_text()
    for name in ("Cells", "CD45+", "CD45-", "CK+", "CK-"):
        before = f'<Population name="{name}" annotation="" owningGroup="" count="-1"'
        assert before in text
        text = text.replace(before, before.replace("-1", str(counts[name])))
    study.write_text(text)
    comparison = compare_flowjo(results, workspace=study)
    assert comparison.agrees, comparison.text
    assert "5 counts compared, 0 differ." in comparison.text


def test_a_workspace_is_not_exported_as_an_empty_document(tmp_path: Path) -> None:
    inputs, output = write_inputs(tmp_path), tmp_path / "x.xml"
    with pytest.raises(ChcError, match="has gates per sample"):
        export_gating_ml(tmp_path / "study.wsp", panel=inputs["panel"], output=output)
    assert not output.exists()


def test_a_moved_gate_changes_the_hash_and_a_moved_folder_does_not(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    hashes = []
    for folder, more in ((one, ()), (other, ()), (other, (population("X", rectangle({})),))):
        folder.mkdir(exist_ok=True)
        write_inputs(folder, *more)
        hashes.append(hash_gates(load_gates(folder / "gates.yaml")))
    assert hashes[0] == hashes[1] != hashes[2]


def test_chc_check_finds_a_file_without_a_sample(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    for folder in ("config/panels", "config/gates", "raw"):
        (tmp_path / folder).mkdir(parents=True)
    write_inputs(tmp_path)
    (tmp_path / "panel.yaml").rename(tmp_path / "config/panels/panel.yaml")
    for name in ("gates.yaml", "study.wsp"):
        (tmp_path / name).rename(tmp_path / "config/gates" / name)
    (tmp_path / "p1.fcs").rename(tmp_path / "raw/p1.fcs")
    write_tube(tmp_path / "raw/p2.fcs")
    (tmp_path / "config/config.yaml").write_text(
        "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n"
        "panels: config/panels\ngates: config/gates\nresults: results\n"
    )
    (tmp_path / "config/draws.tsv").write_text(
        "draw\tpatient\tcohort\tcollected_on\nD1\tP1\tpatient\t2026-01-01\n"
    )
    rows = ["acquisition\tdraw\tmodality\tfile\tpanel\tgates"]
    rows += [f"{a}\tD1\tflow\traw/{f}\tpanel\tgates" for a, f in (("A1", "p1.fcs"),)]
    sheet = tmp_path / "config/acquisitions.tsv"
    sheet.write_text("\n".join(rows) + "\n")
    runner = CliRunner()
    good = runner.invoke(app, ["check", "config/config.yaml"])
    assert good.exit_code == 0, good.output
    sheet.write_text("\n".join([*rows, "A2\tD1\tflow\traw/p2.fcs\tpanel\tgates"]) + "\n")
    bad = runner.invoke(app, ["check", "config/config.yaml"])
    assert bad.exit_code == 2
    assert "has no sample p2.fcs" in bad.output


def test_the_workflow_runs_again_when_the_workspace_changes(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from chc_gating.workflow.acquisitions import AcquisitionJobs

    write_inputs(tmp_path)
    row = SimpleNamespace(gates="gates")
    batch = SimpleNamespace(
        gates={"gates": load_gates(tmp_path / "gates.yaml")},
        acquisitions={"A1": row},
        gates_folder=tmp_path,
    )
    jobs = AcquisitionJobs(batch)  # type: ignore[arg-type]
    wildcards = SimpleNamespace(acquisition="A1", draw="", panel="")
    assert jobs.gates_source(wildcards) == [(tmp_path / "study.wsp").as_posix()]


def test_results_are_the_same_bytes_for_any_number_of_threads(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path)
    for threads in (1, 2):
        gate_flow(tmp_path / "p1.fcs", **inputs, output=tmp_path / str(threads), threads=threads)
    one, two = ((tmp_path / n / "populations.json").read_bytes() for n in ("1", "2"))
    assert one == two
    assert json.loads(one)["gates"]["file"] == "study.wsp"
