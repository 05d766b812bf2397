"""Pixels of a stitched slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tile_scenes import TILE, cut_tiles, draw_scene, grid_places, stage_um, write_images

from chc_gating.imaging import mosaic as mosaic_module
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.flat_field import FlatField, open_field
from chc_gating.imaging.mosaic import Mosaic, PlacedCycle, blend_box, write_mosaic
from chc_gating.imaging.raw_tiles import TileSet, open_tiles
from chc_gating.imaging.tile_reader import TileReader

PLACES = grid_places(2, 2)
SCENE = draw_scene((260, 300), seed=6)
SIZE = (220, 255)


def open_scene(folder: Path, tiles: list[NDArray[np.uint16]]) -> TileSet:
    return open_tiles(write_images(folder / "s.ome.tif", tiles, stage_um(PLACES)))


def blend(
    tiles: TileSet, places: NDArray[np.generic], *, flat: FlatField | None = None
) -> NDArray[np.uint16]:
    placed = PlacedCycle(tiles.cycles[0], np.asarray(places, np.float64), (flat, flat))
    with TileReader(tiles) as reader:
        whole = Mosaic(tiles, (placed,), SIZE)
        whole_box, field = Box(0, SIZE[0], 0, SIZE[1]), open_field(flat)
        return blend_box(whole, placed, 0, box=whole_box, reader=reader, field=field)


def test_tiles_of_a_scene_give_the_scene(tmp_path: Path) -> None:
    tiles = open_scene(tmp_path, cut_tiles(SCENE, PLACES, noise=0))
    assert np.array_equal(blend(tiles, PLACES), SCENE[: SIZE[0], : SIZE[1]])


def test_a_tile_between_pixels_is_interpolated(tmp_path: Path) -> None:
    rows = np.arange(TILE[0], dtype=np.uint16)[:, None] * np.full(TILE, 100, np.uint16)
    tiles = open_scene(tmp_path, [rows] * 4)
    found = blend(tiles, np.array([[0.25, 0.0], [500, 0], [500, 0], [500, 0]]))
    assert found[:4, 0].tolist() == [0, 75, 175, 275]
    assert found[TILE[0], 0] == (TILE[0] - 1) * 100
    assert found[TILE[0] + 1, 0] == 0


def test_a_saturated_pixel_stays_saturated_in_an_overlap(tmp_path: Path) -> None:
    parts = cut_tiles(SCENE, PLACES, noise=0)
    parts[0][50, 130] = 65535
    tiles = open_scene(tmp_path, parts)
    found = blend(tiles, PLACES)
    assert found[50, 130] == 65535
    assert (found == 65535).sum() == 1
    moved = blend(tiles, PLACES + np.array([[0.0, 0.5], [0, 0], [0, 0], [0, 0]]))
    assert (moved == 65535).sum() == 2


def test_the_flat_field_is_taken_out(tmp_path: Path) -> None:
    flat = FlatField(TILE, (1.0, 0.0, -0.2, *[0.0] * 6, -0.2, *[0.0] * 5), 50.0)
    parts = cut_tiles(SCENE, PLACES, noise=0)
    shaded = [np.rint(50 + (part - 50.0) * flat.gain()).astype(np.uint16) for part in parts]
    found = blend(open_scene(tmp_path, shaded), PLACES, flat=flat).astype(int)
    assert np.abs(found - SCENE[: SIZE[0], : SIZE[1]]).max() <= 1


def test_the_step_of_a_tile_is_taken_off(tmp_path: Path) -> None:
    parts = cut_tiles(SCENE, PLACES, noise=0)
    steps = np.array([30.0, -20.0, 0.0, 7.0])
    shifted = [(part + step).astype(np.uint16) for part, step in zip(parts, steps, strict=True)]
    tiles = open_scene(tmp_path, shifted)
    places = np.asarray(PLACES, np.float64)
    placed = PlacedCycle(tiles.cycles[0], places, (None, None), (steps, None))
    mosaic, box = Mosaic(tiles, (placed,), SIZE), Box(0, SIZE[0], 0, SIZE[1])
    with TileReader(tiles) as reader:
        found = blend_box(mosaic, placed, 0, box=box, reader=reader, field=open_field(None))
    assert np.array_equal(found, SCENE[: SIZE[0], : SIZE[1]])


def test_strips_change_no_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = open_scene(tmp_path, cut_tiles(SCENE, PLACES))
    places = PLACES + np.array([[0, 0], [0.3, 0.7], [1.25, 0], [0.5, 0.125]])
    placed = PlacedCycle(tiles.cycles[0], places, (None, None))
    images = []
    for tile_px, strip, threads in ((512, 8, 1), (64, 2, 2), (32, 1, 1)):
        monkeypatch.setattr(mosaic_module, "TILE_PX", tile_px)
        monkeypatch.setattr(mosaic_module, "_STRIP_TILES", strip)
        path = tmp_path / f"{tile_px}.ome.tif"
        with TileReader(tiles) as reader:
            write_mosaic(path, Mosaic(tiles, (placed,), SIZE), reader, threads=threads)
        images.append(tifffile.imread(path))
    assert all(np.array_equal(image, images[0]) for image in images)
    assert images[0].shape == (2, *SIZE)


def test_the_same_tiles_give_the_same_bytes_on_any_threads(tmp_path: Path) -> None:
    tiles = open_scene(tmp_path, cut_tiles(SCENE, PLACES))
    placed = PlacedCycle(tiles.cycles[0], PLACES.astype(np.float64), (None, None))
    for threads in (1, 2):
        with TileReader(tiles) as reader:
            whole = Mosaic(tiles, (placed,), SIZE)
            write_mosaic(tmp_path / f"{threads}.ome.tif", whole, reader, threads=threads)
    one, two = ((tmp_path / f"{n}.ome.tif").read_bytes() for n in (1, 2))
    assert one == two
