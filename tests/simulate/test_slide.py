from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from chc_gating.errors import ChcError
from chc_gating.imaging.records import Segmentation
from chc_gating.simulate.batch import Rules, measure_truth
from chc_gating.simulate.oracle_gates import classify
from chc_gating.simulate.outlines import write_outlines
from chc_gating.simulate.recipe import SlideFile
from chc_gating.simulate.slide import count_kinds, slide_tiles, write_slide
from chc_gating.simulate.slide_layout import SMALLEST_DISTANCE_UM, SlideLayout
from chc_gating.simulate.slide_pixels import Tile, draw_background, draw_outlines, draw_signal
from chc_gating.storage.records import read_record

MakeSlide = Callable[..., SlideFile]


def whole(layout: SlideLayout) -> Tile:
    return Tile(0, 0, layout.slide.height_px, layout.slide.width_px)


def test_the_file_says_its_channels_and_pixel_size(tmp_path: Path, small_slide: MakeSlide) -> None:
    write_slide(tmp_path / "s.ome.tif", SlideLayout(small_slide(), seed=(1,)))
    with tifffile.TiffFile(tmp_path / "s.ome.tif") as file:
        assert file.series[0].shape == (4, 520, 600)
        assert file.series[0].axes == "CYX"
        assert file.series[0].dtype == np.uint16
        for name in ("DAPI", "CD45", "EPCAM", "panCK"):
            assert f'Name="{name}"' in file.ome_metadata
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, small_slide: MakeSlide) -> None:
    for name in ("a.ome.tif", "b.ome.tif"):
        write_slide(tmp_path / name, SlideLayout(small_slide(), seed=(1,)))
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()


def test_every_cell_has_its_label_and_its_centre_pixel(small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(touching=0.5), seed=(4,))
    labels = draw_outlines(layout, whole(layout))
    cells = list(layout.all_cells())
    assert len(np.unique(labels)) - 1 == len(cells) == sum(count_kinds(layout).values())
    for cell in cells:
        index = cell.seed_y * layout.slide.width_px + cell.seed_x
        assert labels[cell.seed_y, cell.seed_x] == 1 + index


def test_outlines_are_written_as_they_are_drawn(tmp_path: Path, small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(), seed=(4,))
    write_outlines(tmp_path, layout, slide=tmp_path / "s.ome.tif", nuclei=9)
    written = tifffile.imread(tmp_path / "labels.tif")
    assert written.dtype == np.uint32
    np.testing.assert_array_equal(written, draw_outlines(layout, whole(layout)))
    assert read_record(tmp_path / "segmentation.json", Segmentation).slide.nuclei == 9


def test_tiles_change_no_pixel_of_signal_or_outline(small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(), seed=(2,))
    labels, signal = draw_outlines(layout, whole(layout)), draw_signal(layout, whole(layout))
    for tile in slide_tiles(layout, 190):
        box = (slice(tile.y0, tile.y0 + tile.height), slice(tile.x0, tile.x0 + tile.width))
        np.testing.assert_array_equal(draw_outlines(layout, tile), labels[box])
        np.testing.assert_allclose(draw_signal(layout, tile), signal[:, *box], atol=1e-6)


def test_planted_cells_are_all_there_and_keep_clear_of_others(small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(), seed=(5,))
    cells = list(layout.all_cells())
    kinds = Counter(cell.kind for cell in cells)
    assert {k: kinds[k] for k in ("CHC_EPCAM_CK", "CTC_CK", "dim_hybrid")} == {
        "CHC_EPCAM_CK": 2,
        "CTC_CK": 1,
        "dim_hybrid": 1,
    }
    for rare in (cell for cell in cells if cell.kind != "leukocyte"):
        distances = [np.hypot(rare.y - c.y, rare.x - c.x) for c in cells if c is not rare]
        assert min(distances) * 0.5 >= 21.0


def test_some_nuclei_touch_and_without_touching_none_is_near(small_slide: MakeSlide) -> None:
    def nearest_um(touching: float) -> float:
        layout = SlideLayout(small_slide(touching=touching), seed=(6,))
        places = np.array([(cell.y, cell.x) for cell in layout.all_cells()])
        apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
        return float(apart[apart > 0].min()) * 0.5

    assert nearest_um(0.0) >= SMALLEST_DISTANCE_UM
    assert nearest_um(0.5) < SMALLEST_DISTANCE_UM


