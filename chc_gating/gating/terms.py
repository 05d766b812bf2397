"""Every value of an event as a sum over detectors: compensation as a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chc_gating.compensation.invert import invert_spillover
from chc_gating.errors import RawFileError
from chc_gating.model.channel_names import match_channels
from chc_gating.model.events import FloatArray
from chc_gating.model.spillover import Spillover

NEGLIGIBLE = 1e-12
"""Coefficients smaller than this share of the largest are rounding errors of the inverse. Left
in, they would make a marker lean on detectors that it has nothing to do with."""


def build_terms(
    spillover: Spillover | None, *, channels: Sequence[str], labels: Sequence[str | None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Return first (2 m + 1,), detector (T,) and weight (T,) of the values of m channels.

    The first m values are the compensated channels (a channel outside the spillover is itself),
    the other m the same channels uncompensated. Raises RawFileError where the file lacks a channel
    of the spillover, ChcError where that is singular.
    """
    count = len(channels)
    mixing = np.eye(count)
    if spillover is not None:
        indices = _find_channels(spillover, channels=channels, labels=labels)
        inverse = invert_spillover(spillover)
        inverse[np.abs(inverse) < NEGLIGIBLE * np.abs(inverse).max()] = 0.0
        mixing[np.ix_(indices, indices)] = inverse
    values = np.concatenate([mixing.T, np.eye(count)])
    rows, detectors = np.nonzero(values)
    first = np.searchsorted(rows, np.arange(2 * count + 1))
    return first.astype(np.int64), detectors.astype(np.int64), values[rows, detectors]


def _find_channels(
    spillover: Spillover, *, channels: Sequence[str], labels: Sequence[str | None]
) -> list[int]:
    found = [match_channels(name, channels, labels=labels) for name in spillover.channels]
    missing = [
        name for name, match in zip(spillover.channels, found, strict=True) if len(match) != 1
    ]
    if missing:
        raise RawFileError(
            f"spillover from {spillover.source} needs channels {', '.join(missing)}, "
            f"the file has {', '.join(channels)}; give a matrix over the file's channels"
        )
    return [match[0] for match in found]
