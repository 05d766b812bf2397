"""The shift between two images, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tile_scenes import draw_scene

from chc_gating.imaging.register import measure_shift

SCENE = draw_scene((300, 360), seed=3)


@pytest.mark.parametrize("shift", [(0, 0), (7, -11), (-13, 4), (20, 20)])
def test_a_whole_shift_is_found(shift: tuple[int, int]) -> None:
    dy, dx = shift
    first = SCENE[50:170, 60:200]
    second = SCENE[50 + dy : 170 + dy, 60 + dx : 200 + dx]
    found = measure_shift(first, second, limit_px=25)
    assert found is not None
    assert (round(found.y), round(found.x)) == shift
    assert found.quality > 0.95


def test_a_part_of_a_pixel_is_found_to_a_tenth() -> None:
    moved = ndimage.shift(SCENE.astype(float), (0.4, -0.3), order=3)
    found = measure_shift(SCENE[50:170, 60:200], moved[50:170, 60:200], limit_px=5)
    assert found is not None
    assert abs(found.y + 0.4) < 0.1
    assert abs(found.x - 0.3) < 0.1


def test_a_narrow_strip_finds_a_shift_beyond_half_its_width() -> None:
    """The correlation wraps around: of a strip of 30 px, a shift of 16 looks like one of -14."""
    first, second = SCENE[20:280, 100:130], SCENE[20:280, 116:146]
    found = measure_shift(first, second, limit_px=20)
    assert found is not None
    assert (round(found.y), round(found.x)) == (0, 16)


def test_different_places_do_not_look_alike() -> None:
    other = draw_scene((300, 360), seed=4)
    found = measure_shift(SCENE[50:170, 60:200], other[50:170, 60:200], limit_px=25)
    assert found is None or found.quality < 0.5


def test_an_image_without_detail_has_no_shift() -> None:
    assert measure_shift(SCENE[:50, :50], np.full((50, 50), 7), limit_px=5) is None


def test_shading_does_not_draw_the_shift_to_nothing() -> None:
    """The same shading in both would say that they did not move."""
    shade = 1 - 0.6 * np.linspace(-1, 1, 140) ** 2
    first, second = SCENE[50:170, 60:200] * shade, SCENE[55:175, 52:192] * shade
    found = measure_shift(first, second, limit_px=15)
    assert found is not None
    assert (round(found.y), round(found.x)) == (5, -8)
