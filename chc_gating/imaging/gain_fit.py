"""A camera's gain and a slide's background, fitted together to the background of raw tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.field_survey import FieldLevels
from chc_gating.imaging.field_terms import (
    ORDER,
    Floats,
    list_terms,
    part_centres,
    part_terms,
)
from chc_gating.imaging.slide_surface import SlideBackground, Solution, Stiffness

FEWEST_TILES = 8
LOWEST_GAIN = 0.05
_ALWAYS_ORDER = 2
"""Vignetting is a parabola; each higher term counts as far as tiles agree on it."""
_LEAST_PARTS = 0.25
"""Of a tile's parts, how many must show background."""
_COVERED = 3.0
_FULL_SHARE = 0.2
"""A part with so much background has full weight."""
_BENDINGS = (0.3, 0.03, 3e-3, 3e-4, 3e-5)
_STEPPINGS = (1e3, 1e1, 1e-1, 1e-3)
"""What is tried for the stiffness of the background: from a plane to one that follows each tile."""
_KNOTS_PER_TILE = 2
_SATURATED = 0.98
_LARGEST_STEP = 0.5
"""Relative change of the gain or of the background in one round."""


def start_fit(levels: FieldLevels, places_px: Floats, *, dark_level: float) -> GainFit | None:
    """Return the fit of the tiles that are fit for it, None where they are too few."""
    shares = np.where(_find_covered(levels, dark_level), 0.0, levels.shares)
    brightest = levels.backgrounds.max(axis=1, initial=0.0)
    good = (shares > 0).mean(axis=1) >= _LEAST_PARTS
    good &= brightest < _SATURATED * levels.maximum
    good &= levels.tile_backgrounds() > dark_level + 1
    if good.sum() < FEWEST_TILES:
        return None
    return GainFit(
        levels.backgrounds[good],
        shares[good],
        places_px[good],
        shape=levels.shape,
        dark_level=dark_level,
    )


def _find_covered(levels: FieldLevels, dark_level: float) -> NDArray[np.bool_]:
    """Return (n, parts) where a part is far brighter than the darkest quarter of its tile.

    No lamp is so uneven: dense tissue covers it, and what was found there is no background.
    """
    light = np.where(levels.shares > 0, levels.backgrounds - dark_level, np.inf)
    quarter = np.quantile(light, 0.25, axis=1, method="lower", keepdims=True)
    covered: NDArray[np.bool_] = light > _COVERED * np.maximum(quarter, 1.0)
    return covered & (levels.shares > 0)


class GainFit:
    """A gain and a slide's background, improved round by round (Gauss and Newton).

    Every round solves for small relative changes of both. Parts that depart from it hardly weigh
    (Cauchy's weights).
    """

    def __init__(
        self,
        backgrounds: Floats,
        shares: Floats,
        places_px: Floats,
        *,
        shape: tuple[int, int],
        dark_level: float,
    ) -> None:
        self._tiles, self._parts = backgrounds.shape
        points = (places_px[:, None, :] + part_centres(shape)).reshape(-1, 2)
        self._background = SlideBackground(
            points,
            np.repeat(np.arange(self._tiles), self._parts),
            knot_px=np.array(shape) / _KNOTS_PER_TILE,
        )
        self._levels = backgrounds.ravel()
        self._shares = np.minimum(shares.ravel() / _FULL_SHARE, 1.0)
        self._stiffness = Stiffness(_BENDINGS[2], _STEPPINGS[1])
        self._last: Solution | None = None
        self.coefficients = np.zeros(part_terms(ORDER).shape[1])
        self.coefficients[0] = 1.0
        self.set_dark_level(dark_level)
        self._unknowns = self._guess_background()

    def set_dark_level(self, dark_level: float) -> None:
        """Fit about another dark level from now on, from where the fit stands."""
        light = self._levels - dark_level
        self._trust = np.where(light > 1, self._shares, 0.0)
        self._light = np.where(light > 1, light, 1.0)
        self._weights = self._trust

    def _guess_background(self) -> Floats:
        """Return the background (logarithm of light) as one level for each tile."""
        light = np.where(self._trust > 0, np.log(self._light), np.nan)
        tiles = np.nanmedian(light.reshape(self._tiles, self._parts), axis=1)
        level = float(np.median(tiles))
        return self._background.start(level, tiles - level)

    def improve(self, rounds: int, *, choosing: int = 0) -> None:
        """Improve the fit; in the first ``choosing`` rounds the stiffness is chosen too."""
        for turn in range(rounds):
            tried = [self._stiffness]
            if turn < choosing:
                self._step([Stiffness(bending, self._stiffness.steps) for bending in _BENDINGS])
                tried = [Stiffness(self._stiffness.bending, steps) for steps in _STEPPINGS]
            self._apply(self._step(tried))

    def _step(self, stiffnesses: Sequence[Stiffness]) -> Solution:
        """Return the step with the stiffness that the data favour, which is kept."""
        design = np.tile(part_terms(ORDER), (self._tiles, 1))
        gain = np.maximum(design @ self.coefficients, LOWEST_GAIN)
        values = self._light / (gain * np.exp(self._background.evaluate(self._unknowns))) - 1
        # The constant term belongs to the background: the mean gain is 1.
        shared = design[:, 1:] / gain[:, None]
        tried = [
            self._background.solve(
                values,
                shared,
                weights=self._weights,
                unknowns=self._unknowns,
                stiffness=stiffness,
            )
            for stiffness in stiffnesses
        ]
        chosen = max(range(len(tried)), key=lambda i: tried[i].evidence)
        self._stiffness = stiffnesses[chosen]
        return tried[chosen]

    def _apply(self, found: Solution) -> None:
        # The step is that of small changes: a large one is made in parts.
        moved = float(np.abs(self._background.evaluate(found.change)).max())
        bent = float(np.abs(part_terms(ORDER)[:, 1:] @ found.shared).max())
        part = min(1.0, _LARGEST_STEP / max(moved, bent, 1e-12))
        self.coefficients[1:] += part * found.shared
        self._unknowns = self._unknowns + part * found.change
        self._last, self._used = found, self._weights
        left = found.left * np.sqrt(self._trust)
        scale = 2 * 1.4826 * max(float(np.median(np.abs(left[self._trust > 0]))), 1e-9)
        self._weights = self._trust / (1 + (left / scale) ** 2)

    def shrink(self) -> tuple[Floats, Floats]:
        """Return the coefficients and their errors; unsure terms of high order are drawn to 0.

        The errors come from how whole tiles pull at the coefficients (a sandwich over tiles).
        """
        found = self._last
        if found is None:
            raise ValueError("no round was made")
        pulls = (self._used * found.left)[:, None] * found.design
        of_tiles = pulls.reshape(self._tiles, self._parts, -1).sum(axis=1)
        inverse = np.linalg.inv(found.inner)
        spread = inverse @ (of_tiles.T @ of_tiles) @ inverse * self._tiles / (self._tiles - 1)
        errors = np.concatenate([[0.0], np.sqrt(np.diag(spread))])
        mean = self.coefficients
        low = np.array([i + j <= _ALWAYS_ORDER for i, j in list_terms(ORDER)])
        squares = mean**2 + errors**2
        sure = np.divide(mean**2, squares, out=np.zeros_like(mean), where=squares > 0)
        return np.where(low, mean, mean * sure), errors
