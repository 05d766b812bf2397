"""`chc check`: configuration and raw files, all faults in one list, in words."""

from __future__ import annotations

import datetime
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

from chc_gating.batch.configuration import load_batch
from chc_gating.errors import ChcError
from chc_gating.stages.check import CheckReport, check

from .conftest import ACQUISITIONS, CONFIG, DRAWS, GATES, PANEL, write_batch
from .raw_files import CHANNELS, LABELS, SPILLOVER, write_raw_tile, write_slide, write_tube

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
    assert "config.yaml: no fault" in report.text
    assert "Next: snakemake -s " in report.text


def test_a_good_batch_is_told_the_command_that_runs_it(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snakefile = Path(__file__).parents[2] / "Snakefile"
    start = f"Next: snakemake -s {shlex.quote(str(snakefile))} --directory"
    config = write_batch(tmp_path)
    from_outside = check(config, directory=tmp_path).text
    assert from_outside.endswith(f"{start} {shlex.quote(str(tmp_path))} --cores all")
    monkeypatch.chdir(tmp_path)
    assert check(Path("config/config.yaml")).text.endswith(f"{start} . --cores all")
    other = config.rename("config/other.yaml")
    end = f"--configfile {shlex.quote(str(tmp_path / other))}"
    assert check(other).text.endswith(f"{start} . --cores all {end}")


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


def slide_batch(folder: Path, panel: str = SLIDE_PANEL, **cells: str) -> CheckReport:
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
        "config/panels/if2.yaml": panel,
        "config/gates/slide.yaml": SLIDE_GATES,
    }
    return check_batch(folder, files)


