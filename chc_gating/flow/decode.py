"""Bytes of events to numbers."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.flow.layout import Layout, Parameter
from chc_gating.model.events import FloatArray, StoredBatch

_EXACT_BITS = 24
"""A float32 holds every whole number up to 2**24."""

_FORMATS = {("F", 4): "f4", ("D", 8): "f8", ("I", 1): "u1", ("I", 2): "u2", ("I", 4): "u4"}
_FORMATS[("I", 8)] = "u8"


class EventDecoder:
    """Turns the bytes of k events into a (k, m) array, by one layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._uniform = _uniform_dtype(layout)
        self._masks = _uniform_masks(layout)
        self.has_logs = any(p.decades > 0 for p in layout.parameters)
        self.dtype = _batch_dtype(layout, has_logs=self.has_logs)

    @property
    def is_plain(self) -> bool:
        """Whether events are native floats of one width, so that a view of the bytes will do."""
        return self._uniform is not None and self._uniform.kind == "f" and self._uniform.isnative

    def view_events(self, raw: NDArray[np.uint8]) -> StoredBatch:
        """Return the bytes of whole events as a (k, m) view, for a plain layout."""
        assert self._uniform is not None
        view: StoredBatch = raw.view(self._uniform).reshape(-1, len(self._layout.parameters))
        return view

    def decode_stored(self, raw: NDArray[np.uint8], *, dtype: np.dtype[Any]) -> StoredBatch:
        """Return the bytes of whole events as a new (k, m) array of stored values.

        Integers are masked by $PnR; nothing is scaled.
        """
        m = len(self._layout.parameters)
        if self._uniform is not None:
            values: NDArray[Any] = raw.view(self._uniform).reshape(-1, m)
            if self._masks is not None:
                values = values & self._masks
            with np.errstate(all="ignore"):
                stored: StoredBatch = values.astype(dtype)
            return stored
        events = raw.reshape(-1, self._layout.event_bytes)
        out: StoredBatch = np.empty((len(events), m), dtype=dtype)
        for column, parameter in enumerate(self._layout.parameters):
            with np.errstate(all="ignore"):
                out[:, column] = self._column(events, parameter)
        return out

    def undo_logs(self, values: StoredBatch) -> None:
        """Replace stored values (k, m) of logarithmic parameters by linear ones, in place.

        FCS 3.1, $PnE: linear = f2 * 10 ** (f1 * stored / $PnR).
        """
        for column, p in enumerate(self._layout.parameters):
            if p.decades > 0 and p.range is not None:
                with np.errstate(all="ignore"):
                    exponent = p.decades * values[:, column] / p.range
                    values[:, column] = p.log_zero * 10.0**exponent

    def _column(self, events: NDArray[np.uint8], parameter: Parameter) -> NDArray[Any]:
        chunk = events[:, parameter.offset : parameter.offset + parameter.width]
        positions = self._layout.byte_order.little_positions(parameter.width)
        padded = np.zeros((len(events), _word(parameter.width)), dtype=np.uint8)
        padded[:, : parameter.width] = chunk[:, list(positions)]
        code = _FORMATS[parameter.data_type, padded.shape[1]]
        values: NDArray[Any] = padded.view("<" + code)[:, 0]
        if parameter.mask is None:
            return values
        masked: NDArray[Any] = values & values.dtype.type(parameter.mask)
        return masked


def find_factors(layout: Layout) -> FloatArray:
    """Return (m,) factors to linear values: 1 / $PnG, $TIMESTEP for Time, 1 where it is log."""
    factors = np.array([1.0 if p.decades > 0 else 1.0 / p.gain for p in layout.parameters])
    if layout.time_index is not None and layout.timestep_s is not None:
        factors[layout.time_index] = layout.timestep_s
    return factors


def _word(width: int) -> int:
    return next(word for word in (1, 2, 4, 8) if width <= word)


def _batch_dtype(layout: Layout, *, has_logs: bool) -> np.dtype[Any]:
    """Return float32 where it holds every stored value exactly, else float64."""
    exact = all(
        p.data_type == "F" or (p.data_type == "I" and _data_bits(p) <= _EXACT_BITS)
        for p in layout.parameters
    )
    return np.dtype(np.float32) if exact and not has_logs else np.dtype(np.float64)


def _data_bits(parameter: Parameter) -> int:
    return 8 * parameter.width if parameter.mask is None else parameter.mask.bit_length()


def _uniform_dtype(layout: Layout) -> np.dtype[Any] | None:
    """Return the dtype that all parameters share, None where they differ or numpy has none."""
    kinds = {(p.data_type, p.width) for p in layout.parameters}
    code = _FORMATS.get(next(iter(kinds))) if len(kinds) == 1 else None
    order = layout.byte_order
    if code is None or not (order.is_little or order.is_big):
        return None
    dtype = np.dtype(("<" if order.is_little else ">") + code)
    return dtype.newbyteorder("=") if order.is_little == (sys.byteorder == "little") else dtype


def _uniform_masks(layout: Layout) -> NDArray[Any] | None:
    if all(p.mask is None for p in layout.parameters):
        return None
    word = _word(layout.parameters[0].width)
    every = (1 << 8 * word) - 1
    masks = [every if p.mask is None else p.mask for p in layout.parameters]
    return np.array(masks, dtype=np.uint64).astype(f"u{word}")
