"""The camera's gain, from many tiles of unlike content."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from chc_gating.imaging.dark_level import FittedChannel, fit_dark_level
from chc_gating.imaging.field_survey import FieldLevels, FieldSurvey
from chc_gating.imaging.flat_field import FlatField, FlatFit, fit_flat_field

SHAPE = (96, 128)
DARK = 120.0


def true_gain() -> NDArray[np.float64]:
    y, x = np.linspace(-1, 1, SHAPE[0])[:, None], np.linspace(-1, 1, SHAPE[1])[None, :]
    gain = 1 - 0.3 * ((y - 0.1) ** 2 + (x + 0.15) ** 2) / 2
    return np.asarray(gain / gain.mean())


def draw_tile(
    seed: int, gain: NDArray[np.float64], *, brightest: float = 2.0
) -> NDArray[np.uint16]:
    """Return background of one level per tile and a few bright cells, through the field."""
    rng = np.random.default_rng(seed)
    cells = (rng.random(SHAPE) < 0.0006) * rng.uniform(2.5 - brightest, brightest, SHAPE)
    light = 300 * rng.uniform(0.7, 1.4) + 2e5 * ndimage.gaussian_filter(cells, 3, mode="wrap")
    light = light * gain
    noise = np.sqrt(2 * light + 80) * rng.standard_normal(SHAPE)
    return np.clip(np.rint(DARK + light + noise), 0, 65535).astype(np.uint16)


def grid_places(tiles: int, *, columns: int = 10) -> NDArray[np.float64]:
    """Return places of tiles row by row that overlap by an eighth."""
    row, column = np.divmod(np.arange(tiles), columns)
    return np.stack([row * SHAPE[0] * 0.875, column * SHAPE[1] * 0.875], axis=1)


def survey(tiles: Iterable[NDArray[np.uint16]], *, maximum: int = 65535) -> FieldLevels:
    collected = FieldSurvey(SHAPE, maximum=maximum)
    for tile in tiles:
        collected.add(tile)
    return collected.summarise()


def fit(tiles: int, gain: NDArray[np.float64]) -> FlatFit:
    levels = survey(draw_tile(seed, gain) for seed in range(tiles))
    return fit_flat_field(levels, grid_places(tiles), dark_level=DARK)


def worst_error(found: FlatFit, gain: NDArray[np.float64]) -> float:
    assert found.field is not None
    return float(np.abs(found.field.gain() / gain - 1).max())


@pytest.mark.parametrize("tiles", [16, 60])
def test_the_gain_is_found_within_two_percent(tiles: int) -> None:
    """Every tile has a background of its own here, up to twice another's."""
    found = fit(tiles, true_gain())
    assert found.field is not None
    assert found.field.dark_level == DARK
    assert worst_error(found, true_gain()) < 0.02
    assert found.gain_error is not None
    assert found.gain_error < 0.01


def test_cells_of_one_brightness_tell_the_dark_level() -> None:
    levels = survey(draw_tile(seed, true_gain(), brightest=1.3) for seed in range(100))
    places = grid_places(100)
    dark = fit_dark_level([FittedChannel(levels, places)])
    assert abs(dark - DARK) < 30
    assert worst_error(fit_flat_field(levels, places, dark_level=dark), true_gain()) < 0.03


def test_an_even_field_is_left_alone() -> None:
    found = fit(60, np.ones(SHAPE))
    assert (found.field, found.reason) == (None, "the field is even")


def test_few_tiles_are_not_enough() -> None:
    found = fit(7, true_gain())
    assert (found.field, found.reason) == (
        None,
        "fewer than 8 tiles with light and without saturation",
    )


def test_what_the_specimen_shows_is_not_taken_for_the_camera() -> None:
    """Nine tiles of tissue: every one has its own bright side."""
    tiles = []
    for seed in range(9):
        rng = np.random.default_rng(seed)
        tissue = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 25, mode="wrap")
        light = 2000 * (1 + 0.5 * tissue / np.abs(tissue).max())
        tiles.append(light.astype(np.uint16))
    found = fit_flat_field(survey(tiles), grid_places(9, columns=3), dark_level=0.0)
    assert (found.field, found.reason) == (None, "tiles disagree about it")


def test_a_slide_that_dims_towards_its_edges_is_not_taken_for_the_camera() -> None:
    """Light falls by half over 6 x 6 tiles, in every tile the same way: from the middle."""
    places = grid_places(36, columns=6)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    end = places.max(axis=0) + SHAPE
    rng = np.random.default_rng(0)
    tiles = []
    for place in places:
        away = ((y + place[0]) / end[0] - 0.5) ** 2 + ((x + place[1]) / end[1] - 0.5) ** 2
        light = 800 * (1 - away) * true_gain()
        noise = np.sqrt(light) * rng.standard_normal(SHAPE)
        tiles.append(np.rint(DARK + light + noise).astype(np.uint16))
    found = fit_flat_field(survey(tiles), places, dark_level=DARK)
    assert worst_error(found, true_gain()) < 0.015


def test_tiles_without_light_and_saturated_tiles_change_nothing() -> None:
    gain = true_gain()
    good = [draw_tile(seed, gain) for seed in range(40)]
    empty = np.full(SHAPE, int(DARK), np.uint16)
    full = np.full(SHAPE, 65535, np.uint16)
    places = grid_places(50)
    alone = fit_flat_field(survey(good), places[:40], dark_level=DARK)
    beside = fit_flat_field(survey([*good, *[empty, full] * 5]), places, dark_level=DARK)
    assert alone.field is not None
    assert beside.field == alone.field


def test_cells_on_half_of_a_tile_hide_it_without_bending_the_gain() -> None:
    """Dense tissue covers the left of every second tile; what is free there tells the rest."""
    gain = true_gain()
    tiles = []
    for seed in range(60):
        tile = draw_tile(seed, gain)
        if seed % 2:
            tissue = np.random.default_rng(seed).uniform(2000, 4000, (SHAPE[0], SHAPE[1] // 2))
            tile[:, : SHAPE[1] // 2] += (tissue * gain[:, : SHAPE[1] // 2]).astype(np.uint16)
        tiles.append(tile)
    found = fit_flat_field(survey(tiles), grid_places(60), dark_level=DARK)
    assert worst_error(found, gain) < 0.03


@pytest.mark.parametrize("maximum", [255, 4095, 65535])
def test_saturated_tiles_give_no_field(maximum: int) -> None:
    levels = survey([np.full(SHAPE, maximum, np.uint16)] * 8, maximum=maximum)
    found = fit_flat_field(levels, grid_places(8), dark_level=0.0)
    assert (found.field, found.reason) == (
        None,
        "fewer than 8 tiles with light and without saturation",
    )


def test_a_slide_without_cells_tells_no_dark_level() -> None:
    tiles = [np.full(SHAPE, 500, np.uint16)] * 9
    assert fit_dark_level([FittedChannel(survey(tiles), grid_places(9))]) == 0.0


def test_the_first_terms_are_the_mean_and_the_slope_along_x() -> None:
    """Gain 1 + x/2 at the centres of 4 columns, from -1 to 1 over the field."""
    field = FlatField((1, 4), (1.0, 0.5, *[0.0] * 13), 100.0)
    assert np.allclose(field.gain(), [[0.625, 0.875, 1.125, 1.375]])


def test_the_order_of_tiles_changes_no_light() -> None:
    tiles = [draw_tile(seed, true_gain()) for seed in range(20)]
    one, other = survey(tiles), survey(tiles[::-1])
    assert np.array_equal(one.light, other.light)
    assert np.array_equal(one.backgrounds, other.backgrounds[::-1])
