"""Gates that are evaluated in numpy, batch by batch, for the events of their parent only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.decide import ask_events, bit_of, enter_population
from chc_gating.gating.dimensions import GateAxis, LinearValue, read_axes
from chc_gating.kernels.entries import find_inside_polygon
from chc_gating.kernels.plan_arrays import NOMINAL, IntArray
from chc_gating.kernels.records import State
from chc_gating.model.acquisition import FittedLine
from chc_gating.model.events import FloatArray, StoredBatch

Verdicts = NDArray[np.uint8]

OUT, IN, BAD = 0, 1, 2
"""Verdicts on an event; BAD: a value is not finite."""


def _verdicts(
    inside: NDArray[np.bool_], finite: NDArray[np.bool_], *, complement: bool = False
) -> Verdicts:
    """Return IN, OUT, or BAD where a value is not finite, whatever the complement."""
    chosen = ~inside if complement else inside
    return np.where(finite, np.where(chosen, IN, OUT), BAD).astype(np.uint8)


class ValueRule(ABC):
    """A gate that decides every event by its own values."""

    @abstractmethod
    def decide(self, stored: StoredBatch, rows: IntArray) -> Verdicts:
        """Return a verdict (k,) on some events."""

    def enter(self, stored: StoredBatch, p: int, parent: int, state: State) -> None:
        """Put a batch's events into population p of the state, and note who is undecided."""
        rows = ask_events(state, parent)
        verdicts = self.decide(stored, rows)
        inside, undecided = verdicts == IN, verdicts == BAD
        enter_population(state, p, parent, rows=rows, inside=inside, undecided=undecided)


@dataclass(frozen=True)
class BoxRule(ValueRule):
    """Intervals [low, high) over d axes: ``bounds`` (d, 2)."""

    axes: tuple[GateAxis, ...]
    bounds: FloatArray
    complement: bool = False

    def bind(self, factor: FloatArray, saturation: FloatArray) -> BoxRule:
        """Return the rule for a stream's factors (m,)."""
        return replace(self, axes=tuple(axis.bind(factor) for axis in self.axes))

    def decide(self, stored: StoredBatch, rows: IntArray) -> Verdicts:
        """Return a verdict (k,) on some events."""
        at, finite = read_axes(self.axes, stored, rows)
        inside = np.all((at >= self.bounds[:, 0]) & (at < self.bounds[:, 1]), axis=1)
        return _verdicts(inside, finite, complement=self.complement)


@dataclass(frozen=True)
class PolygonRule(ValueRule):
    """A polygon over two axes, inside by the even-odd rule; ``vertices`` (v, 2)."""

    axes: tuple[GateAxis, ...]
    vertices: FloatArray
    complement: bool = False

    def bind(self, factor: FloatArray, saturation: FloatArray) -> PolygonRule:
        """Return the rule for a stream's factors (m,)."""
        return replace(self, axes=tuple(axis.bind(factor) for axis in self.axes))

    def decide(self, stored: StoredBatch, rows: IntArray) -> Verdicts:
        """Return a verdict (k,) on some events."""
        at, finite = read_axes(self.axes, stored, rows)
        inside = np.empty(len(at), dtype=np.bool_)
        find_inside_polygon(np.ascontiguousarray(at), self.vertices, inside)
        return _verdicts(inside, finite, complement=self.complement)


@dataclass(frozen=True)
class EllipsoidRule(ValueRule):
    """Mahalanobis distance squared at most ``distance_square``; mean (d,), inverse (d, d)."""

    axes: tuple[GateAxis, ...]
    mean: FloatArray
    inverse: FloatArray
    distance_square: float
    complement: bool = False

    def bind(self, factor: FloatArray, saturation: FloatArray) -> EllipsoidRule:
        """Return the rule for a stream's factors (m,)."""
        return replace(self, axes=tuple(axis.bind(factor) for axis in self.axes))

    def decide(self, stored: StoredBatch, rows: IntArray) -> Verdicts:
        """Return a verdict (k,) on some events."""
        at, finite = read_axes(self.axes, stored, rows)
        off = at - self.mean
        with np.errstate(all="ignore"):
            # Term by term: a matrix product rounds by the number of rows, so by the batch.
            distance = np.zeros(len(rows))
            for i in range(len(self.mean)):
                for j in range(len(self.mean)):
                    distance += off[:, i] * self.inverse[i, j] * off[:, j]
        return _verdicts(distance <= self.distance_square, finite, complement=self.complement)


