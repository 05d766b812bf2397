"""Steps of the background between tiles that overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tile_scenes import cut_tiles, draw_scene, grid_places, stage_um, write_images

from chc_gating.imaging.raw_tiles import open_tiles
from chc_gating.imaging.tile_reader import TileReader
from chc_gating.imaging.tile_steps import measure_steps, solve_steps

PLACES = grid_places(3, 4)
SCENE = draw_scene((340, 520), seed=3)


def test_steps_of_tiles_are_found_whatever_the_specimen_shows(tmp_path: Path) -> None:
    """Held near 0 by .05 beside edges of weight 1: a random step is found to a few per cent."""
    steps = np.random.default_rng(0).normal(0, 40, len(PLACES))
    steps -= steps.mean()
    parts = cut_tiles(SCENE, PLACES, noise=5)
    parts = [
        np.rint(part + step).astype(np.uint16) for part, step in zip(parts, steps, strict=True)
    ]
    tiles = open_tiles(write_images(tmp_path / "s.ome.tif", parts, stage_um(PLACES)))
    with TileReader(tiles) as reader:
        found = measure_steps(
            tiles, tiles.cycles[0], PLACES.astype(float), channel=0, field=None, reader=reader
        )
    assert np.abs(found - steps).max() < 0.15 * np.abs(steps).max()
    assert np.corrcoef(found, steps)[0, 1] > 0.995


def test_a_small_slope_of_every_tile_does_not_add_up_over_a_row() -> None:
    """Each of 100 tiles seems 3 levels above the one before: held, none is off by 15."""
    pairs = [(i, i + 1) for i in range(99)]
    found = solve_steps(pairs, [3.0] * 99, tiles=100)
    assert np.abs(found).max() < 15
    assert np.abs(found[20:80]).max() < 0.5


def test_a_tile_that_overlaps_none_keeps_its_level() -> None:
    assert solve_steps([(0, 1)], [8.0], tiles=3)[2] == 0
