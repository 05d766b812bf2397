"""Integers of every width and order are decoded as numpy decodes them, value by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_decode import decode

from chc_gating.flow.byte_order import ByteOrder
from chc_gating.flow.decode import EventDecoder
from chc_gating.flow.layout import Layout, Parameter

LITTLE, BIG = (1, 2, 3, 4), (4, 3, 2, 1)
HALVES = [(3, 4, 1, 2), (2, 1, 4, 3)]


def lay_out(kinds: list[dict[str, Any]], order: tuple[int, ...]) -> Layout:
    parameters, offset = [], 0
    for n, kind in enumerate(kinds):
        given = {"data_type": "I", "mask": None, "range": None, "decades": 0.0, "log_zero": 0.0}
        given |= kind
        parameters.append(
            Parameter(name=str(n), marker=None, offset=offset, gain=1.0, **given)  # type: ignore[arg-type]
        )
        offset += kind["width"]
    return Layout(tuple(parameters), offset, ByteOrder(order), None, None, False)


@st.composite
def integers(draw: st.DrawFn, width: int) -> dict[str, Any]:
    bits = draw(st.none() | st.integers(1, 8 * width))
    decades = draw(st.sampled_from([0.0, 0.0, 4.0, 4.5]))
    return {
        "width": width,
        "mask": None if bits is None else (1 << bits) - 1,
        "range": float(1 << (8 * width if bits is None else bits)),
        "decades": decades,
        "log_zero": 1.0 if decades else 0.0,
    }


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    order = draw(st.sampled_from([LITTLE, BIG, *HALVES]))
    widths = st.sampled_from([1, 2, 4] if order in HALVES else [1, 2, 3, 4, 5, 6, 7, 8])
    one = draw(widths)
    same = draw(st.booleans())
    floats = st.sampled_from([{"data_type": "F", "width": 4}, {"data_type": "D", "width": 8}])
    kind = integers(one) if same else widths.flatmap(integers)
    if not same and order not in HALVES:
        kind |= floats
    return lay_out(draw(st.lists(kind, min_size=1, max_size=6)), order)


@settings(max_examples=200, deadline=None)
@given(layout=layouts(), seed=st.integers(0, 1000), count=st.sampled_from([0, 1, 5, 2001, 4100]))
def test_every_layout_is_decoded_as_numpy_does(layout: Layout, seed: int, count: int) -> None:
    size = count * layout.event_bytes
    raw = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    decoder = EventDecoder(layout)
    for dtype in {np.dtype(np.float64), decoder.dtype}:
        stored, linear = (np.empty((count, len(layout.parameters)), dtype=dtype) for _ in "ab")
        decoder.decode_stored(raw.copy(), stored)
        decoder.decode_linear(raw.copy(), linear)

        kind = dtype.type
        np.testing.assert_array_equal(
            stored, decode(raw.tobytes(), layout, dtype=kind, linear=False)
        )
        expected = decode(raw.tobytes(), layout, dtype=kind, linear=True)
        np.testing.assert_allclose(linear, expected, rtol=1e-15 if kind is np.float64 else 0)
        logs = [p.decades > 0 for p in layout.parameters]
        plain = np.flatnonzero(~np.array(logs))
        np.testing.assert_array_equal(linear[:, plain], expected[:, plain])


@pytest.mark.parametrize(
    ("order", "value"), [(LITTLE, 0x0403_0201), (BIG, 0x0102_0304), (HALVES[0], 0x0201_0403)]
)
def test_four_bytes_in_three_orders_by_hand(order: tuple[int, ...], value: int) -> None:
    layout = lay_out([{"width": 4}], order)
    raw = np.array([1, 2, 3, 4], dtype=np.uint8)

    found = np.empty((1, 1))
    EventDecoder(layout).decode_stored(raw, found)

    assert found.tolist() == [[value]]


def test_24_bits_beside_16_in_both_orders_by_hand() -> None:
    kinds = [{"width": 3}, {"width": 2, "mask": 0x3FF}]
    for order, value in ((LITTLE, 0x030201), (BIG, 0x010203)):
        found = np.empty((1, 2))
        raw = np.array([1, 2, 3, 0xFF, 0xFF], dtype=np.uint8)
        EventDecoder(lay_out(kinds, order)).decode_stored(raw, found)
        assert found.tolist() == [[value, 1023]]
