"""The same populations from YAML and from its Gating-ML export, through the command to the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from chc_gating.cli.main import app
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.reporting.gate_plots import draw_densities
from chc_gating.stages.evidence import read_evidence
from chc_gating.storage.records import read_record
from tests.flow.fcs_files import describe_channels, fcs_bytes, float_bytes

CHANNELS = ("FSC-A", "FSC-H", "APC-A", "PE-A", "Time")
PANEL = """spillover: none
channels:
  FSC-A: {role: scatter}
  FSC-H: {role: scatter}
  APC-A: {marker: CD45, role: leukocyte}
  PE-A: {marker: CK, role: epithelial}
  Time: {role: time}
"""
PHENOTYPES = """phenotypes:
  CHC: CD45+ and CK+
  CTC: CD45- and CK+
  leukocyte: CD45+ and CK-
"""
YAML = """populations:
  cell: {polygon: {of: [FSC-A, FSC-H], vertices: [[50, 50], [900, 50], [900, 900], [50, 900]]}}
cuts:
  CD45: {fixed: 500, indeterminate: [400, 600]}
  CK: {fixed: 300}
phenotype: cell
"""
IMPORTED = """file: chc.xml
phenotype: cell
markers:
  CD45: {positive: CD45_positive, negative: CD45_negative}
  CK: {positive: CK_positive, negative: CK_negative}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    events = np.random.default_rng(8).uniform(0, 1000, (5000, 5))
    events[:, 4] = np.arange(5000)
    events[:3, 2] = np.nan
    data = float_bytes(events)
    keywords = {**describe_channels(CHANNELS), "$PAR": "5", "$TOT": "5000"}
    (tmp_path / "p.fcs").write_bytes(fcs_bytes(data, keywords=keywords))
    (tmp_path / "panel.yaml").write_text(PANEL)
    (tmp_path / "chc.yaml").write_text(YAML + PHENOTYPES)
    (tmp_path / "imported.yaml").write_text(IMPORTED + PHENOTYPES)
    return tmp_path


def chc(*arguments: str) -> None:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def gate(folder: Path, gates: str) -> AcquisitionResult:
    output = folder / Path(gates).stem
    chc(
        *("gate-flow", str(folder / "p.fcs"), "--panel", str(folder / "panel.yaml")),
        *("--gates", str(folder / gates), "--output", str(output)),
    )
    return read_record(output / "populations.json", AcquisitionResult)


def test_calls_by_populations_of_a_document_are_those_of_the_cuts(folder: Path) -> None:
    chc(
        *("export", "gating-ml", str(folder / "chc.yaml"), "--panel", str(folder / "panel.yaml")),
        *("--output", str(folder / "chc.xml")),
    )
    ours, theirs = gate(folder, "chc.yaml"), gate(folder, "imported.yaml")
    assert [file.role for file in theirs.inputs] == ["raw", "panel", "gates", "gates_source"]
    assert ours.event_count == theirs.event_count == 5000
    counts = {p.name: p.events for p in ours.phenotypes}
    assert counts["CHC"] > 0
    assert {p.name: p.events for p in theirs.phenotypes} == counts
    assert [p.low_cut for p in theirs.phenotypes] == [None] * len(counts)
    assert counts["invalid_candidate"] + counts["invalid"] > 0
    populations = {p.name: p.events for p in theirs.populations}
    assert populations["CHC"] == counts["CHC"]

    evidence = read_evidence(folder / "imported", acquisition="p")
    captions = [p.caption for p in draw_densities(evidence, identifier="p")]
    assert any("Green: gate cell" in caption for caption in captions)
    assert any("Green: gate CD45_positive" in caption for caption in captions)
