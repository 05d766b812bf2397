"""A cell's own light, as an empty channel sees it, as one more row of a spillover."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from chc_gating.compensation.invert import invert_spillover
from chc_gating.model.events import FloatArray
from chc_gating.model.spillover import Spillover

FEWEST_CELLS = 100
_ROUNDS, _WIDTH = 20, 3.0
_START_QUANTILE = 0.25
_SURE = 5.0
"""Standard errors that a slope must be from zero to be subtracted."""


def add_autofluorescence(
    spillover: Spillover | None,
    cells: FloatArray,
    channels: Sequence[str],
    *,
    empty: str,
    fitted: Collection[str],
) -> Spillover | None:
    """Return a spillover that also takes autofluorescence out, by a multiple of an empty channel.

    The multiple of each channel in ``fitted`` is that of its negative cells: a line through the
    origin over the cells of the lower band (`fit_slope`). Autofluorescence is then a row of the
    matrix like a fluorochrome's, with 1 in the empty channel.

    Parameters
    ----------
    spillover : Spillover or None
        Bleed-through between stains; taken out before the multiples are fitted, and kept.
    cells : (n, m) float64
        Background-subtracted grey levels; NaN is left out.
    channels : m names
    empty : name of the channel that no stain was put into
    fitted : names of the channels of markers that most cells lack

    Returns
    -------
    Spillover or None
        ``spillover`` itself where no channel has a multiple that is surely not zero.
    """
    values = _take_out(spillover, cells, channels)
    light = values[:, channels.index(empty)]
    slopes = {
        name: slope
        for name in channels
        if name in fitted and (slope := fit_slope(light, values[:, channels.index(name)])) != 0
    }
    if not slopes:
        return spillover
    known = () if spillover is None else spillover.channels
    names = tuple(dict.fromkeys((*known, empty, *slopes)))
    matrix = np.eye(len(names))
    if spillover is not None:
        matrix[: len(known), : len(known)] = spillover.matrix
    row = names.index(empty)
    for name, slope in slopes.items():
        matrix[row, names.index(name)] += slope
    words = f"autofluorescence by {empty}, fitted on this slide's negative cells"
    source = words if spillover is None else f"{spillover.source}; {words}"
    return Spillover(names, matrix, source)


def fit_slope(light: FloatArray, values: FloatArray) -> float:
    """Return how much of a channel is light of an empty one: a slope through the origin.

    Cells of the lower band alone count: from a first line through the lower quarter of ratios,
    cells within three standard deviations of the line (told from those below it, which no stain
    reaches) are fitted again until they stay the same.

    Returns
    -------
    float
        0 where fewer than 100 cells have light, where fewer than half of them lie in the band
        (most carry the marker, and nothing tells stain from autofluorescence), or where the slope
        is not surely above zero.
    """
    finite = np.isfinite(light) & np.isfinite(values)
    x, y = light[finite], values[finite]
    bright = x > max(float(np.median(x)) if x.size else 0.0, 0.0)
    x, y = x[bright], y[bright]
    if x.size < FEWEST_CELLS:
        return 0.0
    slope = float(np.quantile(y / x, _START_QUANTILE))
    kept = np.ones(x.size, np.bool_)
    for _ in range(_ROUNDS):
        left = y - slope * x
        below = left[left < 0]
        spread = 1.4826 * float(np.median(-below)) if below.size else 0.0
        inside = np.abs(left) <= _WIDTH * max(spread, 1e-9)
        if inside.sum() < FEWEST_CELLS or np.array_equal(inside, kept):
            break
        kept = inside
        slope = float((x[kept] * y[kept]).sum() / (x[kept] ** 2).sum())
    left = (y - slope * x)[kept]
    error = float(np.sqrt(np.mean(left**2) / (x[kept] ** 2).sum()))
    sure = kept.sum() >= x.size / 2 and slope > _SURE * error
    return slope if sure else 0.0


def _take_out(
    spillover: Spillover | None, cells: FloatArray, channels: Sequence[str]
) -> FloatArray:
    if spillover is None:
        return cells
    columns = [channels.index(name) for name in spillover.channels]
    values = cells.copy()
    values[:, columns] = cells[:, columns] @ invert_spillover(spillover)
    return values
