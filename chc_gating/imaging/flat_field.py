"""How much of the light the camera's field passes at each pixel, fitted on raw tiles.

A camera shows dark + gain(y, x) * light(y, x). The gain is a smooth polynomial through the
background of every tile, averaged over tiles; cells are bright outliers of it. The dark level is
the one about which the parts of the field stretch dark and bright pixels alike, since over many
tiles every part sees light of the same distribution (the idea of CIDRE, Smith et al. 2015).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_PARTS, _FEWEST_PARTS, _PART_PX = 16, 8, 48
"""The field is divided into so many parts along each axis, of so many pixels at least: wider than
a cell, which would leave no background in a part."""
ORDER, _ALWAYS_ORDER = 4, 2
"""Total order of the polynomial. Vignetting is a parabola; of the higher terms those are kept
that tiles agree on."""
_SURE = 3.0
"""Errors from zero at which tiles agree on a term."""
FEWEST_TILES = 8
_FINE_LEVELS, _COARSE = 4096, 16
"""Histogram of grey levels: each one below 4096, each 16th above."""
_PROBABILITIES = np.concatenate([np.linspace(0.02, 0.90, 45), np.linspace(0.91, 0.99, 9)])
_SMOOTH_PX, _BACKGROUND = 5, 0.1
"""The background of a part of a tile: the level that a tenth of its smoothed pixels stay below."""
_TRIMMED = 0.2
_STEP = 2
"""Each second pixel along both axes enters the histogram: neighbours say the same."""
_ROUNDS, _DARK_STEPS = 8, 81
_LOWEST_GAIN = 0.05
_SATURATED = 0.98
_RELIABLE = 1 / 3
"""The gain is applied where its error is below this share of its departure from evenness."""


@dataclass(frozen=True)
class FlatField:
    """The gain of one channel over the field of a camera of ``shape`` (y, x).

    coefficients : of products of Legendre polynomials in y and x, of total order up to 4; the
        mean gain is 1. dark_level : grey level without light.
    """

    shape: tuple[int, int]
    coefficients: tuple[float, ...]
    dark_level: float

    def gain(self) -> Floats:
        """Return the gain of every pixel, (y, x).

        A pixel is evened as (grey level - dark_level) / gain + dark_level. The dark level stays
        in it, so that no noise below it is cut off; the background that is subtracted from cells
        takes it away.
        """
        return np.maximum(_evaluate(self), _LOWEST_GAIN)


@dataclass(frozen=True)
class FlatFit:
    """What was found for a channel.

    field : None where none is applied, for ``reason``.
    gain_error : root mean square error of the gain, from how tiles differ.
    gain_spread : root mean square departure of the gain from 1.
    """

    field: FlatField | None
    reason: str | None
    gain_error: float | None = None
    gain_spread: float | None = None


class FieldHistograms:
    """Grey levels of each part of the field, summed over tiles; two halves apart."""

    def __init__(self, shape: tuple[int, int], *, maximum: int) -> None:
        self.shape = shape
        self.maximum = maximum
        self._level_of = _level_table(maximum)
        self._levels = int(self._level_of[-1]) + 1
        self._parts = count_parts(shape)
        self._part = _part_of_pixels(shape)[::_STEP, ::_STEP] * self._levels
        self._counts = np.zeros(self._parts**2 * self._levels, np.uint32)
        self._backgrounds: list[Floats] = []

    def add(self, pixels: NDArray[Any]) -> None:
        """Add a channel of a tile."""
        import cv2

        # The mean of a few pixels has so little noise that its darkest are background, not noise.
        smooth = cv2.blur(np.ascontiguousarray(pixels), (_SMOOTH_PX, _SMOOTH_PX))
        ys, xs = (_part_edges(length, self._parts) for length in self.shape)
        parts = [smooth[y0:y1, x0:x1] for y0, y1 in pairwise(ys) for x0, x1 in pairwise(xs)]
        self._backgrounds.append(np.array([_find_low(part) for part in parts]))
        index = self._part + self._level_of[pixels[::_STEP, ::_STEP]]
        counted = np.bincount(index.ravel(), minlength=self._counts.size)
        self._counts += counted.astype(np.uint32)

    def summarise(self) -> FieldLevels:
        """Return the grey levels of each part of the field."""
        return FieldLevels(
            shape=self.shape,
            maximum=self.maximum,
            pooled=self._find_quantiles(),
            backgrounds=np.array(self._backgrounds).reshape(-1, self._parts**2),
        )

    def _find_quantiles(self) -> Floats:
        """Return (parts, k) grey levels at the probabilities, linear within a level."""
        edges = _level_edges(self.maximum)
        found = np.empty((self._parts**2, len(_PROBABILITIES)))
        for i, row in enumerate(self._counts.reshape(-1, self._levels)):
            total = np.cumsum(row, dtype=np.float64)
            wanted = _PROBABILITIES * total[-1]
            at = np.searchsorted(total, wanted)
            before = np.where(at > 0, total[at - 1], 0.0)
            share = (wanted - before) / np.maximum(row[at], 1)
            found[i] = edges[at] + share * (edges[at + 1] - edges[at])
        return found


def _find_low(part: NDArray[Any]) -> float:
    rank = int(_BACKGROUND * part.size)
    return float(np.partition(part, rank, axis=None)[rank])


@dataclass(frozen=True)
class FieldLevels:
    """Grey levels of each part of the field, over n tiles.

    pooled : (parts, k) at fixed probabilities, of the pixels of all tiles.
    backgrounds : (n, parts) of each tile by itself.
    """

    shape: tuple[int, int]
    maximum: int
    pooled: Floats
    backgrounds: Floats

    @property
    def usable(self) -> Floats:
        """The pooled levels that are nowhere saturated, (parts, at most k)."""
        return self.pooled[:, self.pooled.max(axis=0) < _SATURATED * self.maximum]


def fit_dark_level(channels: Sequence[FieldLevels]) -> float:
    """Return the camera's grey level without light, which all its channels share.

    The level about which every part of the field stretches dark and bright pixels alike. Where the
    gain is even, it cannot be told and does not matter.
    """
    found = [levels for one in channels if (levels := one.usable).shape[1] > 1]
    if not found:
        return 0.0
    tried = np.linspace(0.0, min(float(levels.min()) for levels in found), _DARK_STEPS)
    costs = np.sum([_dark_costs(levels, tried) for levels in found], axis=0)
    return float(tried[int(np.argmin(costs))])


def fit_flat_field(levels: FieldLevels, *, dark_level: float) -> FlatFit:
    """Return the gain of a channel about its camera's dark level, and how sure it is.

    Each tile's background is fitted by itself, relative to its mean: the camera's gain times what
    the specimen adds. The specimen differs from tile to tile, so the mean over tiles, without the
    extremes, is the camera's, and the spread over tiles tells its error.

    Returns
    -------
    FlatFit
        Without a field where fewer than 8 tiles are fit for it, or where tiles disagree: what is
        seen then is the specimen, and not the camera.
    """
    tiles = levels.backgrounds
    tiles = tiles[(tiles.max(axis=1) < _SATURATED * levels.maximum)]
    tiles = tiles[np.median(tiles, axis=1) > dark_level + 1]
    if len(tiles) < FEWEST_TILES:
        return FlatFit(None, f"fewer than {FEWEST_TILES} tiles with light and without saturation")
    own = np.array([_fit_smooth(tile - dark_level, ORDER) for tile in tiles])
    mean, error = _average_fits(own)
    terms = _terms(ORDER)
    sure = np.array([i + j <= _ALWAYS_ORDER for i, j in terms]) | (np.abs(mean) > _SURE * error)
    coefficients = np.where(sure, mean, 0.0)
    design = _design(ORDER, count_parts(levels.shape))
    spread = float(np.sqrt(np.mean((design @ coefficients - 1) ** 2)))
    gain_error = float(np.sqrt(np.mean(design**2 @ (error * sure) ** 2)))
    if gain_error > _RELIABLE * spread:
        return FlatFit(None, "tiles disagree about it", gain_error, spread)
    found = FlatField(levels.shape, tuple(coefficients.tolist()), dark_level)
    return FlatFit(found, None, gain_error, spread)


def _fit_smooth(values: Floats, order: int) -> Floats:
    """Return the coefficients of the polynomial through the parts' values, divided by its mean.

    Parts far from it hardly weigh (Cauchy's weights): cells cover them.
    """
    design = _design(order, math.isqrt(len(values)))
    weights = np.ones(len(values))
    for _ in range(_ROUNDS):
        weighted = design * weights[:, None]
        found = np.linalg.solve(weighted.T @ design, weighted.T @ values)
        left = values - design @ found
        scale = 2 * 1.4826 * max(float(np.median(np.abs(left))), 1e-9)
        weights = 1 / (1 + (left / scale) ** 2)
    return np.asarray(found / float((design @ found).mean()), dtype=np.float64)


def _average_fits(fits: Floats) -> tuple[Floats, Floats]:
    """Return the mean of each coefficient over tiles without the extremes, and its error.

    The error of a trimmed mean comes from the winsorised variance (Tukey and McLaughlin 1963).
    """
    n, cut = len(fits), int(_TRIMMED * len(fits))
    ranked = np.sort(fits, axis=0)
    mean = ranked[cut : n - cut].mean(axis=0)
    pulled = np.clip(ranked, ranked[cut], ranked[n - cut - 1])
    error = pulled.std(axis=0, ddof=1) / ((1 - 2 * cut / n) * np.sqrt(n))
    return mean, error


def _stretch_levels(levels: Floats, dark: float) -> Floats:
    """Return (parts,) how far each part stretches the levels of the whole field, mean 1."""
    above = levels.mean(axis=0) - dark
    # A level's error grows about like its light, so each level has the same say.
    each = ((levels - dark) / np.maximum(above, 1.0)).mean(axis=1)
    gains: Floats = each / each.mean()
    return gains


def _dark_costs(levels: Floats, tried: Floats) -> Floats:
    """Return how badly the parts of the field stretch all quantiles alike about dark levels.

    Relative to the best one: 1 where a level fits best.
    """
    middle = levels.mean(axis=0)
    design = _design(_ALWAYS_ORDER, math.isqrt(len(levels)))

    def misfit(dark: float) -> Floats:
        gains = design @ _fit_smooth(_stretch_levels(levels, dark), _ALWAYS_ORDER)
        left: Floats = levels - dark - gains[:, None] * (middle - dark)
        return left

    first = misfit(0.0)
    spread = 1.4826 * np.median(np.abs(first - np.median(first, axis=0)), axis=0)
    weights = 1 / np.maximum(spread, 0.5)
    costs = np.array([float((np.abs(misfit(dark)) * weights).sum()) for dark in tried.tolist()])
    return costs / max(float(costs.min()), 1e-12)


@lru_cache(maxsize=4)
def _level_table(maximum: int) -> NDArray[np.int64]:
    """Return the histogram level of every grey level."""
    grey = np.arange(maximum + 1)
    fine = np.minimum(grey, _FINE_LEVELS - 1)
    levels: NDArray[np.int64] = fine + np.maximum(grey - _FINE_LEVELS + _COARSE, 0) // _COARSE
    return levels


def _level_edges(maximum: int) -> Floats:
    """Return the lower edge of every histogram level, and the last one's upper edge."""
    table = _level_table(maximum)
    first = np.flatnonzero(np.diff(table, prepend=-1))
    return np.concatenate([first, [maximum + 1]]) - 0.5


def count_parts(shape: tuple[int, int]) -> int:
    """Return into how many parts along each axis a field is divided."""
    return min(max(min(shape) // _PART_PX, _FEWEST_PARTS), _MOST_PARTS)


def _part_edges(length: int, parts: int) -> list[int]:
    """Return where the parts of the field begin along an axis, and where the last one ends."""
    return [-(-k * length // parts) for k in range(parts + 1)]


def _part_of_pixels(shape: tuple[int, int]) -> NDArray[np.int64]:
    parts = count_parts(shape)
    y, x = (np.arange(n) * parts // n for n in shape)
    return y[:, None] * parts + x[None, :]


@lru_cache(maxsize=8)
def _design(order: int, parts: int) -> Floats:
    """Return (all parts, terms) products of Legendre polynomials at the parts' centres."""
    from numpy.polynomial.legendre import legvander

    line = legvander((np.arange(parts) + 0.5) / parts * 2 - 1, order)
    return np.stack([np.outer(line[:, i], line[:, j]).ravel() for i, j in _terms(order)], axis=1)


def _terms(order: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]


def _evaluate(field_: FlatField) -> Floats:
    """Return the polynomial at every pixel of the field."""
    from numpy.polynomial.legendre import legvander

    y, x = (legvander((np.arange(n) + 0.5) / n * 2 - 1, ORDER) for n in field_.shape)
    matrix = np.zeros((ORDER + 1, ORDER + 1))
    for (i, j), value in zip(_terms(ORDER), field_.coefficients, strict=True):
        matrix[i, j] = value
    result: Floats = y @ matrix @ x.T
    return result
