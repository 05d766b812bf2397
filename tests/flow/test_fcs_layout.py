"""How an event is stored: byte orders, widths, masks, types."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, describe_channels, float_bytes, write_fcs
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.errors import RawFileError
from chc_gating.flow.byte_order import parse_byte_order
from chc_gating.flow.fcs import open_fcs
from chc_gating.flow.repairs import RepairLog

INTEGERS = np.array([[0, 7, 1], [1023, 300, 2], [5, 1, 3], [512, 1000, 4]], dtype=np.int64)


def integer_keywords(widths: tuple[int, ...], *, limit: str = "1024") -> dict[str, str | None]:
    keywords: dict[str, str | None] = {"$DATATYPE": "I", **describe_channels(limit=limit)}
    for n, bits in enumerate(widths, start=1):
        keywords[f"$P{n}B"] = str(bits)
    return keywords


def integer_bytes(widths: tuple[int, ...], *, order: str = "little") -> bytes:
    return b"".join(
        int(value).to_bytes(bits // 8, order)  # type: ignore[arg-type]
        for event in INTEGERS
        for value, bits in zip(event, widths, strict=True)
    )


@pytest.mark.parametrize(
    ("order", "code"), [("1,2,3,4", "<f4"), ("4,3,2,1", ">f4"), ("1,2", "<f4"), ("2,1", ">f4")]
)
def test_floats_of_either_byte_order_are_read(tmp_path: Path, order: str, code: str) -> None:
    file = write_fcs(tmp_path / "a.fcs", float_bytes(code=code), keywords={"$BYTEORD": order})

    assert np.array_equal(open_fcs(file).read("stored"), EVENTS)


def test_the_order_3_4_1_2_is_that_of_a_pdp_11(tmp_path: Path) -> None:
    little = np.frombuffer(float_bytes(), dtype=np.uint8).reshape(-1, 4)
    file = write_fcs(
        tmp_path / "a.fcs", little[:, [2, 3, 0, 1]].tobytes(), keywords={"$BYTEORD": "3,4,1,2"}
    )

    assert np.array_equal(open_fcs(file).read("stored"), EVENTS)


def test_the_order_3_4_1_2_holds_within_the_half_words_of_short_integers() -> None:
    order = parse_byte_order("3,4,1,2", widths={2, 4}, repairs=RepairLog())

    assert order.little_positions(2) == (0, 1)
    assert order.little_positions(4) == (2, 3, 0, 1)


def test_a_mixed_order_for_doubles_is_refused() -> None:
    with pytest.raises(RawFileError, match="mixed"):
        parse_byte_order("3,4,1,2", widths={8}, repairs=RepairLog())


@pytest.mark.parametrize("text", [None, "", "1,1", "a,b", "0,1", "4,2", "1"])
def test_what_is_no_byte_order_is_refused(text: str | None) -> None:
    with pytest.raises(RawFileError, match=r"\$BYTEORD"):
        parse_byte_order(text, widths={4}, repairs=RepairLog())


def test_single_bytes_need_no_byte_order(tmp_path: Path) -> None:
    keywords = integer_keywords((8, 8, 8), limit="256") | {"$BYTEORD": None}
    data = bytes(range(12))
    file = write_fcs(tmp_path / "a.fcs", data, keywords=keywords)

    assert open_fcs(file).read("stored").tolist() == np.arange(12.0).reshape(4, 3).tolist()


def test_doubles_are_read(tmp_path: Path) -> None:
    events = EVENTS + 1e-9
    file = write_fcs(
        tmp_path / "a.fcs",
        float_bytes(events, code="<f8"),
        keywords={"$DATATYPE": "D", **describe_channels(bits=64)},
    )

    assert np.array_equal(open_fcs(file).read("stored"), events)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(
    "widths",
    [
        (16, 16, 16),
        (24, 24, 24),
        (32, 32, 32),
        (64, 64, 64),
        (16, 24, 32),
        (16, 64, 8),
        (40, 48, 56),
    ],
)
def test_integers_of_any_width_are_read(
    tmp_path: Path, widths: tuple[int, ...], order: str
) -> None:
    keywords = integer_keywords(widths)
    keywords["$BYTEORD"] = "1,2,3,4" if order == "little" else "4,3,2,1"
    file = write_fcs(tmp_path / "a.fcs", integer_bytes(widths, order=order), keywords=keywords)

    assert np.array_equal(open_fcs(file).read("stored"), INTEGERS)


def test_bits_above_the_range_are_masked(tmp_path: Path) -> None:
    stored = (INTEGERS | 0xA400).astype("<u2")
    file = write_fcs(tmp_path / "a.fcs", stored.tobytes(), keywords=integer_keywords((16, 16, 16)))

    assert np.array_equal(open_fcs(file).read("stored"), INTEGERS)


def test_a_range_that_is_no_power_of_two_masks_up_to_the_next(tmp_path: Path) -> None:
    # FCS 3.1, $PnR: 1000 needs ten bits.
    stored = (INTEGERS | 0x8000).astype("<u2")
    keywords = integer_keywords((16, 16, 16), limit="1000")
    file = write_fcs(tmp_path / "a.fcs", stored.tobytes(), keywords=keywords)

    assert np.array_equal(open_fcs(file).read("stored"), INTEGERS)


@pytest.mark.parametrize("limit", [None, "NA", "0", "", "4294967296"])
def test_without_a_usable_range_all_bits_are_data(tmp_path: Path, limit: str | None) -> None:
    stored = np.full((4, 3), 0xA401, dtype="<u2")
    keywords = integer_keywords((16, 16, 16)) | {f"$P{n}R": limit for n in (1, 2, 3)}
    file = write_fcs(tmp_path / "a.fcs", stored.tobytes(), keywords=keywords)

    assert (open_fcs(file).read("stored") == 0xA401).all()


def test_floats_above_the_range_are_kept(tmp_path: Path) -> None:
    file = write_fcs(tmp_path / "a.fcs", keywords={"$P2R": "1024"})

    assert open_fcs(file).read("stored").max() == 262143.0


def test_ten_bit_values_in_words_of_sixteen_are_read(tmp_path: Path) -> None:
    file = write_fcs(
        tmp_path / "a.fcs",
        INTEGERS.astype("<u2").tobytes(),
        keywords=integer_keywords((10, 10, 10)),
    )

    assert np.array_equal(open_fcs(file).read("stored"), INTEGERS)


def test_truly_packed_bits_are_refused(tmp_path: Path) -> None:
    packed = bytes(15)  # 4 events x 3 x 10 bits
    file = write_fcs(tmp_path / "a.fcs", packed, keywords=integer_keywords((10, 10, 10)))

    with pytest.raises(RawFileError):
        open_fcs(file)


def test_packed_bits_that_fill_whole_words_by_chance_are_refused(tmp_path: Path) -> None:
    keywords = integer_keywords((10, 10, 10)) | {"$TOT": "16"}
    file = write_fcs(tmp_path / "a.fcs", bytes(60), keywords=keywords)

    with pytest.raises(RawFileError, match="packed"):
        open_fcs(file)


def test_fcs_3_2_may_mix_types(tmp_path: Path) -> None:
    mixed = np.zeros(4, dtype=[("a", "<f4"), ("b", "<u4"), ("c", "<f4")])
    mixed["a"], mixed["b"], mixed["c"] = EVENTS[:, 0], [1, 2, 3, 4_000_000_000], EVENTS[:, 2]
    keywords = {"$P2DATATYPE": "I", "$P2R": "4294967296"}
    file = write_fcs(tmp_path / "a.fcs", mixed.tobytes(), keywords=keywords, version="3.2")

    stored = open_fcs(file).read("stored")

    assert stored[:, 1].tolist() == [1, 2, 3, 4_000_000_000]
    assert np.array_equal(stored[:, [0, 2]], EVENTS[:, [0, 2]])


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"$DATATYPE": "A"}, "ASCII"),
        ({"$DATATYPE": None}, "DATATYPE"),
        ({"$MODE": "C"}, "histograms"),
        ({"$PAR": None}, "PAR"),
        ({"$PAR": "0"}, "PAR"),
        ({"$PAR": "1000000000000"}, "1000000000000 parameters"),
        ({"$PAR": "4"}, r"\$P4B|P4"),
        ({"$P1B": "16"}, "16 bits"),
        ({"$DATATYPE": "I", "$P1B": "65"}, "1 to 64 bits"),
        ({"$DATATYPE": "I", "$P1E": "4,1", "$P1R": None}, "logarithmic"),
    ],
)
def test_what_describes_no_events_is_refused(
    tmp_path: Path, keywords: dict[str, str | None], words: str
) -> None:
    if keywords.get("$PAR") == "4":
        keywords = keywords | {"$DATATYPE": "I"}

    with pytest.raises(RawFileError, match=words):
        open_fcs(write_fcs(tmp_path / "a.fcs", keywords=keywords))


def test_equal_names_are_made_unique_and_noted(tmp_path: Path) -> None:
    names = {"$P1N": "PE-A", "$P3N": "PE-A"}
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords=names))

    assert fcs.channels == ("PE-A", "PE-A_2", "PE-A_3")
    assert "PE-A_2, PE-A_3: its $PnN stands twice; renamed" in fcs.repairs


def test_a_new_name_never_takes_one_that_is_written(tmp_path: Path) -> None:
    names = {"$P1N": "PE", "$P2N": "PE", "$P3N": "PE_2"}

    assert open_fcs(write_fcs(tmp_path / "a.fcs", keywords=names)).channels == (
        "PE",
        "PE_3",
        "PE_2",
    )


def test_a_channel_without_a_name_has_its_number(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P2N": None, "$P1S": "CD45"}))

    assert fcs.channels == ("FSC-A", "P2", "Time")
    assert fcs.markers == ("CD45", None, None)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20), st.integers(2, 2**32))
def test_masking_agrees_with_python_integers(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], limit: int
) -> None:
    keywords: dict[str, str | None] = {
        "$DATATYPE": "I",
        "$PAR": "1",
        "$TOT": str(len(values)),
        "$P1R": str(limit),
    }
    path = tmp_path_factory.mktemp("masks") / "a.fcs"
    fcs = open_fcs(write_fcs(path, np.array(values, "<u4").tobytes(), keywords=keywords))

    bits = (limit - 1).bit_length()
    assert fcs.read("stored")[:, 0].tolist() == [value % 2**bits for value in values]
