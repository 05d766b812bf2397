"""Batches for the training: crops of sheets, turned, mirrored and mildly changed in intensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sheets import Image, Picture, Sheet, make_sheet
from synthesis import (
    cut_nuclei,
    make_empty,
    make_leukocytes,
    make_simulated,
    make_touching,
    smooth_field,
)

CROP_PX = 128
SCALES = (0.7, 0.85, 0.95, 1.0, 1.1, 1.25, 1.5)
"""Nuclear diameters, as shares of 16 px, at which a picture is shown."""
_SCALE_CHANCES = np.array([0.1, 0.15, 0.17, 0.2, 0.16, 0.13, 0.09])
_SHARES = {"real": 0.64, "touching": 0.16, "leukocytes": 0.08, "simulated": 0.07, "empty": 0.05}
_COUNTS = {"touching": 400, "leukocytes": 200, "simulated": 60, "empty": 120}


@dataclass(frozen=True)
class Pool:
    """All sheets: of each picture at each scale, and of each kind of made sheet."""

    real: list[list[Sheet]]
    chances: NDArray[np.float64]
    made: dict[str, list[Sheet]]


def fill_pool(pictures: list[Picture], rng: np.random.Generator) -> Pool:
    """Return the sheets of the training pictures, and those made from them and from nothing."""
    real = [[make_sheet(p, scale=s) for s in SCALES] for p in pictures]
    middle = SCALES.index(1.0)
    groups = [c for c in (cut_nuclei(sheets[middle]) for sheets in real) if len(c) >= 4]
    makers = {
        "touching": lambda i: make_touching(groups, rng),
        "leukocytes": lambda i: make_leukocytes(rng),
        "simulated": lambda i: make_simulated(i, rng),
        "empty": lambda i: make_empty(rng),
    }
    made = {kind: [makers[kind](i) for i in range(_COUNTS[kind])] for kind in makers}
    chances = np.sqrt([len(np.unique(p.labels)) + 4 for p in pictures])
    return Pool(real, chances / chances.sum(), made)


def draw_batch(
    pool: Pool, size: int, rng: np.random.Generator
) -> tuple[Image, Image, Image, Image]:
    """Return images (n, 2, y, x), foreground, distance and weight, each (n, 1, y, x)."""
    kinds = rng.choice(list(_SHARES), size, p=list(_SHARES.values()))
    crops = [_crop(_draw_sheet(pool, str(kind), rng), rng) for kind in kinds]
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
    return picture[int(rng.choice(len(SCALES), p=_SCALE_CHANCES))]


def _crop(sheet: Sheet, rng: np.random.Generator) -> tuple[Image, Image, Image, Image]:
    height, width = sheet.image.shape
    parts = [sheet.image, (sheet.labels > 0).astype(np.float32), sheet.distance]
    pads = [(0, max(CROP_PX - height, 0)), (0, max(CROP_PX - width, 0))]
    padded = [np.pad(part, pads, mode="reflect") for part in parts]
    padded.append(np.pad(sheet.weight, pads))
    y = int(rng.integers(padded[0].shape[0] - CROP_PX + 1))
    x = int(rng.integers(padded[0].shape[1] - CROP_PX + 1))
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    crops = [np.rot90(p[y : y + CROP_PX, x : x + CROP_PX], turns) for p in padded]
    image, *rest = [c[::-1] if mirror else c for c in crops]
    return _change_levels(image, rng), rest[0], rest[1], rest[2]


def _draw_slope(rng: np.random.Generator) -> Image:
    """Return a background that rises to one side, as at the edge of a field of view."""
    y, x = np.mgrid[:CROP_PX, :CROP_PX] / CROP_PX
    turn = rng.uniform(0, 2 * np.pi)
    ramp = y * np.sin(turn) + x * np.cos(turn)
    return (ramp - ramp.min()) * rng.uniform(0, 0.6) + rng.uniform(0, 0.3)


def _change_levels(image: Image, rng: np.random.Generator) -> Image:
    """Return an image a little brighter or darker, with haze and with noise.

    Strong changes of contrast and blur are left out: they erase the cue between nuclei that touch.
    """
    changed = image * (rng.uniform(0.75, 1.25) if rng.random() < 0.85 else rng.uniform(0.25, 0.75))
    if rng.random() < 0.3:
        changed = changed ** rng.uniform(0.88, 1.14)
    if rng.random() < 0.3:
        haze = smooth_field(rng, (16, 16), 3.0).repeat(8, axis=0).repeat(8, axis=1)
        changed = changed + haze * rng.uniform(0, 0.1)
    if rng.random() < 0.15:
        changed = changed + _draw_slope(rng)
    if rng.random() < 0.5:
        changed = changed + rng.standard_normal(image.shape) * rng.uniform(0, 0.03)
    changed = changed + rng.uniform(-0.02, 0.04)
    return np.clip(changed, 0, 1.5).astype(np.float32)