def test_a_good_slide_passes(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif")
    report = slide_batch(tmp_path)
    assert report.faults == ()
    assert "32 x 32 px of 0.5 um, channels DAPI, CD45" in report.text


def test_a_folder_of_raw_tiles_is_opened_as_a_run_would(tmp_path: Path) -> None:
    for k in range(3):
        write_raw_tile(tmp_path / "raw" / "tiles" / f"t{k}.ome.tif", x_px=22 * k)
    report = slide_batch(tmp_path, file="raw/tiles")
    assert report.faults == ()
    assert "3 raw tiles of 32 x 32 px of 0.5 um in 1 cycle(s), channels DAPI, CD45" in report.text
    write_raw_tile(tmp_path / "raw" / "tiles" / "t3.ome.tif", x_px=44)
    (fault,) = slide_batch(tmp_path, file="raw/tiles").faults
    assert "two tiles have the same stage position" in fault.problem


def test_a_grid_of_camera_tiles_must_fit_the_slide(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif")
    assert slide_batch(tmp_path, camera_tile_px="16x16").faults == ()
    (fault,) = slide_batch(tmp_path, camera_tile_px="20x20").faults
    assert "no whole number of camera tiles" in fault.problem
    faults = slide_batch(tmp_path, camera_tile_px="large").run_faults
    assert "camera_tile_px" in str(faults[0])


CONTROLLED_PANEL = """\
modality: image
spillover: controls
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  CK: {marker: CK, role: epithelial}
"""


def check_controls(folder: Path, *controls: str) -> CheckReport:
    """Check a slide of lot L1 beside single-stained slides, each as `control_set marker`."""
    for name in ("s", "control"):
        write_slide(folder / "raw" / f"{name}.ome.tif", names=("DAPI", "CD45", "CK"))
    rows = ["control\tpanel\tkind\tcontrol_set\tmarker\tfile"]
    for i, (group, marker) in enumerate(text.split() for text in controls):
        rows.append(f"c{i}\tif2\tsingle_stain\t{group}\t{marker}\traw/control.ome.tif")
    acquisition = "s1\tP01-T1\timage\traw/s.ome.tif\tif2\tslide\tL1\n"
    return check_batch(
        folder,
        {
            "config/config.yaml": CONFIG + "controls: config/controls.tsv\n",
            "config/acquisitions.tsv": "acquisition\tdraw\tmodality\tfile\tpanel\tgates\tlot\n"
            + acquisition,
            "config/controls.tsv": "\n".join(rows) + "\n",
            "config/panels/if2.yaml": CONTROLLED_PANEL,
            "config/gates/slide.yaml": SLIDE_GATES,
        },
    )


def test_a_control_set_without_a_single_stain_is_a_fault_of_its_draws(tmp_path: Path) -> None:
    report = check_controls(tmp_path, "L2 CD45")
    (fault,) = report.file_faults
    assert (fault.column, fault.value) == ("lot", "L1")
    assert "this set has none" in fault.problem


def test_a_marker_without_a_single_stain_is_warned_of(tmp_path: Path) -> None:
    report = check_controls(tmp_path, "L1 CD45")
    assert report.faults == ()
    assert "no single_stain slide of CK for panel if2" in report.text


def test_a_slide_without_pixel_size_needs_the_column(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif", pixel_size_um=None)
    (fault,) = slide_batch(tmp_path).faults
    assert "pixel size" in fault.problem
    assert slide_batch(tmp_path, pixel_size_um="0.5").faults == ()


def test_a_slide_with_too_few_channels_is_a_fault(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif", names=("DAPI",))
    (fault,) = slide_batch(tmp_path).faults
    assert "CD45" in fault.problem


BY_LABELS = SLIDE_PANEL + "segmentation: {method: labels}\n"


def test_label_images_and_the_panels_method_go_together(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif")
    (fault,) = slide_batch(tmp_path, BY_LABELS).run_faults
    assert (fault.row, fault.column) == (2, "labels")
    assert "is empty, and panel if2 says segmentation method labels" in fault.problem
    (fault,) = slide_batch(tmp_path, labels="raw/l.tif").run_faults
    assert "is not used: panel if2 says segmentation method" in fault.problem


def test_a_label_image_is_looked_at_as_a_raw_file_is(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif")
    for shape, dtype, problem in (
        (None, None, "no such label image"),
        ((32, 31), np.uint16, "do not fit the slide of 32 x 32 px"),
        ((32, 32), np.float32, "labels are whole numbers"),
    ):
        if shape is not None:
            tifffile.imwrite(tmp_path / "raw" / "l.tif", np.zeros(shape, dtype))
        (fault,) = slide_batch(tmp_path, BY_LABELS, labels="raw/l.tif").file_faults
        assert (fault.file, fault.row, fault.column) == ("config/acquisitions.tsv", 2, "labels")
        assert problem in str(fault)
    tifffile.imwrite(tmp_path / "raw" / "l.tif", np.zeros((32, 32), np.int32))
    assert slide_batch(tmp_path, BY_LABELS, labels="raw/l.tif").faults == ()


def test_weights_of_another_tool_must_be_there(tmp_path: Path) -> None:
    write_slide(tmp_path / "raw" / "s.ome.tif")
    panel = SLIDE_PANEL + "segmentation: {method: external, tool: cellpose, weights: raw/w.pt}\n"
    (fault,) = slide_batch(tmp_path, panel).run_faults
    assert (fault.file, fault.column) == ("config/panels/if2.yaml", "segmentation.weights")
    assert "nothing downloads them" in fault.problem
    (tmp_path / "raw" / "w.pt").write_text("w")
    assert slide_batch(tmp_path, panel).faults == ()


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


def test_what_matters_most_stands_last(tmp_path: Path) -> None:
    files = {"config/acquisitions.tsv": ACQUISITIONS.replace("chc\t0.8", "chc\t80", 1)}
    report = check_batch(tmp_path, files)
    titles = [line for line in report.text.splitlines() if line.endswith(":")]
    assert [title.split()[0] for title in titles] == ["Found:", "2", "1"]
    assert "the run goes on without such a file" in titles[1]
    assert titles[2] == "1 fault that stops the run:"
    lines = report.text.splitlines()
    assert [line for line in lines if line.startswith("  - config/acquisitions.tsv, row 2, file: ")]
    assert "config.yaml: 3 faults; the run would not start" in lines[-1]


def test_a_missing_file_alone_does_not_stop_the_run(tmp_path: Path, raw: Path) -> None:
    (raw / "p01 t2.fcs").unlink()
    report = check_batch(tmp_path)
    assert (len(report.run_faults), len(report.file_faults)) == (0, 1)
    assert "stops the run" not in report.text
    assert "the run would go on without them" in report.text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("CD45+ and (EPCAM+ or CK+)", "CD45+ und (EPCAM+ or CK+)", "syntax error"),
        ("parent: intact", "parent: intakt", "no such population"),
        ("CHC: CD45+", "CHC: CD4S+", "has no marker CD4S"),
    ],
)
def test_a_fault_of_the_gates_is_told_once_and_blames_no_file(
    old: str, new: str, words: str, tmp_path: Path, raw: Path
) -> None:
    (fault,) = check_batch(tmp_path, {"config/gates/chc.yaml": GATES.replace(old, new)}).faults
    assert fault.file == "config/gates/chc.yaml"
    assert words in fault.problem


def test_gates_that_only_compiling_refuses_are_named_and_not_the_file(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ChcError("gates chc: too much for one plan")

    monkeypatch.setattr("chc_gating.gating.compile.compile_gates", refuse)
    report = check_batch(tmp_path)
    assert [(f.file, f.problem) for f in report.run_faults] == [
        ("config/gates/chc.yaml", "gates chc: too much for one plan")
    ]
    assert report.file_faults == ()


def test_a_spillover_keyword_that_cannot_be_inverted_stops_only_its_draw(
    tmp_path: Path, raw: Path
) -> None:
    write_tube(raw / "p01 t2.fcs", keywords={"$SPILLOVER": "2,PE-A,FITC-A,1,1,1,1"})
    report = check_batch(tmp_path)
    assert (len(report.run_faults), len(report.file_faults)) == (0, 1)
    assert "singular" in report.file_faults[0].problem


def test_phenotypes_that_overlap_are_told_where_no_row_uses_the_gates_rightly(
    tmp_path: Path, raw: Path
) -> None:
    files = {
        "config/gates/chc.yaml": GATES.replace("CTC: CD45- and", "CTC: CD45+ and"),
        "config/acquisitions.tsv": ACQUISITIONS.replace("\t0.8", "\t8"),
    }
    problems = [fault.problem for fault in check_batch(tmp_path, files).faults]
    assert "an event can be both CHC and CTC" in problems


def test_the_marker_of_a_control_need_not_be_in_the_panel_yet(tmp_path: Path, raw: Path) -> None:
    write_tube(raw / "c.fcs")
    files = {
        "config/config.yaml": CONFIG + "controls: config/controls.tsv\n",
        "config/controls.tsv": "control\tpanel\tkind\tmarker\tfile\n"
        "c1\tchc4\tfmo\tCD99\traw/c.fcs\n",
    }
    report = check_batch(tmp_path, files)
    assert report.faults == ()
    assert [w for w in report.warnings if "row 2, marker: panel chc4 has no marker CD99" in w]


@pytest.mark.parametrize(
    ("collected_on", "problem"),
    [("2026-02-01", "is in the future"), ("1926-01-31", "is before 1990"), ("2026-01-31", None)],
)
def test_a_day_that_cannot_be_is_warned_of_by_the_check_only(
    collected_on: str, problem: str | None, tmp_path: Path, raw: Path
) -> None:
    draws = DRAWS.replace("2026-01-31", collected_on).replace("2026-02-28", "2026-01-30")
    config = write_batch(tmp_path, {"config/draws.tsv": draws})
    report = check(config, directory=tmp_path, today=datetime.date(2026, 1, 31))
    days = [warning for warning in report.warnings if ", collected_on: " in warning]
    assert [problem in day for day in days if problem] == ([True] if problem else [])
    assert load_batch(config, directory=tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("draws", "7.5", "8000", "volume_ml: 8,000 mL of blood; is it in mL, not uL?"),
        ("acquisitions", "dilution_factor\t4", "1001", "dilution_factor: 1,001 is very high"),
        ("acquisitions", "blood_in_tube_ml\t4", "8", "8 mL is more than the 7.5 mL of draw P01-T1"),
    ],
)
def test_numbers_that_are_most_likely_not_meant_are_warned_of(
    file: str, old: str, new: str, words: str, tmp_path: Path, raw: Path
) -> None:
    if file == "draws":
        text = DRAWS.replace(old, new, 1)
    else:
        column = old.partition("\t")[0]
        head, first, second = ACQUISITIONS.splitlines()
        text = f"{head}\t{column}\n{first}\t{new}\n{second}\t\n"
    report = check_batch(tmp_path, {f"config/{file}.tsv": text})
    assert [w for w in report.warnings if w.startswith(f"config/{file}.tsv, row 2") and words in w]


def test_leukocytes_far_above_any_blood_are_warned_of(tmp_path: Path, raw: Path) -> None:
    head, first, second = DRAWS.splitlines()
    text = f"{head}\twbc_per_ul\n{first}\t6200000\n{second}\t6200\n"
    report = check_batch(tmp_path, {"config/draws.tsv": text})
    (warning,) = [w for w in report.warnings if "wbc_per_ul" in w]
    assert "row 2" in warning


def test_a_habit_of_vendors_is_no_warning(tmp_path: Path, raw: Path) -> None:
    for name in ("p01 t1.fcs", "p01 t2.fcs"):
        write_tube(raw / name, keywords={**SPILLOVER, "$TIMESTEP": "0.01", "$P7G": "0.01"})
    report = check_batch(tmp_path)
    assert report.warnings == ()
    assert "7 channels; Time has a $PnG" in report.text


def test_from_another_folder_the_working_directory_is_named_once(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_batch(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (fault,) = check(config).faults
    assert "config/draws.tsv, config/acquisitions.tsv, config/panels" in fault.problem
    assert "--directory" in fault.remedy
    assert check(config, directory=tmp_path).passed


def test_raw_files_that_are_mostly_absent_point_to_the_working_directory(tmp_path: Path) -> None:
    text = check_batch(tmp_path).text
    assert "2 of 2 raw files are not found; paths start at the working directory" in text


def test_no_configuration_file_is_one_fault_that_names_the_options(tmp_path: Path) -> None:
    (fault,) = check(tmp_path / "config.yaml").faults
    assert "--configfile" in fault.remedy
    assert "--directory" in fault.remedy


def test_a_configuration_file_is_named_from_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(tmp_path / "batch")
    monkeypatch.chdir(tmp_path)
    (fault,) = check(Path("config/config.yaml"), directory=Path("batch")).faults
    assert "did you mean batch/config/config.yaml?" in fault.remedy


@pytest.mark.parametrize("sheet", ["draws", "acquisitions"])
def test_a_workbook_given_as_a_sheet_is_the_only_thing_told(
    sheet: str, tmp_path: Path, raw: Path
) -> None:
    config = write_batch(tmp_path)
    (tmp_path / "config" / f"{sheet}.tsv").write_bytes(b"PK\x03\x04\x14\x00\x00")
    report = check(config, directory=tmp_path)
    assert [fault.problem for fault in report.faults] == ["is an Excel workbook"]
    assert [warning for warning in report.warnings if "TIMESTEP" not in warning] == []


def test_sheets_that_are_all_unreadable_are_told_by_themselves(tmp_path: Path) -> None:
    config = write_batch(tmp_path)
    for sheet in ("draws", "acquisitions"):
        (tmp_path / "config" / f"{sheet}.tsv").write_bytes(b"PK\x03\x04\x14\x00\x00")
    faults = check(config, directory=tmp_path).faults
    assert [fault.problem for fault in faults] == ["is an Excel workbook"] * 2
