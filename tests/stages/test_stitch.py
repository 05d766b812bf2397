"""`chc stitch` on simulated raw tiles with known truth, and what follows from its faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from benchmarks.scan_table import write_scan
from chc_gating.errors import ConfigError, RawFileError
from chc_gating.imaging.flat_field import FlatField
from chc_gating.imaging.records import Measurement, Segmentation
from chc_gating.imaging.slide import open_slide
from chc_gating.imaging.stitching_record import Stitching
from chc_gating.simulate.raw_tiles import TrueTiles, field_gain
from chc_gating.simulate.recipe import RawScan
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.stages.stitch import Camera, stitch
from chc_gating.storage.records import read_record

PANEL = """\
modality: image
channels:
  DAPI: {role: dna, measure: nucleus}
  CD45: {marker: CD45, role: leukocyte, measure: ring}
  EPCAM: {marker: EPCAM, role: epithelial}
  panCK: {marker: CK, role: epithelial}
"""
SCAN = RawScan(
    tile_px=256, overlap=0.15, jitter_px=5, cycles=(("DAPI", "CD45"), ("DAPI", "EPCAM", "panCK"))
)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrueTiles]:
    """Return a folder with raw tiles, a panel and what `chc stitch` makes of them; the truth."""
    folder = tmp_path_factory.mktemp("scan")
    write_scan(folder, SCAN, side_px=1000, seed=7)
    (folder / "if4.yaml").write_text(PANEL)
    stitch(folder / "tiles", panel=folder / "if4.yaml", output=folder / "out")
    return folder, read_record(folder / "truth" / "tiles.json", TrueTiles)


def read_stitching(folder: Path) -> Stitching:
    return read_record(folder / "stitching.json", Stitching)


def test_every_tile_of_every_cycle_lies_where_it_was_taken(
    scanned: tuple[Path, TrueTiles],
) -> None:
    folder, truth = scanned
    record = read_stitching(folder / "out")
    assert (record.width_px, record.height_px) == (1000, 1000)
    assert record.orientation == "y = -y, x = x"
    for cycle, places in zip(record.cycles, truth.places_px, strict=True):
        found = np.array([(tile.y_px, tile.x_px) for tile in cycle.tiles])
        assert np.abs(found - places).max() < 0.5
        assert all(tile.held for tile in cycle.tiles)


def test_the_slide_names_all_channels_and_its_pixel_size(scanned: tuple[Path, TrueTiles]) -> None:
    with open_slide(scanned[0] / "out" / "slide.ome.tif") as slide:
        assert slide.channels == ("DAPI", "CD45", "DAPI cycle 2", "EPCAM", "panCK")
        assert slide.pixel_size_um == 0.5
        assert slide.shape == (1000, 1000)
        assert slide.repairs == ()


def test_the_gain_of_every_channel_is_the_cameras(scanned: tuple[Path, TrueTiles]) -> None:
    """25 small tiles tell it roughly; tests/truth holds a larger scan to 2 %."""
    record = read_stitching(scanned[0] / "out")
    applied = {field.channel: field for field in record.flat_fields if field.applied}
    assert len(applied) >= 3
    for name, field in applied.items():
        channel = ("DAPI", "CD45", "EPCAM", "panCK").index(name.split(" cycle")[0])
        true = field_gain(SCAN, channel)
        fitted = FlatField((256, 256), field.coefficients, 0.0).gain()
        error = fitted / (true / true.mean()) - 1
        assert np.sqrt(np.mean(error**2)) < 0.05, name


def test_stitching_twice_gives_the_same_bytes(scanned: tuple[Path, TrueTiles]) -> None:
    folder, _ = scanned
    stitch(folder / "tiles", panel=folder / "if4.yaml", output=folder / "again", threads=2)
    for name in ("slide.ome.tif", "stitching.json"):
        assert (folder / "out" / name).read_bytes() == (folder / "again" / name).read_bytes()


def test_a_stitched_slide_is_segmented_with_its_tiles_as_inputs(
    scanned: tuple[Path, TrueTiles], tmp_path: Path
) -> None:
    folder, _ = scanned
    panel, slide = folder / "if4.yaml", folder / "out" / "slide.ome.tif"
    segment(slide, panel=panel, output=tmp_path, stitching=folder / "out" / "stitching.json")
    found = read_record(tmp_path / "segmentation.json", Segmentation)
    assert found.inputs[0] == read_stitching(folder / "out").inputs[0]
    assert found.inputs[0].path == str(folder / "tiles")
    assert found.slide is not None
    assert found.slide.nuclei > 300


def test_tiles_that_cannot_be_stitched_are_not_counted_with_the_reason(
    scanned: tuple[Path, TrueTiles], tmp_path: Path
) -> None:
    folder, _ = scanned
    shutil.copytree(folder / "tiles", tmp_path / "tiles")
    broken = tmp_path / "tiles" / "cycle2.ome.tif"
    broken.write_bytes(broken.read_bytes()[:5000])
    panel, out = folder / "if4.yaml", tmp_path / "out"
    with pytest.raises(RawFileError, match=r"cycle2\.ome\.tif"):
        stitch(tmp_path / "tiles", panel=panel, output=out)
    assert list(out.iterdir()) == []
    stitch(tmp_path / "tiles", panel=panel, output=out, record_faults=True)
    record = read_stitching(out)
    assert record.status == "not_counted"
    assert "cycle2.ome.tif" in (record.reason or "")
    slide = out / "slide.ome.tif"
    segment(slide, panel=panel, output=out, stitching=out / "stitching.json", record_faults=True)
    measure(slide, panel=panel, labels=out, output=out, record_faults=True)
    measured = read_record(out / "measurement.json", Measurement)
    assert (measured.status, measured.reason) == ("not_counted", record.reason)


def test_a_missing_folder_and_a_missing_channel_are_refused(
    scanned: tuple[Path, TrueTiles], tmp_path: Path
) -> None:
    folder, _ = scanned
    with pytest.raises(RawFileError, match="no such file"):
        stitch(tmp_path / "gone", panel=folder / "if4.yaml", output=tmp_path / "out")
    panel = tmp_path / "other.yaml"
    panel.write_text(PANEL.replace("panCK: {marker: CK", "HER2: {marker: HER2"))
    with pytest.raises(RawFileError, match=r"needs HER2, the tiles have channels DAPI"):
        stitch(folder / "tiles", panel=panel, output=tmp_path / "out")


def test_a_panel_without_dna_is_a_fault_of_the_panel(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("channels:\n  A: {marker: CD45, role: leukocyte}\n")
    with pytest.raises(ConfigError, match="modality image"):
        stitch(tmp_path, panel=tmp_path / "p.yaml", output=tmp_path / "out")


def test_an_unstitched_grid_is_evened_and_nothing_moves(tmp_path: Path) -> None:
    """Without a flat field its pixels stay as they are, to the last bit."""
    rng = np.random.default_rng(0)
    y, x = np.linspace(-1, 1, 160)[:, None], np.linspace(-1, 1, 160)[None, :]
    gain = np.tile(1 - 0.3 * (y**2 + x**2) / 2, (6, 6))
    light = 100 + 500 * gain + 9 * rng.standard_normal(gain.shape)
    pixels = np.stack([np.rint(light)] * 4).astype(np.uint16)
    tifffile.imwrite(tmp_path / "s.tif", pixels, photometric="minisblack")
    panel = tmp_path / "p.yaml"
    panel.write_text(PANEL + "channel_names: [DAPI, CD45, EPCAM, panCK]\n")
    options = {"panel": panel, "pixel_size_um": 0.5}
    grid = Camera(tile_shape=(160, 160), dark_level=100.0)
    stitch(tmp_path / "s.tif", output=tmp_path / "flat", camera=grid, **options)
    flat = tifffile.imread(tmp_path / "flat" / "slide.ome.tif")[0].astype(float)
    blocks = flat.reshape(6, 160, 6, 160).mean(axis=(0, 2))
    assert blocks.std() < 8
    assert pixels[0].reshape(6, 160, 6, 160).mean(axis=(0, 2)).std() > 20
    left = Camera(tile_shape=(160, 160), flat_field=False)
    stitch(tmp_path / "s.tif", output=tmp_path / "left", camera=left, **options)
    assert np.array_equal(tifffile.imread(tmp_path / "left" / "slide.ome.tif"), pixels)
    assert read_stitching(tmp_path / "left").dark_level is None
