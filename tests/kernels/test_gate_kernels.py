"""Kernels on arrays small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.kernels import gate
from chc_gating.kernels.density import find_bin
from chc_gating.kernels.gate import (
    FAILS,
    INDETERMINATE,
    INVALID,
    NEGATIVE,
    ODD,
    POSITIVE,
    add_states,
    judge_interval,
    judge_ratio,
    note_near,
    read_value,
)
from chc_gating.kernels.margins import count_margins
from chc_gating.kernels.records import tabulate_starts
from chc_gating.kernels.tally import count_bits, count_classes
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
    code = np.zeros(1, dtype=np.uint16)
    add_states(1, np.array([value]), 100.0, 200.0, np.uint16(2), code)
    assert code[0] >> 2 == expected


def test_states_and_rules_have_the_numbers_of_the_model() -> None:
    # Kernels import no other room, so these few constants stand twice.
    for name in ("NEGATIVE", "INDETERMINATE", "POSITIVE", "INVALID"):
        assert getattr(gate, name) == getattr(marker_states, name)
    for name in ("STAYS", "LEFT_INVALID"):
        assert getattr(gate, name) == getattr(phenotypes, name)


def test_a_value_is_summed_in_float64_from_float32_values() -> None:
    column = np.array([[1.1], [2.2]], dtype=np.float32)
    found = np.empty(1)
    read_value(column, 1, np.array([0, 1]), np.array([1.0, -0.1]), found)
    assert found[0] == float(np.float32(1.1)) + float(np.float32(2.2)) * -0.1


def test_an_event_that_left_by_one_side_is_still_seen_to_be_invalid_at_another() -> None:
    sides = np.array([[5.0, 5.0, 0.0], [np.nan, 0.0, 0.0]])
    verdicts = np.zeros(3, dtype=np.uint8)
    for value in sides:
        judge_interval(3, value, -1.0, 1.0, verdicts)
    assert verdicts.tolist() == [FAILS | ODD, FAILS, 0]


def test_a_ratio_over_zero_is_not_finite_and_so_undecided() -> None:
    above, below = np.array([1.0, 0.0, 1.0, 3.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    verdicts = np.zeros(5, dtype=np.uint8)
    judge_ratio(5, above, below, 1.0, 2.0, verdicts)
    assert (verdicts & ODD != 0).tolist() == [True, True, False, False, False]
    assert (verdicts == 0).tolist() == [False, False, True, False, False]


def test_an_event_is_near_where_a_moved_cut_changes_its_state() -> None:
    value = np.array([89.9, 90.0, 100.0, 109.9, 110.0, np.nan, 100.0])
    member = np.array([1, 1, 1, 1, 1, 1, 0], dtype=np.uint8)
    near = np.zeros(7, dtype=np.uint8)
    cuts = np.array([[100.0, 100.0], [90.0, 90.0], [110.0, 110.0]])
    note_near(7, value, cuts, member, near)
    assert near.tolist() == [0, 1, 1, 1, 0, 0, 0]


EDGES = np.sinh(np.linspace(-7, 7, 129))
STARTS = tabulate_starts(EDGES)
find_bin(0.0, EDGES, STARTS)  # compiled before the time of a test is taken


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


def test_set_bits_are_counted() -> None:
    counts = np.zeros(2, dtype=np.int64)
    count_bits(3, np.array([0b01, 0b11, 0b10], dtype=np.uint64), counts)
    assert counts.tolist() == [2, 2]


def test_the_highest_bit_of_64_is_counted() -> None:
    counts = np.zeros(64, dtype=np.int64)
    count_bits(1, np.array([1 << 63], dtype=np.uint64), counts)
    assert counts.tolist() == [0] * 63 + [1]


def test_classes_are_counted_and_those_without_a_saturated_flag_apart() -> None:
    leaf = np.array([1, 1, 0, 2, 1, 1], dtype=np.int16)
    flags = np.array([0, 4, 4, 0, 1, 0], dtype=np.uint32)
    counts, clean = np.zeros((3, 3), dtype=np.int64), np.zeros(3, dtype=np.int64)
    work = np.zeros((4, 3), dtype=np.int64)
    count_classes(6, leaf, flags, np.uint32(4), work, counts, clean)
    assert counts.tolist() == [[1, 4, 1]] * 3
    assert clean.tolist() == [0, 3, 1]


def test_the_lowest_value_is_counted_as_often_as_it_stands() -> None:
    saturated, nonfinite, at_lowest, here = (np.zeros(1, dtype=np.int64) for _ in range(4))
    lowest = np.full(1, np.inf)
    for block in ([3.0, 1.0, np.nan, 1.0, 9.0], [2.0, 1.0, 4.0]):
        column = np.array([block])
        top = np.array([9.0])
        n = len(block)
        count_margins(n, column, top, here, saturated, nonfinite, lowest, at_lowest)
    assert (saturated[0], nonfinite[0], lowest[0], at_lowest[0]) == (1, 1, 1.0, 3)
