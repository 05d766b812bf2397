"""The waist of the program: a stream of event batches, from a tube or from a slide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
StoredBatch = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class EventStream:
    """n events x m channels, in batches and in the order of acquisition.

    channels : m names that are unique ($PnN, made unique by the reader; image channel names).
    labels : m further names ($PnS, None where there is none).
    event_count : n.
    factors : (m,) float64; a stored value times its factor is the linear value ($PnG, $TIMESTEP).
    saturation : (m,) float64, in linear units; a value at or above it is saturated, inf: unknown.
    batches : called with a size k, yields C-contiguous native (<=k, m) float32 or float64 arrays
        of stored values; must not be written to.
    event_ids : None where an event's id is its index; else called with ascending indices (k,),
        returns their ids (k,) int64 (cells of a slide).
    time_channel : index of the channel that holds time in seconds, or None.
    event_flags : (n,) uint32 flags that the front end knows (a slide's cells), or None.
    """

    channels: tuple[str, ...]
    labels: tuple[str | None, ...]
    event_count: int
    factors: FloatArray
    saturation: FloatArray
    batches: Callable[[int], Iterator[StoredBatch]]
    event_ids: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None = None
    time_channel: int | None = None
    event_flags: NDArray[np.uint32] | None = None
