"""Places of tiles from what neighbours share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tile_scenes import TILE, cut_tiles, draw_scene, grid_places

from chc_gating.imaging.align import align_tiles
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.cycles import Layer, register_cycle
from chc_gating.imaging.tile_places import Edge, solve_places

NOMINAL = grid_places(4, 4)
LIMIT_PX = 20.0


def stray(places: NDArray[np.int64], *, px: int = 6, seed: int = 5) -> NDArray[np.int64]:
    return places + 20 + np.random.default_rng(seed).integers(-px, px + 1, places.shape)


TRUE = stray(NOMINAL)
SCENE = draw_scene((520, 580), seed=2)


def reader(tiles: list[NDArray[np.uint16]]):  # type: ignore[no-untyped-def]
    return lambda index, box: tiles[index][box.slices]


def align(tiles: list[NDArray[np.uint16]], stage: NDArray[np.float64]):  # type: ignore[no-untyped-def]
    return align_tiles(reader(tiles), stage, shape=TILE, limit_px=LIMIT_PX)


def test_places_are_those_that_the_tiles_were_cut_at() -> None:
    found = align(cut_tiles(SCENE, TRUE), NOMINAL.astype(float))
    expected = TRUE - TRUE.min(axis=0)
    assert np.abs(found.places - expected).max() < 0.3
    assert found.held.all()
    assert sum(edge.used for edge in found.edges) >= 24


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_the_stage_axes_are_found(swap: bool, signs: tuple[int, int]) -> None:
    stage = NOMINAL * np.array(signs)
    stage = stage[:, ::-1] if swap else stage
    found = align(cut_tiles(SCENE, TRUE), stage.astype(float))
    assert np.abs(found.places - (TRUE - TRUE.min(axis=0))).max() < 0.3


def test_a_tile_without_detail_stays_where_the_stage_says() -> None:
    tiles = cut_tiles(SCENE, TRUE)
    tiles[5] = np.random.default_rng(0).normal(400, 15, TILE).astype(np.uint16)
    found = align(tiles, NOMINAL.astype(float))
    assert found.held.tolist() == [k != 5 for k in range(16)]
    expected = TRUE - TRUE.min(axis=0)
    others = np.arange(16) != 5
    assert np.abs(found.places - expected)[others].max() < 0.5
    assert np.abs(found.places - expected)[5].max() < 10


def test_a_wrong_edge_is_dropped_and_moves_nothing() -> None:
    stage = grid_places(3, 3).astype(float)
    pairs = [
        (i, j) for i in range(9) for j in range(i + 1, 9) if abs(stage[i] - stage[j]).sum() < 120
    ]
    right = [Edge(i, j, *(stage[j] - stage[i]), quality=0.9) for i, j in pairs]
    edges = [
        Edge(4, 5, edge.dy + 9, edge.dx, quality=0.99)
        if (edge.first, edge.second) == (4, 5)
        else edge
        for edge in right
    ]
    places, judged, _ = solve_places(edges, stage, np.eye(2))
    assert [(e.first, e.second) for e in judged if not e.used] == [(4, 5)]
    assert np.abs(places - stage).max() < 0.01


def test_tiles_in_one_row_and_a_single_tile_are_placed() -> None:
    row = np.flatnonzero(NOMINAL[:, 0] == 0)
    found = align(cut_tiles(SCENE, TRUE[row]), NOMINAL[row].astype(float))
    assert np.abs(found.places - (TRUE[row] - TRUE[row].min(axis=0))).max() < 0.3
    one = align(cut_tiles(SCENE, TRUE[:1]), NOMINAL[:1].astype(float))
    assert one.places.tolist() == [[0.0, 0.0]]
    assert one.held.all()


def test_a_later_cycle_that_lies_far_away_comes_back() -> None:
    """The slide was put back 50 px off, and every tile strays by itself."""
    first = cut_tiles(SCENE, TRUE)
    aligned = align(first, NOMINAL.astype(float))
    there = stray(NOMINAL, seed=8)
    later = cut_tiles(np.roll(SCENE, (-50, 31), axis=(0, 1)) // 2 + 300, there, seed=9)
    found = register_cycle(
        Layer(reader(first), aligned.places),
        Layer(reader(later), aligned.predict(NOMINAL.astype(float))),
        shape=TILE,
        limit_px=LIMIT_PX,
    )
    assert found is not None
    expected = there - TRUE.min(axis=0) + (50, -31)
    assert np.abs(found.places - expected)[found.held].max() < 0.5
    assert found.held.sum() >= 12
    assert np.median(found.residual_px) < 0.3
    assert abs(found.rotation_deg) < 0.05


def test_a_cycle_of_another_slide_is_not_registered() -> None:
    first = cut_tiles(SCENE, TRUE)
    aligned = align(first, NOMINAL.astype(float))
    other = [np.random.default_rng(k).normal(400, 15, TILE).astype(np.uint16) for k in range(16)]
    found = register_cycle(
        Layer(reader(first), aligned.places),
        Layer(reader(other), aligned.predict(NOMINAL.astype(float))),
        shape=TILE,
        limit_px=LIMIT_PX,
    )
    assert found is None


def test_boxes_of_tiles_are_read_and_no_more() -> None:
    """Only what neighbours share is read: a tile of a slide is four megapixels."""
    asked: list[Box] = []
    tiles = cut_tiles(SCENE, TRUE)

    def read(index: int, box: Box) -> NDArray[np.uint16]:
        asked.append(box)
        return tiles[index][box.slices]

    align_tiles(read, NOMINAL.astype(float), shape=TILE, limit_px=LIMIT_PX)
    assert max(box.height * box.width for box in asked) < 0.3 * TILE[0] * TILE[1]
