"""One axis of a gate that is evaluated event by event: its linear value, then its scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.scale import apply_scale
from chc_gating.kernels.plan_arrays import IntArray
from chc_gating.model.events import FloatArray, StoredBatch
from chc_gating.model.imported_gates import DimensionScale


@dataclass(frozen=True)
class LinearValue:
    """Sum of stored[detector] * weight; the weights hold no factor before `bind`."""

    detectors: IntArray
    weights: FloatArray

    def bind(self, factor: FloatArray) -> LinearValue:
        """Return the same value of a stream whose stored values have these factors (m,)."""
        return replace(self, weights=self.weights * factor[self.detectors])

    def read(self, stored: StoredBatch, rows: IntArray) -> FloatArray:
        """Return the value of some events (k,), summed in the order of the kernels."""
        total = np.zeros(len(rows))
        for detector, weight in zip(self.detectors, self.weights, strict=True):
            total += stored[rows, detector].astype(np.float64) * weight
        return total


@dataclass(frozen=True)
class GateAxis:
    """A channel, or a (x - b) / (y - c) of two, over ``gain`` and then on a scale.

    value : x. denominator : y, None for a channel. scale : None for linear values.
    """

    value: LinearValue
    denominator: LinearValue | None = None
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    gain: float = 1.0
    scale: DimensionScale | None = None

    def bind(self, factor: FloatArray) -> GateAxis:
        """Return the axis of a stream whose stored values have these factors (m,)."""
        below = None if self.denominator is None else self.denominator.bind(factor)
        return replace(self, value=self.value.bind(factor), denominator=below)

    def read(self, stored: StoredBatch, rows: IntArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return positions (k,) of some events, and whether the linear value is finite.

        A finite value that has no place on a scale, such as a negative on a log scale, is NaN or
        -inf there, and so outside every gate.
        """
        with np.errstate(all="ignore"):
            linear = self.value.read(stored, rows)
            finite = np.isfinite(linear)
            if self.denominator is not None:
                below = self.denominator.read(stored, rows)
                linear = self.a * (linear - self.b) / (below - self.c)
                finite = finite & np.isfinite(below) & np.isfinite(linear)
            if self.gain != 1.0:
                linear = linear / self.gain
            placed = linear if self.scale is None else apply_scale(linear, self.scale)
        return placed, finite


def read_axes(
    axes: Sequence[GateAxis], stored: StoredBatch, rows: IntArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return positions (k, d) of some events, and whether all of an event's values are finite."""
    positions = np.empty((len(rows), len(axes)))
    finite = np.ones(len(rows), dtype=np.bool_)
    for j, axis in enumerate(axes):
        positions[:, j], own = axis.read(stored, rows)
        finite &= own
    return positions, finite
