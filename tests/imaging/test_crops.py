"""Crops of candidates."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import tifffile
from image_scenes import write_tiff

from chc_gating.imaging import overview as overview_module
from chc_gating.imaging.blocks import Box, grid_blocks, map_in_order
from chc_gating.imaging.cell_groups import CellGroups, open_cells
from chc_gating.imaging.crops import (
    CroppedCells,
    CropSource,
    CropStack,
    write_crops,
    write_no_crops,
)
from chc_gating.imaging.labels import Labels, write_labels
from chc_gating.imaging.overview import draw_overview
from chc_gating.imaging.plane_segments import SegmentCache
from chc_gating.imaging.slide import open_slide
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import write_table

NO_CELLS = CellGroups(Path("none"), (), frozenset(), None)
PIXELS = np.random.default_rng(2).integers(1, 60000, (2, 120, 130)).astype(np.uint16)


def crop(
    folder: Path,
    centroids: list[tuple[float, float]],
    *,
    controls: tuple[str, ...] = (),
    labels: Labels | None = None,
) -> tuple[np.ndarray, CropStack]:
    path = write_tiff(folder / "slide.tif", PIXELS)
    with open_slide(path) as slide:
        cells = CroppedCells(
            ids=np.arange(len(centroids)),
            centroids_px=np.array(centroids, float).reshape(-1, 2),
            candidates=len(centroids) - len(controls),
            control_phenotypes=controls,
        )
        source = CropSource(labels=labels, cells=NO_CELLS, dna=0, ring_px=3.0)
        write_crops(slide, cells, source=source, output=folder / "crops", crop_um=10)
    record = read_record(folder / "crops" / "crops.json", CropStack)
    return tifffile.imread(folder / "crops" / "crops.tif"), record


def test_a_crop_holds_all_channels_around_the_centroid(tmp_path: Path) -> None:
    stack, record = crop(tmp_path, [(60.2, 70.9), (50.0, 40.0)])
    assert record.size_px == 20  # 10 um of .5 um
    assert stack.shape == (2, 2, 20, 20)
    np.testing.assert_array_equal(stack[0], PIXELS[:, 50:70, 61:81])
    np.testing.assert_array_equal(stack[1][:, 10, 10], PIXELS[:, 50, 40])
    assert record.candidates == (0, 1)
    assert record.valid == ((0, 20, 0, 20),) * 2


def test_beyond_the_slide_a_crop_is_zero_and_marked(tmp_path: Path) -> None:
    stack, record = crop(tmp_path, [(3.0, 128.0)])
    assert record.valid == ((7, 20, 0, 12),)
    stack = stack.reshape(2, 20, 20)
    assert not stack[:, :7].any()
    assert not stack[:, :, 12:].any()
    np.testing.assert_array_equal(stack[:, 7:, :12], PIXELS[:, :13, 118:])


def test_no_candidates_are_one_page_of_zeros_and_an_empty_list(tmp_path: Path) -> None:
    stack, record = crop(tmp_path, [])
    assert not stack.any()
    assert record.candidates == ()
    assert record.channels == ("channel 1", "channel 2")


def test_a_slide_that_could_not_be_read_has_empty_crops(tmp_path: Path) -> None:
    write_no_crops(tmp_path)
    assert read_record(tmp_path / "crops.json", CropStack).candidates == ()
    assert not tifffile.imread(tmp_path / "crops.tif").any()


def test_the_same_candidates_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        crop(tmp_path / name, [(60.0, 70.0)])
    first, second = ((tmp_path / n / "crops" / "crops.tif").read_bytes() for n in ("a", "b"))
    assert first == second


def test_controls_come_after_candidates_with_their_class(tmp_path: Path) -> None:
    _, record = crop(tmp_path, [(60, 70), (50, 40), (20, 20)], controls=("leukocyte",))
    assert record.candidates == (0, 1)
    assert record.controls == (2,)
    assert record.control_phenotypes == ("leukocyte",)


def test_outlines_tell_the_cell_from_its_neighbour(tmp_path: Path) -> None:
    labels = np.zeros((120, 130), np.int64)
    labels[58:63, 68:73] = 1  # the cell of id 0
    labels[58:63, 75:79] = 5  # another
    write_labels(tmp_path / "labels.tif", labels.shape, iter([labels]))
    with Labels(tmp_path / "labels.tif") as opened:
        _, record = crop(tmp_path, [(60.0, 70.0)], labels=opened)
    assert record.has_outlines
    page = tifffile.imread(tmp_path / "crops" / "outlines.tif").reshape(20, 20)
    assert page[10].tolist() == [0] * 5 + [2] * 3 + [1] * 5 + [2, 0] + [3] * 4 + [0]


def test_without_labels_there_are_no_outlines_and_it_is_said(tmp_path: Path) -> None:
    _, record = crop(tmp_path, [(60.0, 70.0)])
    assert not record.has_outlines
    assert not tifffile.imread(tmp_path / "crops" / "outlines.tif").any()


def test_the_overview_holds_the_means_of_squares(tmp_path: Path) -> None:
    pixels = np.arange(2 * 600 * 1030, dtype=np.uint32).reshape(2, 600, 1030) % 60000
    path = write_tiff(tmp_path / "slide.tif", pixels.astype(np.uint16))
    with open_slide(path) as slide:
        small = draw_overview(slide, 1, cells=NO_CELLS).levels
        side = draw_overview(slide, 1, cells=NO_CELLS).side_px
    assert side == 3  # 1,030 px in at most 512 squares
    assert small.shape == (200, 344)
    assert small[5, 7] == round(pixels[1, 15:18, 21:24].mean())
    assert small[5, 343] == round(pixels[1, 15:18, 1029:].mean())


def test_a_large_slide_without_a_pyramid_shows_the_dna_of_its_nuclei(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_module, "READ_WHOLE_PX", 100)
    path = write_tiff(tmp_path / "slide.tif", np.zeros((2, 1030, 600), np.uint16))
    with open_slide(path) as slide:
        name = slide.channels[0]
        columns = {
            "id": [3, 4, 5, 6],
            "centroid_y_px": [4.0, 5.9, 1029.0, 500.0],
            "centroid_x_px": [3.0, 5.0, 599.0, 300.0],
            "area_px": [50, 40, 90, 10],
            f"nucleus_mean:{name}": [1100.0, 600.0, 400.0, 50.0],
            f"background:{name}": [100.0, 100.0, 100.0, 100.0],
        }
        write_table(tmp_path / "measurements.parquet", pyarrow.table(columns))
        found = draw_overview(slide, 0, cells=open_cells(tmp_path / "measurements.parquet"))
    assert (found.of, found.side_px, found.levels.shape) == ("nuclei", 3.0, (344, 200))
    assert found.levels[1, 1] == round((1000 * 50 + 500 * 40) / 9)
    assert found.levels[343, 199] == round(300 * 90 / 9)
    assert found.levels.astype(int).sum() == found.levels[1, 1] + found.levels[343, 199]


def test_the_overview_is_from_a_level_of_the_pyramid(tmp_path: Path) -> None:
    pixels = np.full((1, 2400, 2000), 100, np.uint16)
    small = np.arange(600 * 500, dtype=np.uint16).reshape(1, 600, 500) % 900
    with tifffile.TiffWriter(tmp_path / "slide.ome.tif", ome=True) as file:
        options = {"photometric": "minisblack", "tile": (256, 256)}
        size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        file.write(pixels, subifds=2, metadata={"axes": "CYX", **size}, **options)
        file.write(pixels[:, ::2, ::2] + 1, subfiletype=1, **options)
        file.write(small, subfiletype=1, **options)
    with open_slide(tmp_path / "slide.ome.tif") as slide:
        assert len(slide.levels) == 3
        overview = draw_overview(slide, 0, cells=NO_CELLS)
        found, side = overview.levels, overview.side_px
    # 600 px in at most 512 squares: 2 px of the level, 8 px of the slide.
    assert side == 8.0
    assert found.shape == (300, 250)
    assert found[3, 4] == round(small[0, 6:8, 8:10].mean())


def test_threads_read_the_labels_of_crops_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A file has one place where it is read: threads must not move it for each other."""
    monkeypatch.setattr("chc_gating.imaging.labels.SegmentCache", lambda _: SegmentCache(1))
    shape = (2048, 2048)
    nuclei = np.zeros(shape, np.int64)
    nuclei[::3, ::3] = np.arange(nuclei[::3, ::3].size).reshape(683, 683)[::-1] * 7919 % 999_983
    blocks = [nuclei[box.slices] for box in grid_blocks(shape)]
    write_labels(tmp_path / "labels.tif", shape, iter(blocks))
    rng = np.random.default_rng(2)
    boxes = [Box(y, y + 8, x, x + 8) for y, x in rng.integers(0, 2040, (300, 2)).tolist()]
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    with Labels(tmp_path / "labels.tif") as labels:
        for box, found in zip(boxes, map_in_order(labels.read, boxes, threads=8), strict=True):
            np.testing.assert_array_equal(found, nuclei[box.slices])