def test_more_rare_cells_than_room_are_refused(small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(planted={"CHC_CK": 500}), seed=(1,))
    with pytest.raises(ChcError, match="500 rare cells do not fit"):
        _ = layout.planted


def test_the_background_is_uneven_and_smooth(small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(), seed=(1,))
    background = draw_background(layout, whole(layout), 1)
    assert background.max() / background.min() > 1.3
    assert np.abs(np.diff(background, axis=1)).max() < 2
    assert background.min() > 0


def test_the_truth_keeps_clear_of_every_cut(
    small_slide: MakeSlide, rules: Callable[[str, str], Rules]
) -> None:
    chosen = rules("if4", "chc-slide")
    layout = SlideLayout(small_slide(width_px=1200, height_px=1200, touching=0.4), seed=(8,))
    columns = measure_truth(layout).columns(chosen.panel)
    for marker, channel in chosen.panel.markers.items():
        cut = chosen.gates.cuts[marker]
        for edge in {cut.fixed, *(cut.indeterminate or ())} - {1000 if marker == "CD45" else None}:
            assert np.abs(columns[channel] / edge - 1).min() > 0.1, (marker, edge)


def test_the_oracle_calls_every_planted_cell_what_it_is(
    small_slide: MakeSlide, rules: Callable[[str, str], Rules]
) -> None:
    chosen = rules("if4", "chc-slide")
    layout = SlideLayout(small_slide(), seed=(9,))
    found = Counter(
        classify(
            measure_truth(layout).columns(chosen.panel), panel=chosen.panel, gates=chosen.gates
        ).tolist()
    )
    expected = count_kinds(layout)
    expected["indeterminate_candidate"] = expected.pop("dim_hybrid")
    assert found == expected


CROWDED = {
    "clearance_um": 0,
    "beside": 0.6,
    "lobed": 0.4,
    "out_of_focus": 0.1,
    "debris_per_mm2": 400,
    "planted": {"CHC_CK": 4, "CTC_EPCAM_CK": 4, "caml": 1},
}


def test_on_a_crowded_slide_leukocytes_touch_rare_cells_and_none_lies_on_another(
    small_slide: MakeSlide,
) -> None:
    layout = SlideLayout(small_slide(width_px=900, height_px=900, **CROWDED), seed=(3,))
    rare = list(layout.planted.values())
    leukocytes = [cell for cell in layout.all_cells() if cell.kind == "leukocyte"]
    gaps = [
        min(np.hypot(r.y - c.y, r.x - c.x) / (r.radius + c.radius) for c in leukocytes)
        for r in rare
    ]
    assert sum(gap < 1 for gap in gaps) >= 4
    assert min(gaps) > 0.92


def test_tiles_change_no_pixel_of_a_crowded_slide(small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(**CROWDED), seed=(2,))
    labels, signal = draw_outlines(layout, whole(layout)), draw_signal(layout, whole(layout))
    for tile in slide_tiles(layout, 190):
        box = (slice(tile.y0, tile.y0 + tile.height), slice(tile.x0, tile.x0 + tile.width))
        np.testing.assert_array_equal(draw_outlines(layout, tile), labels[box])
        np.testing.assert_allclose(draw_signal(layout, tile), signal[:, *box], atol=1e-6)


def test_every_lobed_nucleus_is_one_and_holds_its_seed(small_slide: MakeSlide) -> None:
    layout = SlideLayout(small_slide(lobed=1.0, touching=0.0), seed=(4,))
    labels = draw_outlines(layout, whole(layout))
    lobed = [cell for cell in layout.all_cells() if cell.lobes]
    assert len(lobed) > 50
    for cell in lobed:
        own = 1 + cell.seed_y * layout.slide.width_px + cell.seed_x
        assert labels[cell.seed_y, cell.seed_x] == own


def test_scraps_are_light_in_the_dna_channel_and_no_cells(small_slide: MakeSlide) -> None:
    bare, scraps = (SlideLayout(small_slide(debris_per_mm2=n), seed=(4,)) for n in (0, 2000))
    assert list(bare.all_cells()) == list(scraps.all_cells())
    added = draw_signal(scraps, whole(scraps)) - draw_signal(bare, whole(bare))
    assert added[0].max() > 1500
    np.testing.assert_array_equal(
        draw_outlines(bare, whole(bare)), draw_outlines(scraps, whole(scraps))
    )
