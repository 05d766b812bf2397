"""The stage gate-flow and `gate_events`: what they say of a file that says little itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import chc_gating as chc
import chc_gating.stages.gate_flow as stage
from chc_gating.model.acquisition import AcquisitionQuality, AcquisitionResult
from chc_gating.stages.gate_flow import gate_flow
from chc_gating.storage.records import read_record
from tests.flow.fcs_files import describe_channels, fcs_bytes, float_bytes

NAMES = ("FSC-A", "APC-A", "PE-A", "Time")
PANEL = """\
spillover: none
channels:
  FSC-A: {role: scatter}
  CD45: {marker: CD45, role: leukocyte}
  PE-A: {marker: CK, role: epithelial}
"""
GATES = """\
populations:
  intact: {rectangle: {FSC-A: [10, null]}}
  immune: {parent: intact, when: CD45+}
phenotype: intact
cuts: {CD45: {fixed: 100}, CK: {fixed: 100}}
phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}
"""
EVENTS = np.array(
    [[50, 500, 300, 0], [50, 5, 300, 1], [50, 500, 7, 2], [2, 500, 300, 3]], dtype=np.float64
)


def write_tube(folder: Path, *, limit: str | None) -> Path:
    keywords: dict[str, str | None] = dict(describe_channels(NAMES))
    keywords["$P2S"] = "CD45"
    keywords["$P3R"] = limit
    path = folder / "tube.fcs"
    path.write_bytes(fcs_bytes(float_bytes(EVENTS), keywords={"$PAR": "4", **keywords}))
    return path


def gate(folder: Path, *, limit: str | None = "262144") -> Path:
    (folder / "panel.yaml").write_text(PANEL)
    (folder / "gates.yaml").write_text(GATES)
    gate_flow(
        write_tube(folder, limit=limit),
        panel=folder / "panel.yaml",
        gates=folder / "gates.yaml",
        output=folder / "out",
    )
    return folder / "out"


def test_unknown_maximum_is_not_zero_saturated_events(tmp_path: Path) -> None:
    out = gate(tmp_path, limit=None)
    quality = read_record(out / "quality.json", AcquisitionQuality)
    assert {q.channel: q.saturated for q in quality.channels}["PE-A"] is None
    result = read_record(out / "populations.json", AcquisitionResult)
    assert {p.without_saturated for p in result.phenotypes} == {None}


def test_known_maximum_gives_counts_without_saturated_events(tmp_path: Path) -> None:
    out = gate(tmp_path)
    result = read_record(out / "populations.json", AcquisitionResult)
    assert {p.name: p.without_saturated for p in result.phenotypes}["CHC"] == 1


def test_candidates_are_named_as_the_panel_names_channels(tmp_path: Path) -> None:
    columns = pq.read_schema(gate(tmp_path) / "candidates.parquet").names
    assert "raw:CD45" in columns
    assert "raw:APC-A" not in columns
    assert "raw:Time" in columns


def test_candidates_of_a_broken_file_have_the_columns_of_the_panel(tmp_path: Path) -> None:
    out = gate(tmp_path)
    (tmp_path / "tube.fcs").write_bytes(b"")
    gate_flow(
        tmp_path / "tube.fcs",
        panel=tmp_path / "panel.yaml",
        gates=tmp_path / "gates.yaml",
        output=out,
        record_faults=True,
    )
    table = pq.read_table(out / "candidates.parquet")
    assert table.num_rows == 0
    assert {"raw:CD45", "compensated:PE-A"} <= set(table.column_names)


def test_a_file_that_grows_while_it_is_gated_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = gate(tmp_path)
    tube, really_run = tmp_path / "tube.fcs", stage.run_plan

    def run_while_it_grows(*arguments: Any, **options: Any) -> Any:
        with tube.open("ab") as file:
            file.write(bytes(16))
        return really_run(*arguments, **options)

    monkeypatch.setattr(stage, "run_plan", run_while_it_grows)
    gate_flow(
        tube,
        panel=tmp_path / "panel.yaml",
        gates=tmp_path / "gates.yaml",
        output=out,
        record_faults=True,
    )

    result = read_record(out / "populations.json", AcquisitionResult)
    assert result.status == "not_counted"
    assert result.reason is not None
    assert "while it was read" in result.reason


def test_populations_state_what_was_done_to_stored_values(tmp_path: Path) -> None:
    result = read_record(gate(tmp_path) / "populations.json", AcquisitionResult)

    assert result.scaling == ("Time: in seconds, 0.01 s a unit ($TIMESTEP)",)


def test_gates_with_markers_need_no_panel_where_the_file_names_them(tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(GATES)
    fcs = chc.open_fcs(write_tube(tmp_path, limit="262144"))
    members = chc.gate_events(fcs, chc.load_gates(tmp_path / "gates.yaml"))
    assert members["intact"].tolist() == [True, True, True, False]
    assert members["immune"].tolist() == [True, False, True, False]


def test_a_marker_that_the_file_does_not_name_needs_a_panel(tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(GATES.replace("when: CD45+", "when: CK+"))
    fcs = chc.open_fcs(write_tube(tmp_path, limit="262144"))
    with pytest.raises(chc.ChcError, match="CK"):
        chc.gate_events(fcs, chc.load_gates(tmp_path / "gates.yaml"))
