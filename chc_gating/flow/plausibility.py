"""Whether bytes look like events: decides between two places of DATA that both fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.flow.decode import EventDecoder
from chc_gating.flow.layout import Layout
from chc_gating.model.events import FloatArray

SCORED_EVENTS = 1000


def score_events(raw: NDArray[np.uint8], layout: Layout, decoder: EventDecoder) -> float:
    """Return how much the first 1,000 events at ``raw`` look real, 0 (noise) to 1.

    The mean of two shares: values that are finite, at most $PnR and not absurdly small in size,
    and steps of Time that do not go back (left out where there is no Time).
    """
    count = min(len(raw) // layout.event_bytes, SCORED_EVENTS)
    if count == 0:
        return 0.0
    block = raw[: count * layout.event_bytes]
    stored = np.empty((count, len(layout.parameters)))
    decoder.decode_stored(block, stored)
    shares = [_share_in_range(stored, layout)]
    if layout.time_index is not None and count > 1:
        with np.errstate(invalid="ignore"):
            shares.append(float((np.diff(stored[:, layout.time_index]) >= 0).mean()))
    return float(np.mean(shares))


def _share_in_range(stored: FloatArray, layout: Layout) -> float:
    limits = np.array([np.inf if p.range is None else p.range for p in layout.parameters])
    size = np.abs(stored)
    # Bytes of floats that are read at the wrong place give exponents of all sizes.
    sensible = np.isfinite(stored) & (size <= limits) & ((size == 0) | (size > 1e-12))
    return float(sensible.mean())
