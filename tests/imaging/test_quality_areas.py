"""Squares of a slide: what is out of focus, empty or not read is lost, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label

from chc_gating.imaging.blocks import grid_blocks
from chc_gating.imaging.quality_areas import Judged, judge_squares
from chc_gating.imaging.quality_maps import QualityMaps
from chc_gating.imaging.sums import BlockPixels, index_cells

SIDE = 2048
"""Pixels: 8 x 8 squares, 2 x 2 blocks."""


def draw_nuclei(
    *, per_square: float = 12, seed: int = 0, level: float = 2000
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a sharp image of textured nuclei without noise or background, and where they are."""
    rng = np.random.default_rng(seed)
    image = np.zeros((SIDE, SIDE))
    for _ in range(int(per_square * (SIDE / 256) ** 2)):
        y, x = rng.uniform(16, SIDE - 16, 2)
        radius = rng.uniform(7.5, 10.5)
        top, left = int(y) - 14, int(x) - 14
        window = image[top : top + 29, left : left + 29]
        yy, xx = np.mgrid[:29, :29]
        distance = np.hypot(yy + top - y, xx + left - x) - radius
        texture = 1 + 0.2 * np.sin(0.9 * yy + x) * np.sin(0.8 * xx + y)
        body = level * rng.uniform(0.5, 1.2) * texture / (1 + np.exp(distance / 0.5))
        np.maximum(window, body, out=window)
    return gaussian_filter(image, 1.0), gaussian_filter(image, 1.0) > level / 4


def take_picture(signal: NDArray[np.float64], *, seed: int = 1) -> NDArray[np.uint16]:
    """Return the signal on a background of 240, with shot noise and a camera's."""
    noise = np.random.default_rng(seed).standard_normal(signal.shape)
    level = signal + 240
    return np.clip(np.rint(level + noise * np.sqrt(2 * level + 81)), 0, 65535).astype(np.uint16)


