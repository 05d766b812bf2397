"""Gates that take cuts from controls, and what the sheet of controls has of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chc_gating.batch.configuration import load_batch
from chc_gating.errors import Fault

from .conftest import write_batch

FaultsOf = Callable[[dict[str, str]], list[Fault]]

CONFIG = (
    "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n"
    "controls: config/controls.tsv\n"
)
ACQUISITIONS = (
    "acquisition\tdraw\tmodality\tfile\tpanel\tgates\tlot\tcontrol_set\n"
    "s1\tP01-T1\timage\ts1.tif\tif4\tslide\tL1\t\n"
    "s2\tP01-T2\timage\ts2.tif\tif4\tslide\tL1\tday2\n"
)
CONTROLS = (
    "control\tpanel\tcontrol_set\tkind\tmarker\tfile\n"
    "C1\tif4\tL1\tfmo\tCK\tfmo.tif\n"
    "C2\tif4\tday2\tfmo\tCK\tfmo2.tif\n"
)
PANEL = (
    "modality: image\nchannel_names: [DAPI, CD45, CK]\nchannels:\n  DAPI: {role: dna}\n"
    "  CD45: {marker: CD45, role: leukocyte}\n  CK: {marker: CK, role: epithelial}\n"
)
GATES = (
    "cuts: {CD45: {fixed: 1000}, CK: {fmo: {quantile: 0.999}}}\n"
    "phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+}\n"
)
FILES = {
    "config/config.yaml": CONFIG,
    "config/acquisitions.tsv": ACQUISITIONS,
    "config/controls.tsv": CONTROLS,
    "config/panels/if4.yaml": PANEL,
    "config/gates/slide.yaml": GATES,
}


def test_a_set_that_has_its_controls_is_valid(faults_of: FaultsOf) -> None:
    assert faults_of(FILES) == []


@pytest.mark.parametrize(
    ("old", "new", "row", "column", "value"),
    [
        ("L1\tfmo\tCK", "L1\tfmo\tCD45", 2, "lot", "L1"),
        ("L1\tfmo\tCK", "L1\tisotype\tCK", 2, "lot", "L1"),
        ("day2\tfmo\tCK", "day3\tfmo\tCK", 3, "control_set", "day2"),
    ],
)
def test_a_control_that_the_sheet_lacks_is_told_once_with_its_cell(
    old: str, new: str, row: int, column: str, value: str, faults_of: FaultsOf
) -> None:
    assert old in CONTROLS
    (fault,) = faults_of({**FILES, "config/controls.tsv": CONTROLS.replace(old, new)})
    assert (fault.file, fault.row, fault.column, fault.value) == (
        "config/acquisitions.tsv",
        row,
        column,
        value,
    )
    assert "gates slide take the cut of CK from the fmo control, and config/controls.tsv" in str(
        fault
    )
    assert "add its row to config/controls.tsv (kind fmo, marker CK)" in fault.remedy


def test_a_batch_without_the_sheet_is_told_so(faults_of: FaultsOf) -> None:
    config = CONFIG.replace("controls: config/controls.tsv\n", "")
    faults = faults_of({**FILES, "config/config.yaml": config})
    assert [fault.row for fault in faults] == [2, 3]
    assert all("config.yaml does not name" in fault.problem for fault in faults)


def test_a_faulty_sheet_is_told_by_its_own_line_only(faults_of: FaultsOf) -> None:
    (fault,) = faults_of({**FILES, "config/controls.tsv": CONTROLS.replace("L1\tfmo", "L1\tfmoo")})
    assert (fault.file, fault.row, fault.column) == ("config/controls.tsv", 2, "kind")


@pytest.mark.parametrize(
    ("kind", "marker"), [("isotype", ""), ("isotype", "CK"), ("unstained", "")]
)
def test_isotype_and_unstained_controls_may_serve_every_marker(
    kind: str, marker: str, faults_of: FaultsOf
) -> None:
    files = {
        "config/controls.tsv": CONTROLS.replace("fmo\tCK", f"{kind}\t{marker}"),
        "config/gates/slide.yaml": GATES.replace("fmo", kind),
    }
    assert faults_of({**FILES, **files}) == []


def test_one_draw_is_loaded_without_the_controls(tmp_path: Path) -> None:
    config = write_batch(tmp_path, FILES)
    batch = load_batch(config, directory=tmp_path, only_draw="P01-T1")
    assert list(batch.acquisitions) == ["s1"]
