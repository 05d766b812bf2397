"""The event stream: views where that is possible, exact copies elsewhere, saturation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, describe_channels, float_bytes, write_fcs
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.flow.fcs import FcsFile, open_fcs

COUNTS = np.array([[0, 512, 10], [1023, 1, 20], [256, 2, 30], [1, 3, 40]], dtype="<u2")


def integer_file(path: Path, *, limit: str = "1024", scale: str = "0,0", code: str = "<u2") -> Path:
    bits = 8 * np.dtype(code).itemsize
    keywords: dict[str, str | None] = {
        "$DATATYPE": "I",
        **describe_channels(bits=bits, limit=limit),
    }
    keywords["$P1E"] = scale
    return write_fcs(path, COUNTS.astype(code).tobytes(), keywords=keywords)


def linear_of_stream(fcs: FcsFile, size: int) -> np.ndarray:
    stream = fcs.event_stream()
    return np.concatenate([batch * stream.factors for batch in stream.batches(size)])


def test_native_floats_are_the_bytes_as_they_were_read(tmp_path: Path) -> None:
    stream = open_fcs(write_fcs(tmp_path / "a.fcs")).event_stream()
    batch = next(stream.batches(2))

    assert batch.dtype == np.float32
    assert batch.shape == (2, 3)
    assert batch.flags.c_contiguous
    assert not batch.flags.owndata
    assert not batch.flags.writeable


@pytest.mark.parametrize("order", ["4,3,2,1", "3,4,1,2"])
def test_other_floats_are_native_copies(tmp_path: Path, order: str) -> None:
    little = np.frombuffer(float_bytes(), dtype=np.uint8).reshape(-1, 4)
    moved = little[:, [int(rank) - 1 for rank in order.split(",")]]
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", moved.tobytes(), keywords={"$BYTEORD": order}))
    batch = next(fcs.event_stream().batches(4))

    assert batch.dtype == np.float32
    assert batch.dtype.isnative
    assert np.array_equal(batch, EVENTS)


def test_doubles_stay_doubles(tmp_path: Path) -> None:
    keywords = {"$DATATYPE": "D", **describe_channels(bits=64)}
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", float_bytes(code="<f8"), keywords=keywords))

    assert next(fcs.event_stream().batches(4)).dtype == np.float64


@pytest.mark.parametrize(
    ("limit", "code", "dtype"),
    [("1024", "<u2", np.float32), ("16777216", "<u4", np.float32), ("16777217", "<u4", np.float64)],
)
def test_integers_are_singles_only_where_these_hold_them_exactly(
    tmp_path: Path, limit: str, code: str, dtype: type
) -> None:
    fcs = open_fcs(integer_file(tmp_path / "a.fcs", limit=limit, code=code))

    assert next(fcs.event_stream().batches(4)).dtype == dtype


def test_a_logarithmic_channel_is_linear_in_the_batch_and_has_the_factor_one(
    tmp_path: Path,
) -> None:
    fcs = open_fcs(integer_file(tmp_path / "a.fcs", scale="4,1"))
    stream = fcs.event_stream()
    batch = next(stream.batches(4))

    assert batch[2, 0] == pytest.approx(10.0)
    assert stream.factors[0] == 1.0
    assert batch.dtype == np.float64


@settings(max_examples=10)
@given(size=st.integers(1, 6))
def test_any_batch_size_gives_the_values_of_read(
    tmp_path_factory: pytest.TempPathFactory, size: int
) -> None:
    folder = tmp_path_factory.mktemp("sizes")
    for file in (
        write_fcs(folder / "f.fcs", keywords={"$P1G": "3"}),
        integer_file(folder / "i.fcs", scale="4,1"),
    ):
        fcs = open_fcs(file)
        assert np.array_equal(linear_of_stream(fcs, size), fcs.read("linear"))
        assert np.array_equal(np.concatenate(list(fcs.batches(size))), fcs.read("linear"))


def test_a_batch_without_events_is_a_bug_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        next(open_fcs(write_fcs(tmp_path / "a.fcs")).event_stream().batches(0))


def test_a_view_outlives_its_reader(tmp_path: Path) -> None:
    batch = next(open_fcs(write_fcs(tmp_path / "a.fcs")).event_stream().batches(4))

    assert np.array_equal(batch, EVENTS)


def test_a_batch_that_is_held_keeps_its_values(tmp_path: Path) -> None:
    count = 3_000_000
    events = np.zeros((count, 3), dtype="<f4")
    events[:, 0] = np.arange(count)
    keywords = {"$TOT": str(count)}
    file = write_fcs(tmp_path / "a.fcs", events.tobytes(), keywords=keywords)

    held = list(open_fcs(file).event_stream().batches(1_000_000))

    assert np.array_equal(np.concatenate(held)[:, 0], events[:, 0])


def test_a_part_of_a_batch_that_is_held_keeps_its_values(tmp_path: Path) -> None:
    batches = open_fcs(write_fcs(tmp_path / "a.fcs")).event_stream().batches(1)
    firsts = [batch[0, :2] for batch in batches]

    assert np.array_equal(firsts, EVENTS[:, :2])


def test_room_that_nobody_holds_is_used_again(tmp_path: Path) -> None:
    batches = open_fcs(write_fcs(tmp_path / "a.fcs")).event_stream().batches(1)
    places = {next(batches).__array_interface__["data"][0] for _ in EVENTS}

    assert len(places) == 1


def test_saturation_is_the_top_of_the_converter_in_linear_units(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P2G": "2"}))

    assert fcs.saturation.tolist() == [262143.0, 131071.5, np.inf]


def test_a_value_at_the_top_is_saturated_on_every_scale(tmp_path: Path) -> None:
    for n, scale in enumerate(("0,0", "4,1", "4.0,0.1024", "4.5,1")):
        fcs = open_fcs(integer_file(tmp_path / f"{n}.fcs", scale=scale))
        saturated = fcs.read("linear")[:, 0] >= fcs.saturation[0]

        assert saturated.tolist() == [False, True, False, False]


def test_the_value_below_the_top_is_not_saturated(tmp_path: Path) -> None:
    fcs = open_fcs(integer_file(tmp_path / "a.fcs", limit="1025", scale="4,1"))

    assert not (fcs.read("linear")[:, 0] >= fcs.saturation[0]).any()


def test_a_float_channel_that_goes_beyond_its_range_has_no_known_maximum(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P2R": "1024", "$P1R": None}))

    assert fcs.saturation.tolist() == [np.inf, np.inf, np.inf]


def test_a_short_range_of_floats_is_a_scale_of_its_own(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P1R": "310"}))

    assert fcs.saturation[0] == 310.0
