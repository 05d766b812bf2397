"""Slides that are folders, from the scan to the measurements; and their fingerprint."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from image_scenes import draw_discs, write_panel, write_tiff
from slide_formats import write_channel_folder, write_ome_tiff, write_zarr

from chc_gating.imaging.records import Segmentation
from chc_gating.stages.inspect_file import inspect_file
from chc_gating.stages.measure import measure
from chc_gating.stages.scan import scan_folder
from chc_gating.stages.segment import segment
from chc_gating.storage.provenance import describe_input
from chc_gating.storage.records import read_record

DNA, _ = draw_discs((150, 160), [(40, 40), (100, 110)], radius=9)
IMAGE = np.stack([DNA, DNA, DNA])


def test_every_format_gives_the_same_measurements(tmp_path: Path) -> None:
    panel, found = write_panel(tmp_path), []
    for write in (write_ome_tiff, write_zarr, write_channel_folder):
        folder = tmp_path / write.__name__
        folder.mkdir()
        slide = write(folder, IMAGE)
        segment(slide, panel=panel, output=folder)
        measure(slide, panel=panel, labels=folder, output=folder)
        record = read_record(folder / "segmentation.json", Segmentation)
        assert record.inputs[0].sha256 is not None
        assert record.slide is not None
        assert record.slide.nuclei == 2
        found.append((folder / "measurements.parquet").read_bytes())
    assert found[0] == found[1] == found[2]


def test_a_folders_fingerprint_is_that_of_a_copy_elsewhere(tmp_path: Path) -> None:
    slide = write_zarr(tmp_path, IMAGE)
    copy = shutil.copytree(slide, tmp_path / "copy" / "other name")
    one, other = describe_input("raw", slide), describe_input("raw", copy)
    assert one.sha256 is not None
    assert (one.sha256, one.size_bytes) == (other.sha256, other.size_bytes)
    assert one.size_bytes == sum(p.stat().st_size for p in slide.rglob("*") if p.is_file())
    assert describe_input("raw", slide, fingerprint=False).sha256 is None


def test_a_folders_fingerprint_changes_with_names_and_contents(tmp_path: Path) -> None:
    hashes = set()
    for change in ("none", "renamed", "moved byte", "absent"):
        folder = tmp_path / change
        folder.mkdir()
        (folder / "a").write_bytes(b"12" if change != "moved byte" else b"1")
        (folder / "b").write_bytes(b"3" if change != "moved byte" else b"23")
        if change == "renamed":
            (folder / "b").rename(folder / "c")
        if change == "absent":
            (folder / "b").unlink()
        hashes.add(describe_input("raw", folder).sha256)
    assert len(hashes) == 4


def test_a_scan_finds_slides_that_are_folders(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in ("stores", "channels", "single", "mixed"):
        (raw / name).mkdir(parents=True)
    write_zarr(raw / "stores", IMAGE)
    write_channel_folder(raw / "channels", IMAGE)
    write_tiff(raw / "single" / "one.tif", IMAGE)
    write_tiff(raw / "mixed" / "one.tif", IMAGE)
    write_tiff(raw / "mixed" / "two.tif", IMAGE[0])
    (raw / "broken.czi").write_bytes(b"ZISRAWFILE")
    scan = scan_folder(raw)
    assert [file.path.relative_to(raw).as_posix() for file in scan.files] == [
        "channels/slide",
        "mixed/one.tif",
        "mixed/two.tif",
        "single/one.tif",
        "stores/slide.ome.zarr",
    ]
    assert scan.files[0].channels == ("CD45", "DAPI", "EPCAM")
    assert [file.stem for file in scan.files][::4] == ["slide", "slide"]
    assert [path.name for path, _ in scan.unreadable] == ["broken.czi"]


def test_inspect_prints_format_axes_and_levels(tmp_path: Path) -> None:
    text = inspect_file(write_zarr(tmp_path, IMAGE), as_json=False)
    assert "format: OME-Zarr (zarr 2)" in text
    assert "axes: CYX" in text
    assert "pixel_size_um: 0.5" in text
    assert "levels_yx_px: 150 x 160, 75 x 80, 38 x 40" in text
