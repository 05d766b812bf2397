"""An area out of focus, from pixels to page: its cells leave under a flag and are counted there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from chc_gating.model.acquisition import AcquisitionQuality, AcquisitionResult
from chc_gating.reporting.slide_quality import describe_quality, draw_quality_maps
from chc_gating.stages.evidence import read_evidence
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table
from tests.imaging.image_scenes import write_tiff

PANEL = """\
modality: image
segmentation: {method: watershed}
channel_names: [DAPI, CD45, CK]
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  CK: {marker: CK, role: epithelial}
"""
GATES = """\
cuts: {CD45: {fixed: 700}, CK: {fixed: 700}}
phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}
"""
SHAPE, SPACING = (1024, 2048), 48
BLURRED = 512
"""Pixels in x: of eight columns of squares the first two are out of focus."""


def draw_slide() -> np.ndarray:
    """Leukocytes in rows; every tenth cell is a CHC."""
    image = np.zeros((3, *SHAPE))
    yy, xx = np.mgrid[:41, :41] - 20
    distance = np.hypot(yy, xx)
    rng = np.random.default_rng(5)
    places = [
        (y + int(rng.integers(-5, 6)), x + int(rng.integers(-5, 6)))
        for y in range(40, SHAPE[0] - 40, SPACING)
        for x in range(40, SHAPE[1] - 40, SPACING)
    ]
    for i, (y, x) in enumerate(places):
        window = image[:, y - 20 : y + 21, x - 20 : x + 21]
        window[0][distance < 9] = 3000
        window[1][distance < 14] = 2000
        window[2][distance < 14] = 2000 * (i % 10 == 0)
    image = gaussian_filter(image, (0, 0.8, 0.8))
    blurred = gaussian_filter(image, (0, 4, 4))
    image[:, :, :BLURRED] = blurred[:, :, :BLURRED]
    noise = rng.standard_normal(image.shape)
    return np.clip(np.rint(image + 200 + noise * np.sqrt(image + 280)), 0, 65535).astype(np.uint16)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slide")
    (folder / "panel.yaml").write_text(PANEL)
    (folder / "gates.yaml").write_text(GATES)
    slide = write_tiff(folder / "slide.tif", draw_slide())
    out, panel = folder / "out", folder / "panel.yaml"
    segment(slide, panel=panel, output=out)
    measure(slide, panel=panel, labels=out, output=out)
    gate_image(out, slide=slide, panel=panel, gates=folder / "gates.yaml", output=out)
    return out


def test_cells_out_of_focus_are_in_no_population_and_counted_under_their_flag(out: Path) -> None:
    result = read_record(out / "populations.json", AcquisitionResult)
    cells = read_table(out / "cells.parquet")
    x, flags = cells["centroid_x_px"].to_numpy(), cells["flags"].to_pylist()
    lost = np.array(["in_area_out_of_focus" in cell.split(";") for cell in flags])
    np.testing.assert_array_equal(lost, x < BLURRED)
    phenotype = np.array(cells["phenotype"].to_pylist())
    assert set(phenotype[lost]) == {""}
    assert result.flags["in_area_out_of_focus"] == lost.sum() > 100
    assert result.event_count == len(lost)
    assert result.populations[0].events == result.nucleated_events == (~lost).sum()
    counts = {row.name: row.events for row in result.phenotypes}
    assert counts["CHC"] + counts["leukocyte"] + counts["CTC"] == (~lost).sum()
    candidates = read_table(out / "candidates.parquet")
    assert candidates["centroid_x_px"].to_numpy().min() >= BLURRED
    assert candidates.num_rows == counts["CHC"] + counts["CTC"]


def test_quality_json_holds_the_area_and_the_share(out: Path) -> None:
    quality = read_record(out / "quality.json", AcquisitionQuality).slide
    assert quality is not None
    assert quality.squares_by_state == {
        "scored": 24,
        "out_of_focus": 8,
        "empty": 0,
        "unread": 0,
        "outside": 0,
    }
    assert quality.scored_share == pytest.approx(0.75)
    (area,) = quality.areas
    assert (area.kind, area.y0_px, area.y1_px, area.x0_px, area.x1_px) == (
        "out_of_focus",
        0,
        1024,
        0,
        BLURRED,
    )
    assert quality.nuclei_out_of_focus == area.nuclei
    result = read_record(out / "populations.json", AcquisitionResult)
    assert area.nuclei == result.flags["in_area_out_of_focus"]


def test_tiles_hold_a_row_per_square(out: Path) -> None:
    tiles = read_table(out / "tiles.parquet")
    assert tiles.num_rows == 32
    assert sum(tiles["nuclei"].to_pylist()) == read_table(out / "measurements.parquet").num_rows
    assert np.array(tiles["state"].to_pylist()).reshape(4, 8)[0, :3].tolist() == [
        "out_of_focus",
        "out_of_focus",
        "scored",
    ]
    background = tiles["background:CD45"].to_numpy()
    assert background == pytest.approx(200, abs=45)  # the light of cells that is blurred


def test_the_page_draws_the_maps_and_lists_the_area(out: Path) -> None:
    evidence = read_evidence(out, acquisition="S1")
    picture = draw_quality_maps(evidence, identifier="a0-quality")
    assert picture is not None
    assert picture.svg.count("<image") == 7  # nuclei, its marks, focus, saturation, backgrounds
    assert "75 % of 0.524 mm2 was scored" in picture.caption
    assert "out of focus 0.13 mm2 at x 0-512, y 0-1,024 px" in picture.caption
    assert evidence.result.slide is not None
    quality = evidence.result.slide.quality
    assert quality is not None
    assert "below 1/3 of the upper quartile" in describe_quality(quality)
