"""Batches for the training: crops of sheets, turned, mirrored and mildly changed in intensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sheets import TARGET_PX, Image, Labels, Picture, Sheet, make_sheet
from synthesis import (
    cut_nuclei,
    make_empty,
    make_leukocytes,
    make_simulated,
    make_touching,
    smooth_field,
)

CROP_PX = 128
SPECK = 0.3
"""Diameter below which what is drawn in is no nucleus, in typical diameters."""
_COUNTS = {"touching": 400, "leukocytes": 200, "simulated": 60, "empty": 120}


@dataclass(frozen=True)
class Diet:
    """What a phase of the training is fed.

    nuclei_px : typical diameters at which pictures are shown. chances : of each of them.
    shares : of each kind of sheet.
    dimmed : share of the crops of which some nuclei are dimmed. uneven : share of the crops whose
    background slopes, and of those that are dark as a whole.
    """

    nuclei_px: tuple[float, ...]
    chances: tuple[float, ...]
    shares: dict[str, float]
    dimmed: float
    uneven: float


BROAD = Diet(
    nuclei_px=(9.8, 11.5, 13.0, 14.0, 15.5, 17.5, 20.5),
    chances=(0.1, 0.15, 0.18, 0.2, 0.16, 0.13, 0.08),
    shares={"real": 0.66, "touching": 0.14, "leukocytes": 0.08, "simulated": 0.07, "empty": 0.05},
    dimmed=0.25,
    uneven=0.1,
)
REAL = Diet(
    nuclei_px=(10.3, 11.7, 12.9, 14.0, 15.2, 16.7, 19.0),
    chances=(0.07, 0.14, 0.2, 0.21, 0.19, 0.13, 0.06),
    shares={"real": 0.84, "touching": 0.05, "leukocytes": 0.04, "simulated": 0.04, "empty": 0.03},
    dimmed=0.1,
    uneven=0.05,
)


@dataclass(frozen=True)
class Pool:
    """All sheets: of each picture at each scale, and of each kind of made sheet."""

    real: list[list[Sheet]]
    chances: NDArray[np.float64]
    made: dict[str, list[Sheet]]
    diet: Diet


def fill_pool(pictures: list[Picture], rng: np.random.Generator, diet: Diet) -> Pool:
    """Return the sheets of the training pictures, and those made from them and from nothing."""
    real = [[make_sheet(p, nucleus_px=size) for size in diet.nuclei_px] for p in pictures]
    middle = diet.nuclei_px.index(TARGET_PX)
    groups = [c for c in (cut_nuclei(sheets[middle]) for sheets in real) if len(c) >= 4]
    makers = {
        "touching": lambda i: make_touching(groups, rng),
        "leukocytes": lambda i: make_leukocytes(rng),
        "simulated": lambda i: make_simulated(i, rng),
        "empty": lambda i: make_empty(rng),
    }
    made = {kind: [makers[kind](i) for i in range(_COUNTS[kind])] for kind in makers}
    chances = np.sqrt([len(np.unique(p.labels)) + 4 for p in pictures])
    return Pool(real, chances / chances.sum(), made, diet)


def draw_batch(
    pool: Pool, size: int, rng: np.random.Generator
) -> tuple[Image, Image, Image, Image]:
    """Return images (n, 2, y, x), foreground, distance and weight, each (n, 1, y, x)."""
    shares = pool.diet.shares
    kinds = rng.choice(list(shares), size, p=list(shares.values()))
    crops = [_crop(_draw_sheet(pool, str(kind), rng), pool.diet, rng) for kind in kinds]
    images = np.stack([split_tones(c[0]) for c in crops])
    rest = [np.stack([c[i] for c in crops])[:, np.newaxis] for i in (1, 2, 3)]
    return images, rest[0], rest[1], rest[2]


def split_tones(image: Image) -> Image:
    """Return (2, y, x): the image and its square root, which shows what is dim."""
    return np.stack([image, np.sqrt(image)])


def _draw_sheet(pool: Pool, kind: str, rng: np.random.Generator) -> Sheet:
    if kind != "real":
        return pool.made[kind][int(rng.integers(len(pool.made[kind])))]
    picture = pool.real[int(rng.choice(len(pool.real), p=pool.chances))]
    return picture[int(rng.choice(len(picture), p=pool.diet.chances))]


def _crop(sheet: Sheet, diet: Diet, rng: np.random.Generator) -> tuple[Image, Image, Image, Image]:
    height, width = sheet.image.shape
    pads = [(0, max(CROP_PX - height, 0)), (0, max(CROP_PX - width, 0))]
    parts = [sheet.image, sheet.labels, sheet.depth, sheet.nearest]
    padded = [np.pad(part, pads, mode="reflect") for part in parts]
    padded.append(np.pad(sheet.weight, pads))
    y = int(rng.integers(padded[0].shape[0] - CROP_PX + 1))
    x = int(rng.integers(padded[0].shape[1] - CROP_PX + 1))
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    crops = [np.rot90(p[y : y + CROP_PX, x : x + CROP_PX], turns) for p in padded]
    image, labels, depth, nearest, weight = (c[::-1] if mirror else c for c in crops)
    if rng.random() < diet.dimmed:
        image = _dim_nuclei(image, nearest, rng)
    return _change_levels(image, diet, rng), *_find_answers(labels, depth, weight)


def _find_answers(labels: Labels, depth: Image, weight: Image) -> tuple[Image, Image, Image]:
    """Return foreground, distance and the weight of both, by what of a nucleus is in the crop.

    A nucleus that the crop cuts has its core where it is deepest within: at the frame of a picture
    the network cannot tell what lies beyond, either. The smaller a nucleus is, the more its pixels
    count, up to 2.5-fold. Specks that no frame cut count nothing: the package drops them.
    """
    _, own = np.unique(labels, return_inverse=True)
    own = own.reshape(labels.shape)
    areas = np.bincount(own.ravel())
    deepest = np.ones(areas.size, np.float32)
    np.maximum.at(deepest, own, depth)
    whole_area = np.pi / 4 * TARGET_PX**2
    rare = np.clip(np.sqrt(whole_area / areas), 1, 2.5)
    speck = areas < SPECK**2 * whole_area
    for side in (own[0], own[-1], own[:, 0], own[:, -1]):
        speck[side] = False
    is_nucleus = labels > 0
    weight = np.maximum(weight, ndimage.maximum_filter(np.where(is_nucleus, rare[own], 1), 3))
    weight[ndimage.binary_dilation(is_nucleus & speck[own])] = 0
    answers = (is_nucleus, depth / deepest[own], weight)
    return tuple(answer.astype(np.float32) for answer in answers)


def _dim_nuclei(image: Image, nearest: Labels, rng: np.random.Generator) -> Image:
    """Return an image of which about half of the nuclei keep 0.3 to 1 of their light."""
    gains = np.where(
        rng.random(nearest.max() + 1) < 0.5, rng.uniform(0.3, 1, nearest.max() + 1), 1
    ).astype(np.float32)
    gains[0] = 1
    return image * ndimage.uniform_filter(gains[nearest], 3)


def _draw_slope(rng: np.random.Generator) -> Image:
    """Return a background that rises to one side, as at the edge of a field of view."""
    y, x = np.mgrid[:CROP_PX, :CROP_PX] / CROP_PX
    turn = rng.uniform(0, 2 * np.pi)
    ramp = y * np.sin(turn) + x * np.cos(turn)
    return (ramp - ramp.min()) * rng.uniform(0, 0.6) + rng.uniform(0, 0.3)


def _change_levels(image: Image, diet: Diet, rng: np.random.Generator) -> Image:
    """Return an image a little brighter or darker, with haze and with noise.

    Strong changes of contrast and blur are left out: they erase the cue between nuclei that touch.
    """
    dark = rng.random() < diet.uneven
    changed = image * (rng.uniform(0.25, 0.75) if dark else rng.uniform(0.75, 1.25))
    if rng.random() < 0.3:
        changed = changed ** rng.uniform(0.88, 1.14)
    if rng.random() < 0.3:
        haze = smooth_field(rng, (16, 16), 3.0).repeat(8, axis=0).repeat(8, axis=1)
        changed = changed + haze * rng.uniform(0, 0.1)
    if rng.random() < diet.uneven:
        changed = changed + _draw_slope(rng)
    if rng.random() < 0.5:
        changed = changed + rng.standard_normal(image.shape) * rng.uniform(0, 0.03)
    changed = changed + rng.uniform(-0.02, 0.04)
    return np.clip(changed, 0, 1.5).astype(np.float32)
