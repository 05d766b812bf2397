"""The camera's gain, from many tiles of unlike content."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from chc_gating.imaging.flat_field import (
    FieldHistograms,
    FlatField,
    FlatFit,
    fit_dark_level,
    fit_flat_field,
)

SHAPE = (96, 128)
DARK = 120.0


def true_gain() -> NDArray[np.float64]:
    y, x = np.linspace(-1, 1, SHAPE[0])[:, None], np.linspace(-1, 1, SHAPE[1])[None, :]
    gain = 1 - 0.3 * ((y - 0.1) ** 2 + (x + 0.15) ** 2) / 2
    return np.asarray(gain / gain.mean())


def draw_tile(seed: int, gain: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return background of one level per tile and a few bright cells, through the field."""
    rng = np.random.default_rng(seed)
    cells = (rng.random(SHAPE) < 0.0015) * rng.uniform(0.5, 2, SHAPE)
    light = 300 * rng.uniform(0.7, 1.4) + 2e5 * ndimage.gaussian_filter(cells, 3, mode="wrap")
    light = light * gain
    noise = np.sqrt(2 * light + 80) * rng.standard_normal(SHAPE)
    return np.clip(np.rint(DARK + light + noise), 0, 65535).astype(np.uint16)


def fit(tiles: int, gain: NDArray[np.float64], *, dark_level: float | None = None) -> FlatFit:
    histograms = FieldHistograms(SHAPE, maximum=65535)
    for seed in range(tiles):
        histograms.add(draw_tile(seed, gain))
    levels = histograms.summarise()
    dark = fit_dark_level([levels]) if dark_level is None else dark_level
    return fit_flat_field(levels, dark_level=dark)


def test_the_gain_is_found_within_two_percent() -> None:
    found = fit(150, true_gain())
    assert found.field is not None
    assert np.quantile(np.abs(found.field.gain() / true_gain() - 1), 0.99) < 0.02
    assert abs(found.field.dark_level - DARK) < 40
    assert found.gain_error is not None
    assert found.gain_error < 0.01


def test_a_given_dark_level_is_used() -> None:
    found = fit(60, true_gain(), dark_level=DARK)
    assert found.field is not None
    assert found.field.dark_level == DARK
    assert np.abs(found.field.gain() / true_gain() - 1).max() < 0.03


def test_an_even_field_is_left_alone() -> None:
    found = fit(60, np.ones(SHAPE))
    assert found.field is None
    assert found.reason == "tiles disagree about it"


def test_few_tiles_are_not_enough() -> None:
    found = fit(7, true_gain())
    assert (found.field, found.reason) == (
        None,
        "fewer than 8 tiles with light and without saturation",
    )


def test_what_the_specimen_shows_is_not_taken_for_the_camera() -> None:
    """Nine tiles of tissue: every one has its own bright side."""
    histograms = FieldHistograms(SHAPE, maximum=65535)
    for seed in range(9):
        rng = np.random.default_rng(seed)
        tissue = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 25, mode="wrap")
        light = 2000 * (1 + 0.5 * tissue / np.abs(tissue).max())
        histograms.add(light.astype(np.uint16))
    assert fit_flat_field(histograms.summarise(), dark_level=0.0).field is None


@pytest.mark.parametrize("maximum", [255, 4095, 65535])
def test_saturated_tiles_give_no_field(maximum: int) -> None:
    histograms = FieldHistograms(SHAPE, maximum=maximum)
    for _ in range(8):
        histograms.add(np.full(SHAPE, maximum, np.uint16))
    found = fit_flat_field(histograms.summarise(), dark_level=0.0)
    assert (found.field, found.reason) == (
        None,
        "fewer than 8 tiles with light and without saturation",
    )


def test_the_first_terms_are_the_mean_and_the_slope_along_x() -> None:
    """Gain 1 + x/2 at the centres of 4 columns, from -1 to 1 over the field."""
    field = FlatField((1, 4), (1.0, 0.5, *[0.0] * 13), 100.0)
    assert np.allclose(field.gain(), [[0.625, 0.875, 1.125, 1.375]])


def test_the_order_of_tiles_decides_halves_only() -> None:
    gain = true_gain()
    one, other = (FieldHistograms(SHAPE, maximum=65535) for _ in range(2))
    for seed in range(20):
        one.add(draw_tile(seed, gain))
        other.add(draw_tile(19 - seed, gain))
    assert np.array_equal(one.summarise().pooled, other.summarise().pooled)
