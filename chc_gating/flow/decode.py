"""Bytes of events to numbers."""

from __future__ import annotations

import sys
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.flow.layout import Layout, Parameter
from chc_gating.kernels.entries import decode_bytes, decode_words
from chc_gating.model.events import FloatArray, StoredBatch

_EXACT_BITS = 24
"""A float32 holds every whole number up to 2**24."""

_TABLE_BITS = 16
"""Logarithmic integers of at most so many bits are looked up in a table of all of them."""

_MASK_ROWS = 64
"""So often are the masks repeated: see `decode_words`."""

_FORMATS = {("F", 4): "f4", ("D", 8): "f8", ("I", 1): "u1", ("I", 2): "u2", ("I", 4): "u4"}
_FORMATS[("I", 8)] = "u8"


class EventDecoder:
    """Turns the bytes of k events into a (k, m) array, by one layout.

    The caller gives the room, float32 or float64, since new memory costs more than to decode; the
    bytes may be put into another order meanwhile.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._uniform = _uniform_dtype(layout)
        self.has_logs = any(p.decades > 0 for p in layout.parameters)
        self.dtype = _batch_dtype(layout, has_logs=self.has_logs)
        self._masks = np.array([_find_mask(p) for p in layout.parameters], dtype=np.uint64)
        self._places = _find_places(layout)
        self._widths = np.array([p.width for p in layout.parameters], dtype=np.int64)
        self._is_float = np.array([p.data_type != "I" for p in layout.parameters], dtype=np.uint8)

    @property
    def is_plain(self) -> bool:
        """Whether events are native floats of one width, so that a view of the bytes will do."""
        return self._uniform is not None and self._uniform.kind == "f" and self._uniform.isnative

    def view_events(self, raw: NDArray[np.uint8]) -> StoredBatch:
        """Return the bytes of whole events as a (k, m) view, for a plain layout."""
        assert self._uniform is not None
        view: StoredBatch = raw.view(self._uniform).reshape(-1, len(self._layout.parameters))
        return view

    def decode_stored(self, raw: NDArray[np.uint8], out: StoredBatch) -> None:
        """Fill out (k, m) with the stored values in the bytes of whole events.

        Integers are masked by $PnR; nothing is scaled.
        """
        if self._uniform is None:
            self._decode_bytes(raw, out, tables=[_NO_TABLE] * len(self._widths))
        elif self._uniform.kind == "f":
            with np.errstate(all="ignore"):
                out[:] = self.view_events(raw)
        else:
            self._decode_words(raw, out, self._uniform)

    def decode_linear(self, raw: NDArray[np.uint8], out: StoredBatch) -> None:
        """Do what `decode_stored` does, with logarithmic parameters made linear.

        FCS 3.1, $PnE: linear = f2 * 10 ** (f1 * stored / $PnR).
        """
        if not self.has_logs:
            self.decode_stored(raw, out)
            return
        tables = [_tabulate(p) for p in self._layout.parameters]
        self._decode_bytes(raw, out, tables=tables)
        for column, (p, table) in enumerate(zip(self._layout.parameters, tables, strict=True)):
            if p.decades > 0 and len(table) == 0:
                out[:, column] = _undo_log(out[:, column], p)

    def _decode_words(self, raw: NDArray[np.uint8], out: StoredBatch, word: np.dtype[Any]) -> None:
        native = word.newbyteorder("=")
        masks = np.tile(self._masks.astype(native), _MASK_ROWS)
        words = raw.view(native)
        if not word.isnative:
            words.byteswap(inplace=True)
        decode_words(words, masks, out.reshape(-1))

    def _decode_bytes(
        self, raw: NDArray[np.uint8], out: StoredBatch, *, tables: list[FloatArray]
    ) -> None:
        first = np.array([0, *accumulate(len(table) for table in tables)], dtype=np.int64)
        decode_bytes(
            raw.reshape(-1, self._layout.event_bytes),
            self._places,
            self._widths,
            self._masks,
            self._is_float,
            first,
            np.concatenate(tables),
            out,
        )


def find_factors(layout: Layout) -> FloatArray:
    """Return (m,) factors to linear values: 1 / $PnG, $TIMESTEP for Time, 1 where it is log."""
    factors = np.array([1.0 if p.decades > 0 else 1.0 / p.gain for p in layout.parameters])
    if layout.time_index is not None and layout.timestep_s is not None:
        factors[layout.time_index] = layout.timestep_s
    return factors


def _undo_log(values: NDArray[Any], p: Parameter) -> FloatArray:
    assert p.range is not None
    with np.errstate(all="ignore"):
        linear: FloatArray = p.log_zero * 10.0 ** (p.decades * values / p.range)
    return linear


_NO_TABLE = np.empty(0)


def _tabulate(p: Parameter) -> FloatArray:
    """Return what the integers of a logarithmic parameter become; empty where they are many."""
    if p.decades == 0 or p.data_type != "I" or _data_bits(p) > _TABLE_BITS:
        return _NO_TABLE
    return _undo_log(np.arange(float(_find_mask(p) + 1)), p)


def _batch_dtype(layout: Layout, *, has_logs: bool) -> np.dtype[Any]:
    exact = all(
        p.data_type == "F" or (p.data_type == "I" and _data_bits(p) <= _EXACT_BITS)
        for p in layout.parameters
    )
    return np.dtype(np.float32) if exact and not has_logs else np.dtype(np.float64)


def _data_bits(parameter: Parameter) -> int:
    return _find_mask(parameter).bit_length()


def _find_mask(parameter: Parameter) -> int:
    """Return the bits of a value that are data, all where the file does not say."""
    every = (1 << 8 * parameter.width) - 1
    return every if parameter.mask is None else parameter.mask & every


def _find_places(layout: Layout) -> NDArray[np.uint64]:
    """Return (m, 8): where in an event the bytes of a value stand, the least significant first."""
    places = np.zeros((len(layout.parameters), 8), dtype=np.uint64)
    for place, p in zip(places, layout.parameters, strict=True):
        positions = layout.byte_order.little_positions(p.width)
        place[: p.width] = [p.offset + at for at in positions]
    return places


def _uniform_dtype(layout: Layout) -> np.dtype[Any] | None:
    """Return the dtype that all parameters share, None where they differ or numpy has none."""
    kinds = {(p.data_type, p.width) for p in layout.parameters}
    code = _FORMATS.get(next(iter(kinds))) if len(kinds) == 1 else None
    order = layout.byte_order
    if code is None or not (order.is_little or order.is_big):
        return None
    dtype = np.dtype(("<" if order.is_little else ">") + code)
    return dtype.newbyteorder("=") if order.is_little == (sys.byteorder == "little") else dtype
