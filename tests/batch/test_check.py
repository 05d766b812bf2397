"""`chc check`: configuration and raw files, all faults in one list, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from chc_gating.stages.check import CheckReport, check

from .conftest import ACQUISITIONS, PANEL, write_batch
from .raw_files import CHANNELS, LABELS, write_slide, write_tube

SLIDE_PANEL = """\
modality: image
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
"""
SLIDE_GATES = "cuts: {CD45: {fixed: 100}}\nphenotypes: {leukocyte: CD45+}\n"


def check_batch(folder: Path, files: dict[str, str] | None = None) -> CheckReport:
    return check(write_batch(folder, files), directory=folder)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_tube(tmp_path / "raw" / "p01 t1.fcs")
    write_tube(tmp_path / "raw" / "p01 t2.fcs")
    return tmp_path / "raw"


def test_a_good_batch_passes_and_says_what_was_found(tmp_path: Path, raw: Path) -> None:
    report = check_batch(tmp_path)
    assert (report.faults, report.passed) == ((), True)
    assert "2 draws (2 patient)" in report.text
    assert "p01t1: raw/p01 t1.fcs: FCS 3.1, 50 events, 7 channels" in report.text
    assert report.text.endswith("no fault. Next: run snakemake.")


def test_a_missing_file_is_a_fault_of_its_cell(tmp_path: Path, raw: Path) -> None:
    (raw / "p01 t2.fcs").unlink()
    (fault,) = check_batch(tmp_path).faults
    assert (fault.row, fault.column, fault.value) == (3, "file", "raw/p01 t2.fcs")
    assert fault.problem == "no such file"


def test_a_truncated_file_is_a_fault_of_its_cell(tmp_path: Path, raw: Path) -> None:
    path = raw / "p01 t2.fcs"
    path.write_bytes(path.read_bytes()[:-500])
    (fault,) = check_batch(tmp_path).faults
    assert (fault.row, fault.column) == (3, "file")
    assert "cut short" in fault.problem


def test_a_file_without_a_channel_that_a_marker_needs_is_a_fault(tmp_path: Path, raw: Path) -> None:
    write_tube(
        raw / "p01 t2.fcs",
        channels=("FSC-A", "FSC-H", "X", *CHANNELS[3:]),
        labels=(None, None, None, *LABELS[3:]),
    )
    (fault,) = check_batch(tmp_path).faults
    assert fault.row == 3
    assert "APC-A" in fault.problem


def test_a_channel_is_found_by_its_label(tmp_path: Path, raw: Path) -> None:
    panel = PANEL.replace("APC-A:", "CD45:")
    assert check_batch(tmp_path, {"config/panels/chc4.yaml": panel}).faults == ()


def test_a_channel_that_nothing_needs_may_be_absent(tmp_path: Path, raw: Path) -> None:
    panel = PANEL + "  SSC-W: {role: scatter}\n"
    report = check_batch(tmp_path, {"config/panels/chc4.yaml": panel})
    assert report.faults == ()
    assert [w for w in report.warnings if "has no SSC-W" in w]


def test_a_file_without_the_spillover_that_the_panel_asks_for_is_a_fault(
    tmp_path: Path, raw: Path
) -> None:
    write_tube(raw / "p01 t2.fcs", keywords={})
    (fault,) = check_batch(tmp_path).faults
    assert fault.row == 3
    assert "SPILLOVER" in str(fault)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (",PE-A,FITC-A\nPE-A,1,1\nFITC-A,1,1\n", "singular"),
        (",PE-A,Cy5\nPE-A,1,0.1\nCy5,0.1,1\n", "Cy5"),
    ],
)
def test_a_spillover_table_is_read_and_inverted(
    table: str, problem: str, tmp_path: Path, raw: Path
) -> None:
    (tmp_path / "m.csv").write_text(table)
    files = {"config/panels/chc4.yaml": "spillover: m.csv\n" + PANEL}
    faults = check_batch(tmp_path, files).faults
    assert [fault for fault in faults if problem in str(fault)]
    assert {fault.file for fault in faults} <= {
        "config/panels/chc4.yaml",
        str(tmp_path / "m.csv"),
        "config/acquisitions.tsv",
    }


def slide_batch(folder: Path, **cells: str) -> CheckReport:
    row = {
        "acquisition": "s1",
        "draw": "P01-T1",
        "modality": "image",
        "file": "raw/s.ome.tif",
        "panel": "if2",
        "gates": "slide",
        **cells,
    }
    files = {
        "config/acquisitions.tsv": "\t".join(row) + "\n" + "\t".join(row.values()) + "\n",
        "config/panels/if2.yaml": SLIDE_PANEL,
        "config/gates/slide.yaml": SLIDE_GATES,
    }
    return check_batch(folder, files)


def test_a_good_slide_passes(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif")
    report = slide_batch(tmp_path)
    assert report.faults == ()
    assert "32 x 32 px of 0.5 um, channels DAPI, CD45" in report.text


def test_a_slide_without_pixel_size_needs_the_column(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif", pixel_size_um=None)
    (fault,) = slide_batch(tmp_path).faults
    assert "pixel size" in fault.problem
    assert slide_batch(tmp_path, pixel_size_um="0.5").faults == ()


def test_a_slide_with_too_few_channels_is_a_fault(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif", names=("DAPI",))
    (fault,) = slide_batch(tmp_path).faults
    assert "CD45" in fault.problem


def test_faults_of_sheets_and_of_files_come_together(tmp_path: Path) -> None:
    files = {"config/acquisitions.tsv": ACQUISITIONS.replace("chc\t0.8", "chc\t80", 1)}
    columns = [(fault.row, fault.column) for fault in check_batch(tmp_path, files).faults]
    assert sorted(columns) == [  # type: ignore[type-var]
        (2, "file"),
        (2, "fraction_stained"),
        (3, "file"),
    ]


def test_checking_writes_nothing(tmp_path: Path, raw: Path) -> None:
    write_batch(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    check(tmp_path / "config" / "config.yaml", directory=tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_a_report_lists_each_fault_on_one_line(tmp_path: Path) -> None:
    report = check_batch(tmp_path)
    lines = report.text.splitlines()
    assert lines[0] == "2 faults, each to be corrected:"
    assert [line for line in lines if line.startswith("  - config/acquisitions.tsv, row 2, file: ")]
