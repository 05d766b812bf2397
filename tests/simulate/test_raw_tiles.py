"""A simulated slide as raw tiles of a camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from chc_gating.imaging.tile_positions import read_positions
from chc_gating.simulate.raw_tiles import TrueTiles, field_gain, write_raw_tiles
from chc_gating.simulate.recipe import RawScan, SlideFile
from chc_gating.simulate.slide_layout import SlideLayout
from chc_gating.simulate.slide_pixels import Tile, draw_background, draw_signal
from chc_gating.storage.records import read_record

MakeSlide = Callable[..., SlideFile]
SCAN = RawScan(
    tile_px=256, jitter_px=4, cycles=(("DAPI", "CD45"), ("DAPI", "EPCAM", "panCK")), dark_level=90
)


@pytest.fixture
def written(tmp_path: Path, small_slide: MakeSlide) -> tuple[Path, SlideLayout, TrueTiles]:
    layout = SlideLayout(small_slide(scan=SCAN), seed=(1,))
    write_raw_tiles(tmp_path / "tiles", layout, SCAN, truth=tmp_path / "truth")
    truth = read_record(tmp_path / "truth" / "tiles.json", TrueTiles)
    return tmp_path / "tiles", layout, truth


def test_a_cycle_is_a_file_of_tiles_with_stage_positions(
    written: tuple[Path, SlideLayout, TrueTiles],
) -> None:
    folder, _, truth = written
    assert sorted(path.name for path in folder.iterdir()) == ["cycle1.ome.tif", "cycle2.ome.tif"]
    for number, channels in ((1, 2), (2, 3)):
        path = folder / f"cycle{number}.ome.tif"
        found = [(p.y, p.x) for p in read_positions(path) if p is not None]
        assert np.allclose(found, truth.stage_um[number - 1])
        with tifffile.TiffFile(path) as file:
            assert {series.shape for series in file.series} == {(channels, 256, 256)}


def test_tiles_of_the_first_cycle_see_the_whole_slide(
    written: tuple[Path, SlideLayout, TrueTiles],
) -> None:
    _, layout, truth = written
    seen = np.zeros((layout.slide.height_px, layout.slide.width_px), np.bool_)
    for y, x in truth.places_px[0]:
        seen[y : y + 256, x : x + 256] = True
    assert seen.all()
    assert min(min(place) for place in truth.places_px[0]) == 0


def test_a_tile_is_light_through_the_field_plus_dark_and_noise(
    written: tuple[Path, SlideLayout, TrueTiles],
) -> None:
    folder, layout, truth = written
    image = tifffile.imread(folder / "cycle2.ome.tif", series=3)[1].astype(float)
    y, x = truth.places_px[1][3]
    box = Tile(y, x, 256, 256)
    channel = 2
    light = draw_signal(layout, box)[channel] + draw_background(layout, box, channel)
    expected = 90 + field_gain(SCAN, channel) * light
    assert abs(np.mean(image - expected)) < 1
    assert np.std((image - expected) / np.sqrt(2 * (expected - 90) + 81)) == pytest.approx(
        1, abs=0.02
    )


def test_the_field_is_darker_in_the_corners() -> None:
    gain = field_gain(RawScan(vignetting=0.35), 0)
    assert gain.max() == pytest.approx(1, abs=0.001)
    assert 0.5 < gain.min() < 0.72


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(scan=SCAN), seed=(1,))
    for name in ("a", "b"):
        write_raw_tiles(tmp_path / name, layout, SCAN, truth=tmp_path / f"{name}-truth")
    for file in ("cycle1.ome.tif", "cycle2.ome.tif"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
