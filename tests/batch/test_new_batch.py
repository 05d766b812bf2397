"""`chc new-batch`: a folder that passes the check once what the text names is filled in."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import pytest

from chc_gating.errors import ChcError, ConfigError
from chc_gating.stages.check import check
from chc_gating.stages.new_batch import new_batch

from .raw_files import CHANNELS, write_raw_tile, write_slide, write_tube


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture
def scanned(tmp_path: Path) -> tuple[Path, str]:
    """A batch folder made from two samples, three controls, a slide, and a broken file."""
    folder = tmp_path / "batch"
    raw = folder / "raw"
    for name in ("p01 t1", "p01 t2", "comp_PE", "unstained", "fmo tube 3"):
        write_tube(
            raw / f"{name}.fcs",
            keywords={
                "$SRC": "Erika Mustermann",
                "$OP": "Dr. X",
                "$SPILLOVER": "2,PE-A,FITC-A,1,0.1,0.2,1",
            },
        )
    write_slide(raw / "p01.ome.tif", pixel_size_um=None)
    (raw / "broken.fcs").write_bytes(b"FCS3.1 and no more")
    (raw / "notes.docx").write_bytes(b"not a raw file")
    return folder, new_batch(folder, scan=raw)


def test_samples_become_acquisitions_with_what_their_headers_say(scanned: tuple[Path, str]) -> None:
    rows = read_rows(scanned[0] / "config" / "acquisitions.tsv")
    assert [(r["acquisition"], r["modality"], r["file"]) for r in rows] == [
        ("p01-t1", "flow", "raw/p01 t1.fcs"),
        ("p01-t2", "flow", "raw/p01 t2.fcs"),
        ("p01", "image", "raw/p01.ome.tif"),
    ]
    assert {r["panel"] for r in rows if r["modality"] == "flow"} == {"flow"}
    assert {r["draw"] for r in rows} == {""}


def test_controls_are_known_by_their_names(scanned: tuple[Path, str]) -> None:
    rows = read_rows(scanned[0] / "config" / "controls.tsv")
    assert [(r["control"], r["kind"], r["marker"]) for r in rows] == [
        ("comp_PE", "single_stain", "EpCAM"),
        ("fmo-tube-3", "fmo", ""),
        ("unstained", "unstained", ""),
    ]


def test_what_is_unsure_is_listed(scanned: tuple[Path, str]) -> None:
    text = scanned[1]
    assert "config/draws.tsv: one row a draw" in text
    assert "config/acquisitions.tsv, draw: the draw of each file" in text
    assert "config/acquisitions.tsv, pixel_size_um: the file does not say it; rows 4" in text
    assert "config/controls.tsv, marker: the file's name does not tell it; rows 3" in text
    assert "broken.fcs: " in text
    assert "1 other files were passed over" in text


def test_values_of_metadata_that_may_name_a_person_are_not_copied(
    scanned: tuple[Path, str],
) -> None:
    folder, text = scanned
    written = [p.read_text(encoding="utf-8") for p in (folder / "config").rglob("*") if p.is_file()]
    for value in ("Mustermann", "Dr. X"):
        assert not [content for content in [*written, text] if value in content]


def test_the_folder_passes_once_the_listed_cells_are_filled(scanned: tuple[Path, str]) -> None:
    folder, _ = scanned
    config = folder / "config"
    missing = {(f.file, f.column) for f in check(config / "config.yaml", directory=folder).faults}
    assert missing == {
        ("config/draws.tsv", None),
        ("config/acquisitions.tsv", "draw"),
        ("config/controls.tsv", "marker"),
    }
    (config / "draws.tsv").write_text(
        "draw\tpatient\tcohort\tcollected_on\nP01-T1\tP01\tpatient\t2026-01-31\n"
    )
    fill(config / "acquisitions.tsv", draw="P01-T1")
    fill(config / "acquisitions.tsv", only="image", pixel_size_um="0.5")
    fill(config / "controls.tsv", only="fmo", marker="CK")
    report = check(config / "config.yaml", directory=folder)
    assert report.faults == ()
    assert "no cuts yet" in report.text


def test_a_folder_of_raw_tiles_gets_a_row_that_passes(tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    for i in range(2):
        write_raw_tile(tmp_path / "scan" / f"tile{i}.ome.tif", x_px=i * 24.0)
    new_batch(folder, scan=tmp_path / "scan")
    (row,) = read_rows(folder / "config" / "acquisitions.tsv")
    assert row["file"] == str(tmp_path / "scan")
    (folder / "config" / "draws.tsv").write_text(
        "draw\tpatient\tcohort\tcollected_on\nP01-T1\tP01\tpatient\t2026-01-31\n"
    )
    fill(folder / "config" / "acquisitions.tsv", draw="P01-T1")
    report = check(folder / "config" / "config.yaml", directory=folder)
    assert report.faults == ()
    assert "2 raw tiles of 32 x 32 px" in report.text


def fill(path: Path, *, only: str = "", **cells: str) -> None:
    rows = read_rows(path)
    for row in rows:
        if not only or only in row.values():
            row.update(cells)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)


def test_a_scanned_panel_has_markers_and_roles(scanned: tuple[Path, str]) -> None:
    text = (scanned[0] / "config" / "panels" / "flow.yaml").read_text()
    assert "spillover: keyword" in text
    assert "  APC-A: {marker: CD45, role: leukocyte}" in text
    assert "  PE-A: {marker: EpCAM, role: epithelial}" in text
    assert "  FSC-A: {role: scatter}" in text


def test_files_with_other_channels_get_a_panel_of_their_own(tmp_path: Path) -> None:
    write_tube(tmp_path / "raw" / "a.fcs")
    write_tube(tmp_path / "raw" / "b.fcs", channels=CHANNELS[:3], labels=(None,) * 3, keywords={})
    new_batch(tmp_path / "batch", scan=tmp_path / "raw")
    rows = read_rows(tmp_path / "batch" / "config" / "acquisitions.tsv")
    assert [r["panel"] for r in rows] == ["flow", "flow-2"]
    assert "spillover: none" in (tmp_path / "batch/config/panels/flow-2.yaml").read_text()


def test_unlabelled_controls_share_the_panel_of_the_full_stain(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    bare = (None,) * len(CHANNELS)
    labels = (None, None, "CD45 APC", "EpCAM PE", "CK FITC", "VIA", None)
    write_tube(raw / "comp_FITC.fcs", labels=bare)
    write_tube(raw / "comp_PE.fcs", labels=(*bare[:3], "EpCAM PE", *bare[4:]))
    write_tube(raw / "sample.fcs", labels=labels)
    text = new_batch(tmp_path / "b", scan=raw)
    config = tmp_path / "b" / "config"
    assert [path.name for path in (config / "panels").iterdir()] == ["flow.yaml"]
    assert "FITC-A: {marker: CK, role: epithelial, fluorochrome: FITC}" in (
        config / "panels" / "flow.yaml"
    ).read_text(encoding="utf-8")
    controls = [(r["panel"], r["marker"]) for r in read_rows(config / "controls.tsv")]
    assert controls == [("flow", "CK"), ("flow", "EpCAM")]
    assert (
        "config/panels/flow.yaml: sample.fcs, comp_PE.fcs, comp_FITC.fcs; markers from sample.fcs"
        in text
    )


def test_samples_with_other_labels_get_a_panel_of_their_own(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_tube(raw / "a.fcs")
    write_tube(raw / "b.fcs", labels=(None, None, "CD45", "CD34", "CK", "VIA", None))
    new_batch(tmp_path / "b", scan=raw)
    rows = read_rows(tmp_path / "b" / "config" / "acquisitions.tsv")
    assert [r["panel"] for r in rows] == ["flow", "flow-2"]


def test_a_panel_without_markers_is_said_to_have_none(tmp_path: Path) -> None:
    write_tube(tmp_path / "raw" / "a.fcs", labels=(None,) * len(CHANNELS))
    text = new_batch(tmp_path / "b", scan=tmp_path / "raw")
    assert "the files name no marker" in text
    assert "markers come from the files" not in text


def test_the_line_to_type_next_survives_blanks_in_the_path(tmp_path: Path) -> None:
    text = new_batch(tmp_path / "L\u00e4ufe 2026 M\u00e4rz" / "Charge \u00e4 1")
    command = shlex.split(text.splitlines()[-1].removeprefix("Then: "))
    assert command[:2] == ["cd", str(tmp_path / "L\u00e4ufe 2026 M\u00e4rz" / "Charge \u00e4 1")]


def test_real_bead_controls_find_their_markers_in_the_full_stain(
    tmp_path: Path, shared_data: Path
) -> None:
    new_batch(tmp_path / "b", scan=shared_data / "flow" / "theFlowSpec")
    rows = read_rows(tmp_path / "b" / "config" / "controls.tsv")
    markers = {r["file"].rpartition("_")[2].removesuffix(".fcs"): r["marker"] for r in rows}
    assert markers == {
        "AF700": "CD20",
        "APC": "CD62L",
        "APC-Cy7": "CD16",
        "BrV785": "CD3",
        "FITC": "CD45RO",
        "PE": "CD38",
        "PE-CF594": "CD57",
        "PE-Cy55": "HLA_DR",
        "PE-Cy7": "CD56",
        "Qdot605": "CD27",
        "Qdot655": "CD45RA",
        "Qdot705": "CD8",
        "Unstained": "",
        "autofluo": "",
    }
    assert {r["panel"] for r in rows} == {"flow"}


def test_an_empty_batch_needs_only_its_rows(tmp_path: Path) -> None:
    text = new_batch(tmp_path)
    faults = check(tmp_path / "config" / "config.yaml", directory=tmp_path).faults
    assert [(f.file, f.problem) for f in faults] == [
        ("config/draws.tsv", "has no row"),
        ("config/acquisitions.tsv", "has no row"),
    ]
    assert "config/draws.tsv" in text
    assert "config/acquisitions.tsv" in text
    assert "| `volume_ml` |" in (tmp_path / "config" / "README.md").read_text()


def test_nothing_is_written_where_a_file_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "draws.tsv").write_text("mine\n")
    with pytest.raises(ConfigError, match=r"draws\.tsv: is there already"):
        new_batch(tmp_path)
    assert [p.name for p in (tmp_path / "config").iterdir()] == ["draws.tsv"]


def test_a_folder_that_holds_a_batch_is_refused_in_one_line(tmp_path: Path) -> None:
    new_batch(tmp_path)
    with pytest.raises(ConfigError) as caught:
        new_batch(tmp_path)
    (line,) = str(caught.value).splitlines()
    assert "is there already, and so are 8 others; name another folder" in line


def test_a_folder_to_scan_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ChcError, match="no such folder"):
        new_batch(tmp_path / "batch", scan=tmp_path / "raw")
    assert not (tmp_path / "batch").exists()
