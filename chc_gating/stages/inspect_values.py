"""Extremes and means of the values of a raw file, channel by channel, streamed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from chc_gating.flow.fcs import FcsFile
    from chc_gating.imaging.raw_tiles import TileSet
    from chc_gating.imaging.slide import Slide

_BLOCK_ROWS = 1024
"""Rows of a slide that are held at once."""


@dataclass(frozen=True)
class ChannelSummary:
    """Extremes and mean of a channel's finite values, None where it has none."""

    channel: str
    marker: str | None
    minimum: float | None
    maximum: float | None
    mean: float | None
    nonfinite: int
    saturated: int


def summarise_events(fcs: FcsFile) -> tuple[ChannelSummary, ...]:
    """Return per channel what its linear values are, in one pass over the file."""
    stream = fcs.event_stream()
    tally = _Tally(len(fcs.channels), stream.saturation)
    for batch in fcs.batches():
        tally.add(batch)
    return tally.summaries(fcs.channels, fcs.markers)


def summarise_pixels(slide: Slide) -> tuple[ChannelSummary, ...]:
    """Return per channel what its grey levels are, some rows at a time."""
    height, width = slide.shape
    rows = [(y, min(y + _BLOCK_ROWS, height)) for y in range(0, height, _BLOCK_ROWS)]
    return tuple(
        _summarise_grey(
            name, (slide.read(i, *part, 0, width) for part in rows), maximum=slide.maximum
        )
        for i, name in enumerate(slide.channels)
    )


def summarise_tiles(tiles: TileSet) -> tuple[ChannelSummary, ...]:
    """Return per channel what the grey levels of all its tiles are, one tile at a time."""
    from chc_gating.imaging.tile_reader import TileReader

    with TileReader(tiles) as reader:
        return tuple(
            _summarise_grey(
                name, (reader.read(tile, i) for tile in cycle.tiles), maximum=tiles.maximum
            )
            for cycle in tiles.cycles
            for i, name in enumerate(cycle.channels)
        )


def _summarise_grey(name: str, images: Iterable[NDArray[Any]], *, maximum: int) -> ChannelSummary:
    """Return what the grey levels of a channel are, in one image after the other."""
    tally = _Tally(1, np.array([float(maximum)]))
    for image in images:
        tally.add(image.reshape(-1, 1).astype(np.float64))
    (summary,) = tally.summaries((name,), (None,))
    return summary


class _Tally:
    """Running extremes and sums of m channels."""

    def __init__(self, channels: int, saturation: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        self._saturation = saturation
        self._minimum = np.full(channels, np.inf)
        self._maximum = np.full(channels, -np.inf)
        self._sum = np.zeros(channels)
        self._finite = np.zeros(channels, dtype=np.int64)
        self._saturated = np.zeros(channels, dtype=np.int64)
        self._rows = 0

    def add(self, values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Add k rows, (k, m)."""
        finite = np.isfinite(values)
        self._minimum = np.minimum(self._minimum, np.where(finite, values, np.inf).min(axis=0))
        self._maximum = np.maximum(self._maximum, np.where(finite, values, -np.inf).max(axis=0))
        self._sum += np.where(finite, values, 0.0).sum(axis=0)
        self._finite += finite.sum(axis=0)
        self._saturated += (finite & (values >= self._saturation)).sum(axis=0)
        self._rows += len(values)

    def summaries(
        self, channels: tuple[str, ...], markers: tuple[str | None, ...]
    ) -> tuple[ChannelSummary, ...]:
        """Return one summary a channel."""
        return tuple(
            ChannelSummary(
                channel=name,
                marker=marker,
                minimum=_known(self._minimum[i]),
                maximum=_known(self._maximum[i]),
                mean=_known(self._sum[i] / self._finite[i]) if self._finite[i] else None,
                nonfinite=self._rows - int(self._finite[i]),
                saturated=int(self._saturated[i]),
            )
            for i, (name, marker) in enumerate(zip(channels, markers, strict=True))
        )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
