"""Slides that are folders, from the scan to the measurements; and their fingerprint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import tifffile
from image_scenes import draw_discs, write_panel, write_tiff
from slide_formats import write_channel_folder, write_ome_tiff, write_zarr
from tile_scenes import cut_tiles, draw_scene, grid_places, stage_um, write_images

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


def write_tiles(folder: Path) -> Path:
    """Write a folder of two cycles, 2 x 3 tiles each, that share 20 px along y and 25 along x."""
    places, scene = grid_places(2, 3), draw_scene((300, 500))
    tiles = cut_tiles(scene, places)
    for cycle, names in ((1, ("DAPI", "CD45")), (2, ("DAPI", "EPCAM"))):
        write_images(folder / f"cycle{cycle}.ome.tif", tiles, stage_um(places), names=names)
    return folder


def test_inspect_prints_what_the_reader_sees_of_raw_tiles(tmp_path: Path) -> None:
    folder = write_tiles(tmp_path / "p01")
    report = json.loads(inspect_file(folder, as_json=True))
    assert report["cycles"] == [
        {"cycle": cycle, "tiles": 6, "rows": 2, "columns": 3, "overlap_yx_px": [20, 25]}
        for cycle in (1, 2)
    ]
    assert report["channels"] == ["DAPI", "CD45", "DAPI cycle 2", "EPCAM"]
    assert [row["channel"] for row in report["values"]] == report["channels"]
    text = inspect_file(folder, as_json=False)
    assert "cycle 2: 6 tiles, 2 rows x 3 columns, neighbours share 20 x 25 px" in text


def test_a_folder_of_raw_tiles_is_one_slide_of_a_scan(tmp_path: Path) -> None:
    write_tiles(tmp_path / "raw" / "p01")
    for scanned in (tmp_path / "raw", tmp_path / "raw" / "p01"):
        (found,) = scan_folder(scanned).files
        assert found.path == tmp_path / "raw" / "p01"
        assert found.channels == ("DAPI", "CD45", "DAPI cycle 2", "EPCAM")
        assert found.has_pixel_size


def test_a_table_of_tiles_is_one_slide_and_its_files_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    places = grid_places(1, 2)
    tiles = cut_tiles(draw_scene((200, 400)), places)
    for i, tile in enumerate(tiles):
        write_images(folder / "images" / f"{i}.ome.tif", [tile], [None])
    rows = [f"images/{i}.ome.tif\t0\t{57.5 * i}" for i in range(2)]
    (folder / "p01.tsv").write_text("file\ty_um\tx_um\n" + "\n".join(rows) + "\n")
    (folder / "counts.tsv").write_text("draw\tcount\nP01\t3\n")
    scan = scan_folder(folder)
    assert [file.path.name for file in scan.files] == ["p01.tsv"]
    assert (scan.unreadable, scan.passed) == ([], 1)


def test_raw_tiles_without_a_pixel_size_are_named_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "p01"
    folder.mkdir()
    for i in range(2):
        tifffile.imwrite(
            folder / f"{i}.tif", np.zeros((2, 40, 40), np.uint16), photometric="minisblack"
        )
    (folder / "tiles.tsv").write_text("file\ty_um\tx_um\n0.tif\t0\t0\n1.tif\t0\t15\n")
    (found,) = scan_folder(folder).files
    assert found.channels == ("channel 1", "channel 2")
    assert not found.has_pixel_size