@dataclass(frozen=True)
class MarginRule(ValueRule):
    """Events at or below 0, or at or above the detector's maximum, in any channel leave."""

    values: tuple[LinearValue, ...]
    names: tuple[str, ...]
    top: FloatArray | None = None

    def bind(self, factor: FloatArray, saturation: FloatArray) -> MarginRule:
        """Return the rule for a stream's factors and maxima (m,).

        Raises RawFileError where the maximum of a channel is not known.
        """
        top = np.array([saturation[int(value.detectors[0])] for value in self.values])
        unknown = [name for name, t in zip(self.names, top, strict=True) if not np.isfinite(t)]
        if unknown:
            raise RawFileError(
                f"a margins gate needs the maximum of {', '.join(unknown)}, which the file does "
                "not say ($PnR); leave the channel out of margins"
            )
        return replace(self, values=tuple(v.bind(factor) for v in self.values), top=top)

    def decide(self, stored: StoredBatch, rows: IntArray) -> Verdicts:
        """Return a verdict (k,) on some events."""
        if self.top is None:
            raise AssertionError("bound to a stream before it is used")
        inside = np.ones(len(rows), dtype=np.bool_)
        finite = np.ones(len(rows), dtype=np.bool_)
        for value, top in zip(self.values, self.top, strict=True):
            raw = value.read(stored, rows)
            finite &= np.isfinite(raw)
            inside &= (raw > 0) & (raw < top)
        return _verdicts(inside, finite)


@dataclass(frozen=True)
class SingletRule(ValueRule):
    """Events within a band of a line of area against height, which is fitted before the pass."""

    area: LinearValue
    height: LinearValue
    band: float
    line: FittedLine | None = None

    def bind(self, factor: FloatArray, saturation: FloatArray) -> SingletRule:
        """Return the rule for a stream's factors (m,)."""
        return replace(self, area=self.area.bind(factor), height=self.height.bind(factor))

    def read(self, stored: StoredBatch, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return area and height (k,) of some events."""
        return self.area.read(stored, rows), self.height.read(stored, rows)

    def decide(self, stored: StoredBatch, rows: IntArray) -> Verdicts:
        """Return a verdict (k,) on some events."""
        if self.line is None:
            raise ChcError("a singlets gate needs its line to be fitted before events are gated")
        area, height = self.read(stored, rows)
        with np.errstate(all="ignore"):
            line = self.line.intercept + self.line.slope * height
            off = area / line - 1.0
            inside = (line > 0) & (off >= -self.line.half_width) & (off < self.line.half_width)
        return _verdicts(inside, np.isfinite(area) & np.isfinite(height))


@dataclass(frozen=True)
class Literal:
    """A population in a boolean gate: its bit, the bits of its gates, and whether it is negated.

    An event is undecided where any of those gates could not decide it.
    """

    bit: int
    chain: int
    complement: bool = False


@dataclass(frozen=True)
class BooleanRule:
    """and, or over populations, by three-valued logic: a value not finite leaves it undecided."""

    is_and: bool
    literals: tuple[Literal, ...]

    def bind(self, factor: FloatArray, saturation: FloatArray) -> BooleanRule:
        """Return the rule itself: it reads no values."""
        return self

    def enter(self, stored: StoredBatch, p: int, parent: int, state: State) -> None:
        """Put the parent's events that satisfy the rule into population p of the state.

        What is not finite with the cuts as they are counts as not finite with moved cuts, too.
        """
        mask, own, above = state.mask, bit_of(p), bit_of(parent)
        _, undecided = self.combine(mask[:, NOMINAL], state.invalid)
        undecided &= mask[:, NOMINAL] & above != 0
        for s in range(mask.shape[1]):
            true, _ = self.combine(mask[:, s], state.invalid)
            mask[true & (mask[:, s] & above != 0), s] |= own
        state.invalid[undecided] |= own

    def combine(
        self, inside: NDArray[np.uint64], invalid: NDArray[np.uint64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whether (n,) events satisfy the rule, and whether it is undecided.

        inside, invalid : (n,) bits of populations that events are in, and of undecided gates.
        """
        true = np.full(len(inside), self.is_and)
        false = np.full(len(inside), not self.is_and)
        for literal in self.literals:
            yes = inside & np.uint64(literal.bit) != 0
            no = ~yes & (invalid & np.uint64(literal.chain) == 0)
            if literal.complement:
                yes, no = no, yes
            true, false = (true & yes, false | no) if self.is_and else (true | yes, false & no)
        return true, ~(true | false)
