"""What raw tiles show of the camera's field: the background of each, and the light of cells.

Pixels are averaged over 5 x 5 first: the mean of a few has little noise, and a cell is wider.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.field_terms import (
    PARTS,
    Floats,
    evaluate_terms,
    part_edges,
    part_terms,
)

_SMOOTH_PX, _STEP = 5, 2
"""Each second pixel along both axes is taken: neighbours say the same."""
_DARKEST = 0.1
"""The first guess of a part's background: the level that a tenth of its pixels stay below."""
_SURFACE_ORDER, _ROUNDS = 2, 4
_CELL_SD, _MARGIN_PX = 2.5, 5
"""A pixel above the background by so many SD is of a cell, with its surroundings (of the taken
pixels, that is 4 px of the tile to each side): light spreads."""
_LEAST_SCALE = 0.01
"""Grey levels: what is nearer to a surface lies on it."""
_LOWER_SHARE = 0.6
_FEWEST_PIXELS, _LEAST_SHARE = 8, 0.02
"""With less background a part says nothing."""
BINS_PER_OCTAVE, OCTAVES = 64, 16
"""The cells' light is counted in bins of 1 %."""


@dataclass(frozen=True)
class TileField:
    """A tile by the parts of its field.

    background : (parts,) mean grey level of the pixels of no cell. share : (parts,) of pixels that
    are such; 0 where they are too few. noise : SD of the smoothed background.
    light : (parts, bins) number of pixels by how far they exceed the background.
    """

    background: Floats
    share: Floats
    noise: float
    light: NDArray[np.int64]


def survey_tile(pixels: NDArray[Any]) -> TileField:
    """Return the background and the light of cells of a channel of a tile, part by part.

    A smooth surface (a parabola) is laid through the darkest pixels and raised to the mean of
    those that do not exceed it by more than their noise: so noise, which is larger where the field
    is bright, does not bend it, as it bends quantiles.
    """
    import cv2

    image = np.ascontiguousarray(pixels, dtype=np.float32)
    taken = cv2.blur(image, (_SMOOTH_PX, _SMOOTH_PX))[::_STEP, ::_STEP]
    part = _number_parts(pixels.shape)
    size = np.bincount(part.ravel(), minlength=PARTS**2)
    surface = _fit_surface(_find_darkest(taken, pixels.shape), np.ones(PARTS**2))
    level, noise = 0.0, 1.0
    mean: Floats = np.zeros(PARTS**2)
    share: Floats = mean
    for turn in range(_ROUNDS):
        above = taken - evaluate_terms(surface, _SURFACE_ORDER, pixels.shape, step=_STEP)
        level = _lower_middle(above) if turn == 0 else 0.0
        noise = _lower_sd(above, level)
        bright = (above > level + _CELL_SD * noise).astype(np.uint8)
        cells = cv2.dilate(bright, np.ones((_MARGIN_PX, _MARGIN_PX), np.uint8))
        free = (cells == 0).ravel()
        count = np.bincount(part.ravel(), weights=free, minlength=PARTS**2)
        total = np.bincount(part.ravel(), weights=free * taken.ravel(), minlength=PARTS**2)
        mean = total / np.maximum(count, 1)
        share = np.where(count < np.maximum(_FEWEST_PIXELS, _LEAST_SHARE * size), 0, count / size)
        if not share.any():
            break
        surface = _fit_surface(mean, share)
    above = taken - evaluate_terms(surface, _SURFACE_ORDER, pixels.shape, step=_STEP)
    return TileField(mean, share, noise, _count_light(above, part))


def _number_parts(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the part of every taken pixel, row by row."""
    y, x = (np.arange(0, length, _STEP) * PARTS // length for length in shape)
    return np.asarray(y[:, None] * PARTS + x[None, :], dtype=np.int64)


def _find_darkest(taken: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    ys, xs = ([-(-edge // _STEP) for edge in part_edges(length)] for length in shape)
    parts = (taken[y0:y1, x0:x1] for y0, y1 in pairwise(ys) for x0, x1 in pairwise(xs))
    ranked = (np.partition(part, int(_DARKEST * part.size), axis=None) for part in parts)
    return np.array([float(part[int(_DARKEST * part.size)]) for part in ranked])


def _fit_surface(values: Floats, share: Floats) -> Floats:
    """Return the coefficients of the parabola through the parts' levels.

    Parts far from it hardly weigh (Cauchy's weights): cells cover them.
    """
    design = part_terms(_SURFACE_ORDER)
    start = np.minimum(share, 0.2)
    weights: Any = start + 1e-9
    found: Any = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        weighted = design * weights[:, None]
        found = np.linalg.solve(weighted.T @ design, weighted.T @ values)
        left = values - design @ found
        scale = 2 * 1.4826 * max(float(np.median(np.abs(left[start > 0]))), _LEAST_SCALE)
        weights = (start + 1e-9) / (1 + (left / scale) ** 2)
    return np.asarray(found, dtype=np.float64)


def _lower_middle(above: Floats) -> float:
    return float(np.median(above[above <= np.quantile(above, _LOWER_SHARE)]))


def _lower_sd(above: Floats, level: float) -> float:
    """Return the SD of the background from the pixels below its level, which no cell reaches."""
    below = above[above < level] - level
    return float(np.sqrt(np.mean(below**2))) if below.size else 0.0


def _count_light(above: Floats, part: NDArray[np.int64]) -> NDArray[np.int64]:
    bins = BINS_PER_OCTAVE * OCTAVES
    index = (BINS_PER_OCTAVE * np.log2(np.maximum(above, 1.0))).astype(np.int64)
    counted = np.bincount(
        (part * bins + np.minimum(index, bins - 1)).ravel(), minlength=PARTS**2 * bins
    )
    return counted.reshape(PARTS**2, bins)


@dataclass(frozen=True)
class FieldLevels:
    """A channel by the parts of the camera's field, over n tiles.

    shape : (y, x) pixels of a tile. maximum : grey level of saturation.
    backgrounds, shares : (n, parts), as `TileField` has them; noise (n,).
    light : (parts, bins) of all tiles together.
    """

    shape: tuple[int, int]
    maximum: int
    backgrounds: Floats
    shares: Floats
    noise: Floats
    light: NDArray[np.int64]

    def tile_backgrounds(self) -> Floats:
        """Return (n,) the median background of each tile; 0 where it shows none."""
        seen = np.where(self.shares > 0, self.backgrounds, np.nan)
        return np.array([np.nanmedian(row) if np.isfinite(row).any() else 0.0 for row in seen])


class FieldSurvey:
    """Collects the tiles of a channel one by one; their order changes nothing but its own."""

    def __init__(self, shape: tuple[int, int], *, maximum: int) -> None:
        self.shape, self.maximum = shape, maximum
        self._tiles: list[tuple[Floats, Floats, float]] = []
        self._light = np.zeros((PARTS**2, BINS_PER_OCTAVE * OCTAVES), np.int64)

    def add(self, pixels: NDArray[Any]) -> None:
        """Add a channel of a tile."""
        found = survey_tile(pixels)
        self._tiles.append((found.background, found.share, found.noise))
        self._light += found.light

    def summarise(self) -> FieldLevels:
        """Return what the tiles showed."""
        parts = PARTS**2
        return FieldLevels(
            shape=self.shape,
            maximum=self.maximum,
            backgrounds=np.array([tile[0] for tile in self._tiles]).reshape(-1, parts),
            shares=np.array([tile[1] for tile in self._tiles]).reshape(-1, parts),
            noise=np.array([tile[2] for tile in self._tiles]),
            light=self._light,
        )
