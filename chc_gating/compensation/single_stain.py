"""Bleed-through from slides that carry one stain each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chc_gating.errors import RawFileError
from chc_gating.model.events import FloatArray
from chc_gating.model.spillover import Spillover

FEWEST_PIXELS = 1000
_ROUNDS = 30
_SURE = 3.0


def fit_row(pixels: FloatArray, *, stained: int, dna: int | None) -> FloatArray:
    """Return (m,) how much of the stain's light every channel sees; 1 in its own.

    A robust straight line (Cauchy's weights) through the bright pixels for each other channel, by
    the stained one and, where given, the DNA channel, whose own bleed-through would otherwise
    pass for the stain's. Its intercept holds background and the cells' own light; so only light
    that changes with the stain counts. A share that is negative or not surely above zero is 0.

    Parameters
    ----------
    pixels : (n, m) float64
        Grey levels of pixels that are bright in the stained channel.
    stained, dna : positions of channels

    Raises
    ------
    RawFileError
        Fewer than 1,000 pixels, or all of one brightness.
    """
    if len(pixels) < FEWEST_PIXELS:
        raise RawFileError(
            f"has {len(pixels)} pixels that are bright in its own channel, at least "
            f"{FEWEST_PIXELS:,} are needed; give a slide with the stain, or correct the marker"
        )
    others = [stained] if dna is None or dna == stained else [stained, dna]
    predictors = pixels[:, others] - pixels[:, others].mean(axis=0)
    if predictors[:, 0].std() < 1:
        raise RawFileError("is of one brightness in its own channel; give a slide with cells")
    design = np.hstack([predictors, np.ones((len(pixels), 1))])
    row = np.array([_fit_share(design, pixels[:, channel]) for channel in range(pixels.shape[1])])
    if dna is not None:
        row[dna] = 0.0  # DNA is stained on every slide, so its light is its own
    row[stained] = 1.0
    return row


def _fit_share(design: FloatArray, values: FloatArray) -> float:
    weights = np.ones(len(values))
    for _ in range(_ROUNDS):
        weighted = design * weights[:, None]
        found = np.linalg.lstsq(weighted.T @ design, weighted.T @ values, rcond=None)[0]
        left = values - design @ found
        scale = 2 * 1.4826 * max(float(np.median(np.abs(left))), 1e-6)
        weights = 1 / (1 + (left / scale) ** 2)
    error = float(np.median(np.abs(left))) * 1.4826 / np.sqrt((design[:, 0] ** 2).sum())
    return float(found[0]) if found[0] > _SURE * error else 0.0


def join_rows(rows: Mapping[str, FloatArray], channels: Sequence[str]) -> Spillover:
    """Return the spillover of single-stained slides; a channel without one keeps its light."""
    matrix = np.eye(len(channels))
    for name, row in rows.items():
        matrix[channels.index(name)] = row
    return Spillover(tuple(channels), matrix, f"single-stained slides of {', '.join(rows)}")
