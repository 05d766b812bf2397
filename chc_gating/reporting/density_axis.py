"""A density's axis: values of a channel to positions in bins, whatever scale spaced the bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from chc_gating.model.events import FloatArray

_MOST_TICKS = 6
_MIN_TICK_DISTANCE = 0.11
"""Of the axis' length: labels that are closer would touch."""


@dataclass(frozen=True)
class BinAxis:
    """Edges (bins + 1,) of one axis. Bins are drawn equally wide, so the scale shows as it is."""

    edges: FloatArray

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def locate(self, values: ArrayLike) -> FloatArray:
        """Return positions in [0, bins]; a value outside the edges lies on the outermost one."""
        index = np.arange(len(self.edges), dtype=np.float64)
        return np.asarray(np.interp(np.asarray(values, np.float64), self.edges, index))

    def spans(self, low: float | None, high: float | None) -> tuple[float, float]:
        """Return the positions of an interval; an open end is the axis' end."""
        start = 0.0 if low is None else float(self.locate(low))
        stop = float(self.bins) if high is None else float(self.locate(high))
        return start, stop

    def choose_ticks(self) -> tuple[list[float], list[str]]:
        """Return positions and labels of round values that fit without touching."""
        kept: list[tuple[float, str]] = []
        for value in self._round_values():
            if len(kept) >= _MOST_TICKS:
                break
            position = float(self.locate(value))
            distance = _MIN_TICK_DISTANCE * self.bins
            if all(abs(position - other) >= distance for other, _ in kept):
                kept.append((position, format_tick(value)))
        kept.sort()
        return [p for p, _ in kept], [label for _, label in kept]

    def _round_values(self) -> list[float]:
        low, high = float(self.edges[0]), float(self.edges[-1])
        if _is_even(self.edges):
            step = _nice_step((high - low) / 4)
            first = np.ceil(low / step) * step
            return [float(v) for v in np.arange(first, high + step * 1e-6, step)]
        top = int(np.floor(np.log10(max(abs(low), abs(high), 1.0))))
        # Decades come first; a short axis has room for their multiples as well.
        values = [
            sign * factor * 10.0**power
            for factor in (1, 2, 5)
            for power in range(top, -3, -1)
            for sign in (1, -1)
        ]
        return [v for v in (0.0, *values) if low <= v <= high]


def _is_even(edges: FloatArray) -> bool:
    widths = np.diff(edges)
    return bool(np.allclose(widths, widths[0], rtol=0.01))


def _nice_step(rough: float) -> float:
    scale = float(10.0 ** np.floor(np.log10(rough)))
    for factor in (1.0, 2.0, 5.0, 10.0):
        if factor * scale >= rough:
            return factor * scale
    return 10.0 * scale


def format_tick(value: float) -> str:
    """Return a short label: 0, 500, 20k, 1M, -1k.

    Examples
    --------
    >>> format_tick(20000.0), format_tick(-1000.0), format_tick(0.1)
    ('20k', '-1k', '0.1')
    """
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:g}M"
    if size >= 1e3:
        return f"{value / 1e3:g}k"
    return f"{value:g}"