def fill_maps(
    image: NDArray[np.uint16],
    nuclei: NDArray[np.bool_],
    *,
    background: float = 240,
    margin: int = 6,
) -> QualityMaps:
    """Return the maps of one channel, from connected nuclei, block by block."""
    pieces, _ = label(nuclei)
    flat = pieces.ravel()
    seeds = np.full(flat.max() + 1, -1, np.int64)
    places = np.flatnonzero(flat)
    seeds[flat[places][::-1]] = places[::-1]  # the first pixel of each
    labels = np.where(pieces > 0, seeds[pieces] + 1, 0)
    maps = QualityMaps(image.shape, ("DNA",), dna=0)
    for block in grid_blocks(image.shape):
        outer = block.grow(margin, image.shape)
        inside = labels[outer.slices]
        squares = (-(-block.height // 256), -(-block.width // 256), 1)
        pixels = BlockPixels(
            np.ascontiguousarray(inside),
            np.ascontiguousarray(image[outer.slices])[np.newaxis],
            block,
            outer,
        )
        maps.add_block(
            pixels,
            index_cells(pixels.labels, ring_px=0),
            background=np.full(squares, 240.0),
            saturation=65535,
        )
    return maps


def judge(image: NDArray[np.uint16], nuclei: NDArray[np.bool_], **options: float) -> Judged:
    return judge_squares(fill_maps(image, nuclei), pixel_size_um=0.5, **options)


def blur_corner(signal: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return the image with its upper left quarter, 4 x 4 squares, out of focus."""
    result = signal.copy()
    half = SIDE // 2
    result[:half, :half] = gaussian_filter(signal, sigma)[:half, :half]
    return result


@pytest.mark.parametrize("level", [300, 2000, 20000])
@pytest.mark.parametrize("per_square", [4, 12, 30])
def test_a_sharp_slide_loses_nothing(per_square: float, level: float) -> None:
    signal, nuclei = draw_nuclei(per_square=per_square, seed=int(per_square), level=level)
    found = judge(take_picture(signal), nuclei)
    assert set(found.state.ravel()) == {"scored"}
    assert found.quality.scored_share == 1.0
    assert found.quality.areas == ()


@pytest.mark.parametrize("sigma", [2.0, 3.0, 6.0])
@pytest.mark.parametrize("level", [300, 2000])
def test_a_blurred_quarter_is_found_and_nothing_else(level: float, sigma: float) -> None:
    signal, nuclei = draw_nuclei(level=level)
    found = judge(take_picture(blur_corner(signal, sigma)), nuclei)
    assert (found.state[:4, :4] == "out_of_focus").mean() >= 0.9
    assert (found.state[4:] == "scored").all()
    assert (found.state[:, 4:] == "scored").all()
    quality = found.quality
    assert quality.scored_share == pytest.approx(0.75, abs=0.03)
    assert quality.lost_shares["out_of_focus"] == pytest.approx(1 - quality.scored_share)
    largest = quality.areas[0]
    assert (largest.kind, largest.y0_px, largest.x0_px) == ("out_of_focus", 0, 0)
    assert largest.area_mm2 == pytest.approx((SIDE / 2 * 5e-4) ** 2, rel=0.1)
    assert sum(area.nuclei for area in quality.areas) == quality.nuclei_out_of_focus


def test_stain_and_exposure_do_not_count_as_focus() -> None:
    signal, nuclei = draw_nuclei()
    signal[:, : SIDE // 2] *= 0.3
    assert judge(take_picture(signal), nuclei).quality.scored_share == 1.0


def test_the_drop_is_a_setting_that_is_told() -> None:
    signal, nuclei = draw_nuclei()
    image = take_picture(blur_corner(signal, 1.5))
    strict, mild = judge(image, nuclei, focus_drop=2), judge(image, nuclei, focus_drop=10)
    assert (strict.state[:4, :4] == "out_of_focus").mean() >= 0.9
    assert mild.quality.scored_share == 1.0
    assert strict.quality.focus_drop == 2
    assert strict.quality.focus_reference is not None
    assert strict.quality.focus_threshold == strict.quality.focus_reference / 2


def test_a_hole_amid_cells_is_empty_and_the_rim_is_outside() -> None:
    signal, nuclei = draw_nuclei()
    for lost in (np.s_[512:1280, 768:1280], np.s_[:, 1792:]):
        signal[lost], nuclei[lost] = 0, False
    found = judge(take_picture(signal), nuclei)
    assert (found.state[2:5, 3:5] == "empty").all()
    assert (found.state[:, 7] == "outside").all()
    quality = found.quality
    assert quality.squares_by_state == {
        "scored": 64 - 6 - 8,
        "out_of_focus": 0,
        "empty": 6,
        "unread": 0,
        "outside": 8,
    }
    assert quality.scored_share == pytest.approx(50 / 56)
    (area,) = quality.areas
    assert (area.kind, area.y0_px, area.y1_px, area.x0_px, area.x1_px) == (
        "empty",
        512,
        1280,
        768,
        1280,
    )
    assert area.nuclei == 0


def test_an_empty_square_of_a_sparse_slide_is_chance() -> None:
    signal, nuclei = draw_nuclei(per_square=4)
    hole = np.s_[768:1024, 768:1024]
    signal[hole], nuclei[hole] = 0, False
    assert judge(take_picture(signal), nuclei).quality.scored_share == 1.0


def test_pixels_of_one_grey_level_were_not_read_wherever_they_are() -> None:
    signal, nuclei = draw_nuclei()
    image, gap = take_picture(signal), np.s_[:512, :512]
    image[gap], nuclei[gap] = 0, False
    found = judge(image, nuclei)
    assert (found.state[:2, :2] == "unread").all()
    assert found.quality.lost_shares["unread"] == pytest.approx(4 / 64)


def test_a_slide_without_nuclei_has_no_sample() -> None:
    empty = np.zeros((SIDE, SIDE))
    found = judge(take_picture(empty), empty > 0)
    assert set(found.state.ravel()) == {"outside"}
    assert found.quality.sample_area_mm2 == 0
    assert found.quality.focus_threshold is None


def test_nuclei_add_up_and_the_margin_changes_nothing() -> None:
    signal, nuclei = draw_nuclei()
    image = take_picture(signal)
    one, other = fill_maps(image, nuclei, margin=3), fill_maps(image, nuclei, margin=20)
    assert one.nuclei.sum() == label(nuclei)[1]
    np.testing.assert_array_equal(one.measure_focus(), other.measure_focus())


def test_saturated_pixels_are_a_share_of_their_square() -> None:
    image = np.full((SIDE, SIDE), 200, np.uint16)
    image[:256, 256:384] = 65535
    maps = fill_maps(image, np.zeros(image.shape, np.bool_))
    assert maps.saturated_share[0, :2, 0].tolist() == [0.0, 0.5]
    assert maps.saturated_share.sum() == 0.5


def test_the_share_of_noise_is_that_of_the_filters() -> None:
    from chc_gating.kernels.quality import BENT, SMOOTH
    from chc_gating.kernels.quality_columns import NOISE_SHARE

    noise_filter = np.outer([1, -2, 1], [1, -2, 1])
    smooth, bent = np.pad(SMOOTH, 1), np.array(BENT)
    np.testing.assert_array_equal(bent, np.convolve(SMOOTH, [1, -2, 1]))
    sharpness = np.outer(bent, smooth) + np.outer(smooth, bent)
    assert (sharpness**2).sum() / (noise_filter**2).sum() / 16**2 == NOISE_SHARE
    assert sharpness.sum() == 0


@pytest.mark.parametrize("blur", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("level", [300, 2000])
def test_the_edges_of_nuclei_are_as_wide_as_optics_made_them(level: float, blur: float) -> None:
    """The drawing's own edge is a logistic of 0.5 px (SD 0.5 pi / sqrt 3) blurred by 1 px."""
    signal, _ = draw_nuclei(level=level)
    image = gaussian_filter(signal, blur)
    found = judge(take_picture(image), image > level / 4).quality.edge_sd_um
    assert found is not None
    true_px = np.sqrt((0.5 * np.pi) ** 2 / 3 + 1 + blur**2)
    assert found / 0.5 == pytest.approx(true_px, rel=0.16)


def test_a_slide_blurred_as_a_whole_shows_in_its_edges_alone() -> None:
    signal, _ = draw_nuclei()
    sharp, blurred = (
        judge(take_picture(image), image > 500).quality
        for image in (signal, gaussian_filter(signal, 3.0))
    )
    assert sharp.scored_share == blurred.scored_share == 1.0
    assert sharp.edge_sd_um is not None
    assert blurred.edge_sd_um is not None
    assert blurred.edge_sd_um > 2 * sharp.edge_sd_um


def test_a_slide_without_nuclei_has_no_edges() -> None:
    empty = np.zeros((SIDE, SIDE))
    assert judge(take_picture(empty), empty > 1).quality.edge_sd_um is None
