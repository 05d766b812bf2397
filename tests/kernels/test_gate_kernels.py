"""Kernels on arrays small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.kernels import gate
from chc_gating.kernels.density import find_bin, tabulate_starts
from chc_gating.kernels.gate import (
    BAD,
    IN,
    INDETERMINATE,
    INVALID,
    NEGATIVE,
    NOT_ASKED,
    OUT,
    POSITIVE,
    call_marker,
    narrow_by_ratio,
    narrow_by_value,
    sum_terms,
)
from chc_gating.kernels.tally import count_bits, count_margins
from chc_gating.model import marker_states, phenotypes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (99.9, NEGATIVE),
        (100.0, INDETERMINATE),
        (199.9, INDETERMINATE),
        (200.0, POSITIVE),
        (np.nan, INVALID),
        (np.inf, INVALID),
        (-np.inf, INVALID),
    ],
)
def test_a_marker_is_called_by_its_band(value: float, expected: int) -> None:
    assert call_marker(value, 100.0, 200.0) == expected


def test_states_and_rules_have_the_numbers_of_the_model() -> None:
    # Kernels import no other room, so these few constants stand twice.
    for name in ("NEGATIVE", "INDETERMINATE", "POSITIVE", "INVALID"):
        assert getattr(gate, name) == getattr(marker_states, name)
    for name in ("STAYS", "LEFT_INVALID"):
        assert getattr(gate, name) == getattr(phenotypes, name)


def test_a_value_is_summed_in_float64_from_float32_values() -> None:
    stored = np.array([[1.1, 2.2]], dtype=np.float32)
    found = sum_terms(stored, 0, np.array([0, 1]), np.array([1.0, -0.1]))
    assert found == float(np.float32(1.1)) + float(np.float32(2.2)) * -0.1


def test_an_event_that_left_by_one_side_is_still_seen_to_be_invalid_at_another() -> None:
    stored = np.array([[5.0, np.nan], [5.0, 0.0], [0.0, 0.0], [0.0, np.nan]])
    verdicts = np.array([IN, IN, IN, NOT_ASKED], dtype=np.uint8)
    for channel in (0, 1):
        narrow_by_value(stored, np.array([channel]), np.array([1.0]), -1.0, 1.0, verdicts)
    assert verdicts.tolist() == [BAD, OUT, IN, NOT_ASKED]


def test_a_ratio_over_zero_is_not_finite_and_so_bad() -> None:
    stored = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [3.0, 1.0], [2.0, 1.0]])
    verdicts = np.full(5, IN, dtype=np.uint8)
    one = np.array([1.0])
    narrow_by_ratio(stored, np.array([0]), one, np.array([1]), one, 1.0, 2.0, verdicts)
    assert verdicts.tolist() == [BAD, BAD, IN, OUT, OUT]


EDGES = np.sinh(np.linspace(-7, 7, 129))
STARTS = tabulate_starts(EDGES)


@given(st.one_of(st.floats(-2000, 2000), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_bin_is_the_one_that_numpy_finds(value: float) -> None:
    expected = np.clip(np.searchsorted(EDGES, value, side="right") - 1, 0, 127)
    assert find_bin(value, EDGES, STARTS) == expected


def test_values_on_and_beside_every_edge_fall_where_numpy_puts_them() -> None:
    for edges in (EDGES, np.linspace(0.0, 262143.0, 129), np.geomspace(0.1, 1e6, 65)):
        starts = tabulate_starts(edges)
        beside = [np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf)]
        for value in np.concatenate(beside):
            expected = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2)
            assert find_bin(value, edges, starts) == expected


def test_a_value_on_an_edge_falls_into_the_bin_that_starts_there() -> None:
    edges = np.arange(9.0)
    starts = tabulate_starts(edges)
    found = [find_bin(v, edges, starts) for v in (-1.0, 0.0, 3.0, 7.5, 8.0, 99.0)]
    assert found == [0, 0, 3, 7, 7, 7]


def test_bits_are_counted_in_the_bin_of_their_event() -> None:
    counts = np.zeros((3, 2), dtype=np.int64)
    bits = np.array([0b01, 0b11, 0b10], dtype=np.uint64)
    count_bits(1, np.array([0, 2, 3, 4]), bits, counts)
    assert counts.tolist() == [[1, 0], [1, 1], [0, 1]]


def test_the_highest_bit_of_64_is_counted() -> None:
    counts = np.zeros((1, 64), dtype=np.int64)
    count_bits(0, np.array([0, 1]), np.array([1 << 63], dtype=np.uint64), counts)
    assert counts[0].tolist() == [0] * 63 + [1]


def test_the_lowest_value_is_counted_as_often_as_it_stands() -> None:
    stored = np.array([[3.0], [1.0], [np.nan], [1.0], [9.0]])
    saturated, nonfinite, at_lowest = (np.zeros(1, dtype=np.int64) for _ in range(3))
    lowest = np.full(1, np.inf)
    one, top = np.ones(1), np.array([9.0])
    count_margins(stored, one, top, saturated, nonfinite, lowest, at_lowest)
    assert (saturated[0], nonfinite[0], lowest[0], at_lowest[0]) == (1, 1, 1.0, 2)
