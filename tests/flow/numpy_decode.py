"""The slow twin of the decoding kernels: one parameter after the other, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.flow.layout import Layout, Parameter

_FORMATS = {("F", 4): "f4", ("D", 8): "f8", ("I", 1): "u1", ("I", 2): "u2", ("I", 4): "u4"}
_FORMATS[("I", 8)] = "u8"


def decode(data: bytes, layout: Layout, *, dtype: type, linear: bool) -> NDArray[Any]:
    """Return the bytes of whole events as (k, m) stored or linear values."""
    events = np.frombuffer(data, dtype=np.uint8).reshape(-1, layout.event_bytes)
    out = np.empty((len(events), len(layout.parameters)), dtype=dtype)
    with np.errstate(all="ignore"):
        for column, parameter in enumerate(layout.parameters):
            values = _stored(events, parameter, layout)
            if linear and parameter.decades > 0:
                assert parameter.range is not None
                exponent = parameter.decades * values.astype(np.float64) / parameter.range
                values = parameter.log_zero * 10.0**exponent
            out[:, column] = values
    return out


def _stored(events: NDArray[np.uint8], parameter: Parameter, layout: Layout) -> NDArray[Any]:
    chunk = events[:, parameter.offset : parameter.offset + parameter.width]
    positions = layout.byte_order.little_positions(parameter.width)
    word = next(word for word in (1, 2, 4, 8) if parameter.width <= word)
    padded = np.zeros((len(events), word), dtype=np.uint8)
    padded[:, : parameter.width] = chunk[:, list(positions)]
    values: NDArray[Any] = padded.view("<" + _FORMATS[parameter.data_type, word])[:, 0]
    return values if parameter.mask is None else values & values.dtype.type(parameter.mask)
