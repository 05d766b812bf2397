"""A YAML plan, written as a workspace by FlowKit, counts what the YAML plan counts."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np

import chc_gating as chc
from chc_gating.batch.gates import load_gates
from chc_gating.export.gating_ml import write_gating_ml
from chc_gating.model.panel import Channel, Panel
from chc_gating.model.spillover import Spillover
from tests.flowjo.scene import CHANNELS, MATRIX, STAINED, ours, write_tube

YAML = """
populations:
  intact: {rectangle: {FSC-A: [30000, 200000], SSC-A: [20000, null]}}
  cells:
    parent: intact
    polygon: {of: [FSC-A, SSC-A], vertices: [[3e4, 2e4], [15e4, 3e4], [14e4, 16e4], [2e4, 1e5]]}
  pe: {parent: cells, rectangle: {PE-A: [0.55, null]}, scale: transformed}
  stained:
    parent: cells
    scale: transformed
    polygon: {of: [FITC-A, PE-A], vertices: [[0.2, 0.2], [0.9, 0.25], [0.85, 0.9], [0.25, 0.7]]}
"""


def export_by_flowkit(document: str, tube: Path, workspace: Path) -> None:
    """Write a Gating-ML document as a FlowJo workspace, by FlowKit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import flowkit

        strategy = flowkit.parse_gating_xml(io.BytesIO(document.encode()))
        session = flowkit.Session(strategy, fcs_samples=str(tube))
        with workspace.open("wb") as file:
            session.export_wsp(file, "study")


def test_a_yaml_plan_and_its_workspace_hold_the_same_events(tmp_path: Path) -> None:
    tube = write_tube(tmp_path / "p1.fcs", spillover=MATRIX)
    (tmp_path / "plan.yaml").write_text(YAML)
    gates = load_gates(tmp_path / "plan.yaml")
    panel = Panel(name="p", channels={name: Channel() for name in CHANNELS})
    matrix = Spillover(channels=STAINED, matrix=MATRIX, source="test")
    table = panel.model_copy(update={"spillover": "spill.csv"})
    document = write_gating_ml(gates, table, spillover=matrix)
    export_by_flowkit(document, tube, tmp_path / "study.wsp")

    expected = chc.gate_events(chc.open_fcs(tube), gates, panel)
    found = ours(tmp_path / "study.wsp", tube)

    assert set(found) == set(expected)
    for name, inside in expected.items():
        np.testing.assert_array_equal(found[name], inside, err_msg=name)
        assert inside.sum() > 100, name
