"""How much of the light the camera's field passes at each pixel, fitted on raw tiles.

A camera shows dark + gain(y, x) * light. The background of a slide is a smooth surface over all of
it; the gain is the same in every tile. Both are fitted together to the background of every part of
every tile, so that what the specimen does over many tiles is not taken for the camera's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.field_survey import FieldLevels
from chc_gating.imaging.field_terms import ORDER, Floats, evaluate_terms, part_terms
from chc_gating.imaging.gain_fit import FEWEST_TILES, LOWEST_GAIN, start_fit

_ROUNDS, _CHOOSING_ROUNDS = 8, 3
_RELIABLE = 1 / 3
"""The gain is applied where its error is below this share of its departure from evenness."""
_IS_EVEN = "the field is even"
_EVEN = 0.005
"""A field that departs by less is even: measures of cells are not that exact."""
_SURVEY_ERROR = 0.002
"""RMS error of the gain that no number of tiles takes away: of the background of parts."""


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
        found = evaluate_terms(np.array(self.coefficients), ORDER, self.shape)
        return np.maximum(found, LOWEST_GAIN)


@dataclass(frozen=True)
class OpenField:
    """The gain of every pixel, (0, 0) for an even field, and the dark level."""

    gain: Floats
    dark_level: float

    def part(self, box: Box) -> Floats:
        """Return the gain of a box, contiguous as kernels want it."""
        return np.ascontiguousarray(self.gain[box.slices]) if self.gain.size else self.gain


def open_field(flat: FlatField | None) -> OpenField:
    """Return a channel's field, worked out once for all boxes; None is an even field."""
    if flat is None:
        return OpenField(np.empty((0, 0)), 0.0)
    return OpenField(flat.gain(), flat.dark_level)


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

    @property
    def is_known(self) -> bool:
        """Whether the field was found, be it even."""
        return self.field is not None or self.reason == _IS_EVEN


def fit_flat_field(levels: FieldLevels, places_px: Floats, *, dark_level: float) -> FlatFit:
    """Return the gain of a channel about its camera's dark level, and how sure it is.

    places_px : (n, 2) where each tile lies on the slide, y and x.

    Returns
    -------
    FlatFit
        Without a field where fewer than 8 tiles are fit for it, where it is even, or where tiles
        disagree: what is seen then is the specimen, and not the camera.
    """
    fit = start_fit(levels, places_px, dark_level=dark_level)
    if fit is None:
        return FlatFit(None, f"fewer than {FEWEST_TILES} tiles with light and without saturation")
    fit.improve(_ROUNDS, choosing=_CHOOSING_ROUNDS)
    coefficients, errors = fit.shrink()
    design = part_terms(ORDER)
    spread = float(np.sqrt(np.mean((design @ coefficients - 1) ** 2)))
    error = float(np.sqrt(np.mean(design**2 @ errors**2) + _SURVEY_ERROR**2))
    if error > _RELIABLE * spread and spread > _EVEN:
        return FlatFit(None, "tiles disagree about it", error, spread)
    if spread <= _EVEN:
        return FlatFit(None, _IS_EVEN, error, spread)
    found = FlatField(levels.shape, tuple(coefficients.tolist()), dark_level)
    return FlatFit(found, None, error, spread)
