"""The camera's grey level without light, from raw tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chc_gating.imaging.field_survey import BINS_PER_OCTAVE, OCTAVES, FieldLevels
from chc_gating.imaging.field_terms import ORDER, PARTS, Floats, part_terms
from chc_gating.imaging.gain_fit import LOWEST_GAIN, GainFit, start_fit

_TRIED, _ROUNDS_FIRST, _ROUNDS_NEXT = 9, 4, 2
_BRIGHT, _LEAST_SD, _CAPPED = 0.2, 6.0, 0.98
"""Light of a cell: above a fifth of what a twentieth of all pixels exceed, and far above noise;
the brightest pixels count as their 98 % quantile."""
_FEWEST_PIXELS = 50
"""In a part, over all tiles: with fewer pixels of cells it says nothing."""


@dataclass(frozen=True)
class FittedChannel:
    """A channel and where its tiles lie, (n, 2) pixels."""

    levels: FieldLevels
    places_px: Floats


def fit_dark_level(channels: Sequence[FittedChannel]) -> float:
    """Return the camera's grey level without light, which all its channels share.

    A gain fitted to the background depends on it; how bright a cell is above its background does
    not. So it is the level with whose gain cells are equally bright in all parts of the field (the
    idea of CIDRE, Smith et al. 2015, made free of the background). It is as sure as cells are
    many. Where the gain is even it cannot be told and does not matter; without cells it is 0.
    """
    told = [one for one in channels if _shows_cells(one.levels)]
    started = [(one, fit) for one in told if (fit := _start_at_zero(one)) is not None]
    if not started:
        return 0.0
    highest = min(_lowest_background(one.levels) for one, _ in started)
    tried = np.linspace(0.0, 0.9 * highest, _TRIED)
    costs = np.sum([_try_levels(one.levels, fit, tried) for one, fit in started], axis=0)
    return _find_lowest(tried, costs)


def _start_at_zero(channel: FittedChannel) -> GainFit | None:
    fit = start_fit(channel.levels, channel.places_px, dark_level=0.0)
    if fit is not None:
        fit.improve(_ROUNDS_FIRST, choosing=1)
    return fit


def _lowest_background(levels: FieldLevels) -> float:
    seen = levels.backgrounds[levels.shares > 0]
    return float(np.quantile(seen, 0.01))


def _try_levels(levels: FieldLevels, fit: GainFit, tried: Floats) -> Floats:
    """Return how unequal cells are over the field with the gain of each dark level."""
    evened = []
    for dark in tried.tolist():
        fit.set_dark_level(dark)
        fit.improve(_ROUNDS_NEXT)
        evened.append(_cell_light(levels, part_terms(ORDER) @ fit.coefficients))
    light = np.array(evened)
    smooth = part_terms(2)
    rough = light - light @ np.linalg.pinv(smooth).T @ smooth.T
    noise = float(rough.var(axis=1).min())
    costs: Floats = ((light - 1) ** 2).sum(axis=1) / max(noise, 1e-12)
    return costs


def _find_lowest(tried: Floats, costs: Floats) -> float:
    """Return the bottom of the parabola through the lowest cost and its neighbours."""
    i = int(np.argmin(costs))
    if i in (0, len(tried) - 1):
        return float(tried[i])
    step = tried[1] - tried[0]
    before, here, after = costs[i - 1 : i + 2]
    bend = before - 2 * here + after
    return float(tried[i] + (0.5 * step * (before - after) / bend if bend > 0 else 0.0))


def _shows_cells(levels: FieldLevels) -> bool:
    """Whether pixels of cells stand out in every part of the field."""
    lower = 2.0 ** (np.arange(BINS_PER_OCTAVE * OCTAVES) / BINS_PER_OCTAVE)
    bright = lower > _LEAST_SD * float(np.median(levels.noise))
    return bool((levels.light[:, bright].sum(axis=1) >= _FEWEST_PIXELS).all())


def _cell_light(levels: FieldLevels, gain: Floats) -> Floats:
    """Return (parts,) the mean light of pixels of cells, evened by a gain; its mean is 1.

    What is such a pixel is decided after evening, so that the same are taken in every part.
    """
    gain = np.maximum(gain, LOWEST_GAIN)
    edges = 2.0 ** (np.arange(BINS_PER_OCTAVE * OCTAVES + 1) / BINS_PER_OCTAVE)
    low, high = edges[None, :-1] / gain[:, None], edges[None, 1:] / gain[:, None]
    middle, counts = (low + high) / 2, levels.light.astype(np.float64)
    noise = _LEAST_SD * float(np.median(levels.noise)) / float(gain.min())
    least = max(_BRIGHT * _quantile(middle, counts, 0.95), noise)
    kept = counts * np.clip((high - least) / (high - low), 0.0, 1.0)
    most = _quantile(middle, kept, _CAPPED)
    total = (kept * np.minimum(middle, most)).sum(axis=1)
    mean: Floats = total / np.maximum(kept.sum(axis=1), 1.0)
    return mean / float(mean.mean()) if mean.any() else np.ones(PARTS**2)


def _quantile(values: Floats, counts: Floats, share: float) -> float:
    order = np.argsort(values, axis=None)
    passed = np.cumsum(counts.ravel()[order])
    if passed[-1] == 0:
        return 0.0
    return float(values.ravel()[order][np.searchsorted(passed, share * passed[-1])])
