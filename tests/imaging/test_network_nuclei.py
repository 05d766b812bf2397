"""Nuclei by the network: the grid, the maxima that are joined, and what is found."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_scenes import draw_discs, match_objects, scatter_nuclei
from numpy.typing import NDArray
from scipy import ndimage

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.diameter import estimate_diameter
from chc_gating.imaging.methods import UnfitImageError, choose_method
from chc_gating.imaging.network_levels import measure_range
from chc_gating.imaging.nuclei import segment_nuclei
from chc_gating.imaging.nucleus_steps import climb_once, label_basins
from chc_gating.kernels import dips, interpolate, resample

SPLIT = Path(__file__).parents[2] / "training" / "split.tsv"


def resample_slowly(image: NDArray[np.uint16], step: float) -> NDArray[np.float64]:
    """The same means with weights in floats, pixel by pixel."""
    reach = max(step, 1.0)
    axes = []
    for length in image.shape:
        centres = (np.arange(int(length / step)) + 0.5) * step - 0.5
        places = np.arange(-10, length + 10)
        weights = np.maximum(1 - abs(places[None] - centres[:, None]) / reach, 0)
        weights /= weights.sum(axis=1, keepdims=True)
        folded = np.zeros((centres.size, length))
        np.add.at(folded.T, np.clip(places, 0, length - 1), weights.T)
        axes.append(folded)
    return axes[0] @ image @ axes[1].T


@pytest.mark.parametrize("step", [0.6, 1.0, 1.3, 2.0, 3.7])
def test_the_grid_is_a_mean_of_pixels_with_triangular_weights(step: float) -> None:
    image = np.random.default_rng(1).integers(0, 60000, (40, 53)).astype(np.uint16)
    expected = resample_slowly(image, step)
    axes = [
        resample.axis_weights(step, first=0, count=count, length=length)
        for count, length in zip(expected.shape, image.shape, strict=True)
    ]
    levels = resample.resample_rows(image, *axes[0], *axes[1]) / (1 << resample.FRACTION_BITS)
    # Weights have 12 bits: of a level of 60,000 and some ten weights an axis, 1 in 400 at most.
    np.testing.assert_allclose(levels, expected, atol=60000 * 2 * 2.0 / (1 << 12))
    assert np.corrcoef(levels.ravel(), expected.ravel())[0, 1] > 0.99999


@pytest.mark.parametrize("step", [0.7, 1.9])
def test_a_piece_of_the_grid_equals_the_whole(step: float) -> None:
    image = np.random.default_rng(2).integers(0, 65535, (90, 90)).astype(np.uint16)
    count = int(90 / step)
    whole = resample.axis_weights(step, first=0, count=count, length=90)
    part = resample.axis_weights(step, first=11, count=20, length=90)
    expected = resample.resample_rows(image, *whole, *whole)[11:31, 11:31]
    np.testing.assert_array_equal(resample.resample_rows(image, *part, *part), expected)


def test_back_on_the_slide_a_slope_stays_a_slope() -> None:
    grid = np.tile(np.arange(20, dtype=np.int32) * 100, (12, 1))
    axes = [
        interpolate.axis_shares(2.0, first=4, count=12, grid_first=0, grid_length=length)
        for length in grid.shape
    ]
    everywhere = np.ones(grid.shape, np.int32)
    score = interpolate.interpolate_score(everywhere, grid, *axes[0], *axes[1], 0)
    # Slide pixel 4 lies at grid place (4 + 1/2) / 2 - 1/2 = 1.75, and a grid pixel is 2 of them.
    expected = (1.75 + np.arange(12) / 2) * 100 * (1 << interpolate.SHARE_BITS) + 1
    np.testing.assert_array_equal(score, np.tile(expected, (12, 1)))


def test_background_scores_nothing() -> None:
    foreground = np.zeros((8, 8), np.int32)
    foreground[3:5, 3:5] = 100
    shares = interpolate.axis_shares(1.0, first=0, count=8, grid_first=0, grid_length=8)
    score = interpolate.interpolate_score(foreground, foreground, *shares, *shares, 50)
    np.testing.assert_array_equal(score > 0, foreground > 0)


@pytest.mark.parametrize(("dip", "nuclei"), [(95, 1), (85, 1), (84, 2), (30, 2)])
def test_maxima_are_one_nucleus_where_the_distance_hardly_dips(dip: int, nuclei: int) -> None:
    score = np.zeros((3, 9), np.int32)
    score[1] = [20, 60, 100, 97, dip, 98, 120, 60, 20]
    ways, inside = climb_once(score)
    dips.join_shallow(score, ways, inside, 6, 85)
    seeds = label_basins(ways, inside, score, lowest_seed=30, share=0, radius=20)
    assert np.unique(seeds[seeds >= 0]).size == nuclei


def test_maxima_apart_stay_apart() -> None:
    score = np.zeros((1, 12), np.int32)
    score[0] = [5, 9, 8, 8, 8, 8, 8, 8, 8, 8, 9, 5]
    ways, inside = climb_once(score)
    dips.join_shallow(score, ways, inside, 4, 50)
    seeds = label_basins(ways, inside, score, lowest_seed=1, share=0, radius=20)
    assert {1, 10} <= set(np.unique(seeds).tolist())


@pytest.mark.parametrize("diameter_px", [9.3, 16.0, 23.7, 41.0])
def test_blocks_label_a_slide_as_one_block_would_at_any_pixel_size(diameter_px: float) -> None:
    shape = (430, 515)
    dna, _ = scatter_nuclei(shape, diameter=diameter_px, share=0.5, touching=0.7, seed=4)
    method = choose_method("network")
    prepared = method.prepare(lambda box: dna[box.slices], shape, diameter_px=diameter_px)

    def label(block: Box) -> NDArray[np.int64]:
        outer = block.grow(prepared.reach_px, shape)
        return prepared.label_block(dna[outer.slices], block, outer=outer)

    whole = label(Box(0, shape[0], 0, shape[1]))
    assert np.unique(whole).size > 20
    for side in (171, 256):
        for y in range(0, shape[0], side):
            for x in range(0, shape[1], side):
                block = Box(y, y + side, x, x + side).clip(shape)
                np.testing.assert_array_equal(label(block), whole[block.slices])


@pytest.mark.parametrize("diameter_px", [3.9, 201.0])
def test_nuclei_too_small_or_too_large_are_refused(diameter_px: float) -> None:
    image = np.zeros((40, 40), np.uint16)
    with pytest.raises(UnfitImageError, match="correct pixel_size_um or nucleus_um"):
        choose_method("network").prepare(
            lambda box: image[box.slices], (40, 40), diameter_px=diameter_px
        )


def draw_noise(kind: str) -> NDArray[np.uint16]:
    rng = np.random.default_rng(9)
    if kind == "poisson":
        return rng.poisson(100, (1024, 1024)).astype(np.uint16)
    white = rng.standard_normal((1024, 1024))
    if kind.startswith("blurred"):
        white = ndimage.gaussian_filter(white, float(kind.split()[1]))
        white /= white.std()
    return np.rint(1000 + 40 * white).astype(np.uint16)


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "blurred 0.7", "blurred 1", "blurred 2"])
@pytest.mark.parametrize("pixel_size_um", [0.25, 0.325, 0.65, None])
def test_a_tile_of_noise_holds_no_nucleus(kind: str, pixel_size_um: float | None) -> None:
    assert not segment_nuclei(draw_noise(kind), pixel_size_um, method="network").any()


def test_the_range_of_noise_is_wide_against_its_spread() -> None:
    noise = draw_noise("gaussian")
    levels = measure_range([noise])
    assert levels.high - levels.low >= 20 * noise.std()


def test_rare_nuclei_on_an_uneven_background_set_the_range() -> None:
    centres = [(100.0 + 250 * i, 90.0 + 220 * j) for i in range(4) for j in range(4)]
    image, truth = draw_discs((1000, 1000), centres, radius=10, level=4000, noise=6)
    y = np.linspace(0, 1, 1000)[:, np.newaxis]
    uneven = (image + 1500 * y).astype(np.uint16)
    levels = measure_range([uneven[i : i + 250] for i in range(0, 1000, 250)])
    # Nuclei are 3,800 grey levels above the background; a piece's own rises by 375.
    assert 3000 <= levels.high - levels.low <= 4300
    assert match_objects(truth, segment_nuclei(uneven, 0.45, method="network")) == (16, 0, 0)


def test_what_was_not_scanned_does_not_set_the_range() -> None:
    image, truth = draw_discs((400, 700), [(100.0, 90.0), (250.0, 200.0)], radius=10)
    black = np.zeros((400, 320 * 6), np.uint16)
    wide = np.concatenate([image, black], axis=1)
    found = segment_nuclei(wide, 0.45, method="network")
    assert match_objects(truth, found[:, :700]) == (2, 0, 0)
    assert not found[:, 700:].any()


@pytest.mark.parametrize(
    "centres",
    [[(40.0, 40.0), (46.0, 47.0), (40.0, 54.0)], [(40.0, 40.0), (40.0, 51.0)]],
    ids=["three lobes", "two lobes"],
)
def test_a_nucleus_of_several_lobes_is_one(centres: list[tuple[float, float]]) -> None:
    lobes, mask = draw_discs((100, 100), centres, radius=6.5, noise=8)
    # Bridges between the lobes, 3 px wide.
    for share in np.linspace(0, 1, 20):
        for (ay, ax), (by, bx) in pairwise(centres):
            y, x = round(ay + share * (by - ay)), round(ax + share * (bx - ax))
            lobes[y - 1 : y + 2, x - 1 : x + 2] = 2000
            mask[y - 1 : y + 2, x - 1 : x + 2] = 1
    # A blur of three pixels stands for the optics.
    light = lobes.astype(np.float64)
    for axis in (0, 1):
        light = (np.roll(light, 1, axis) + light + np.roll(light, -1, axis)) / 3
    found = segment_nuclei(np.rint(light).astype(np.uint16), 0.36, method="network")
    assert match_objects((mask > 0).astype(np.int32), found) == (1, 0, 0)


def test_the_outer_maxima_of_a_bent_nucleus_are_joined_by_the_one_between() -> None:
    score = np.zeros((9, 13), np.int32)
    for y, x in [(2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (5, 7), (4, 8), (3, 9), (2, 10)]:
        score[y, x] = 80
    score[2, 2], score[6, 6], score[2, 10] = 100, 90, 110
    ways, inside = climb_once(score)
    dips.join_shallow(score, ways, inside, 9, 80)
    seeds = label_basins(ways, inside, score, lowest_seed=30, share=0, radius=20)
    assert np.unique(seeds[seeds >= 0]).tolist() == [2 * 13 + 10]


def test_nuclei_of_unknown_size_are_measured_by_the_network() -> None:
    for diameter in (12, 24, 45):
        side = 22 * diameter
        dna, _ = scatter_nuclei((side, side), diameter=diameter, share=0.3, touching=0.5, seed=2)
        found = choose_method("network").find_diameter(dna)
        # The nuclei's axes are .85 to 1.2 and .8 to 1 of the diameter: on average .97 of it.
        assert found == pytest.approx(0.97 * diameter, rel=0.12)


def test_a_glow_wider_than_nuclei_is_not_taken_for_one() -> None:
    side = 512
    dna, _ = scatter_nuclei((side, side), diameter=14, share=0.08, touching=0.3, seed=2)
    y, x = np.mgrid[:side, :side]
    glow = 3000 * np.exp(-((y - 150) ** 2 + (x - 300) ** 2) / (2 * 110**2))
    lit = (dna + glow).astype(np.uint16)
    assert estimate_diameter(lit) > 100  # the glow's, by which no nucleus would be found
    assert choose_method("network").find_diameter(lit) == pytest.approx(14, rel=0.15)


def test_unseen_pictures_are_segmented_as_well_as_stated(shared_data: Path) -> None:
    folder = shared_data / "image" / "dsb2018"
    if not folder.is_dir():
        pytest.skip(f"pictures of nuclei are absent: no folder {folder}")
    with SPLIT.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["part"] == "test"]
    assert len(rows) >= 35
    totals = np.zeros((2, 3), np.int64)
    for row in rows:
        grey = tifffile.imread(folder / f"{row['picture']}_img.tif")
        truth = tifffile.imread(folder / f"{row['picture']}_lab.tif")
        found = segment_nuclei(grey, method="network")
        for i, iou in enumerate((0.5, 0.7)):
            totals[i] += match_objects(truth, found, iou=iou)
    f1 = 2 * totals[:, 0] / (2 * totals[:, 0] + totals[:, 1] + totals[:, 2])
    assert f1[0] >= 0.88
    assert f1[1] >= 0.78
