"""Where DATA lies, how many events it holds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, describe_channels, fcs_bytes, float_bytes, write_fcs

from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import open_fcs

DATA = float_bytes()
BEGIN = fcs_bytes().index(DATA)
END = BEGIN + len(DATA) - 1


def assert_reads_all(path: Path) -> tuple[str, ...]:
    fcs = open_fcs(path)
    assert np.array_equal(fcs.read("stored"), EVENTS)
    return fcs.repairs


@pytest.mark.parametrize("version", ["2.0", "3.0", "3.1", "3.2"])
def test_a_sound_file_of_any_version_needs_no_repair(tmp_path: Path, version: str) -> None:
    assert assert_reads_all(write_fcs(tmp_path / "a.fcs", version=version)) == ()


@pytest.mark.parametrize("version", ["1.0", "4.0", "   "])
def test_another_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(RawFileError, match="version"):
        open_fcs(write_fcs(tmp_path / "a.fcs", version=version))


@pytest.mark.parametrize("end", [0, -1, 99_999_999])
def test_a_header_without_an_end_leaves_it_to_text(tmp_path: Path, end: int) -> None:
    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", header_data=(BEGIN, end)))

    assert any("offsets of TEXT used" in line for line in repairs)


@pytest.mark.parametrize("header", [(0, 0), (0, -1), ("", ""), ("x", "y")])
def test_a_header_without_data_leaves_it_to_text(
    tmp_path: Path, header: tuple[object, object]
) -> None:
    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", header_data=header))

    assert repairs == ("HEADER gives no usable place of DATA; the offsets of TEXT used",)


@pytest.mark.parametrize("begin", [None, "0", "NA"])
def test_without_begindata_the_header_holds(tmp_path: Path, begin: str | None) -> None:
    file = write_fcs(tmp_path / "a.fcs", keywords={"$BEGINDATA": begin, "$ENDDATA": begin})

    assert assert_reads_all(file) == ("no usable $BEGINDATA; the offsets of HEADER used",)


def test_fcs_2_0_needs_no_begindata(tmp_path: Path) -> None:
    keywords = {"$BEGINDATA": None, "$ENDDATA": None}

    assert assert_reads_all(write_fcs(tmp_path / "a.fcs", version="2.0", keywords=keywords)) == ()


def test_an_end_of_both_that_is_one_too_far_is_repaired(tmp_path: Path) -> None:
    ends = (BEGIN, END + 1)
    file = write_fcs(tmp_path / "a.fcs", header_data=ends, text_data=ends)

    assert assert_reads_all(file) == ("the end of DATA is given one byte too far; ignored",)


def test_only_one_of_two_places_fits(tmp_path: Path) -> None:
    file = write_fcs(tmp_path / "a.fcs", header_data=(BEGIN + 12, END + 400))

    assert any("only these fit" in line for line in assert_reads_all(file))


@pytest.mark.parametrize("wrong", ["HEADER", "TEXT"])
def test_of_two_places_that_fit_the_one_after_text_is_taken(tmp_path: Path, wrong: str) -> None:
    shifted = (BEGIN + 1, END + 1)
    quirk = {"header_data": shifted} if wrong == "HEADER" else {"text_data": shifted}
    right = "TEXT" if wrong == "HEADER" else "HEADER"

    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", tail=b"\0" * 8, **quirk))

    assert any(f"the offsets of {right} used: both fit" in line for line in repairs)


def test_of_two_places_what_looks_like_events_wins_over_what_follows_text(tmp_path: Path) -> None:
    # 64 bytes of noise stand between TEXT and DATA; HEADER points at the noise.
    noise = np.random.default_rng(1).bytes(64)
    real = BEGIN + len(noise)
    file = write_fcs(
        tmp_path / "a.fcs",
        gap=noise,
        header_data=(BEGIN, END),
        text_data=(real, real + len(DATA) - 1),
    )

    assert any("offsets of TEXT used: both fit" in line for line in assert_reads_all(file))


def test_two_places_of_which_neither_fits_are_refused(tmp_path: Path) -> None:
    file = write_fcs(
        tmp_path / "a.fcs", header_data=(BEGIN + 12, END + 400), text_data=(BEGIN + 24, END + 300)
    )

    with pytest.raises(RawFileError, match="different places"):
        open_fcs(file)


def test_a_place_inside_text_is_none(tmp_path: Path) -> None:
    file = write_fcs(tmp_path / "a.fcs", header_data=(BEGIN - 30, END - 30))

    assert_reads_all(file)


@pytest.mark.parametrize("cut", [1, 12, len(DATA) - 1])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "a.fcs"
    file.write_bytes(fcs_bytes()[:-cut])

    with pytest.raises(RawFileError, match="cut short"):
        open_fcs(file)


@pytest.mark.parametrize("length", [0, 3, 30, 57, 58, 200])
def test_a_file_cut_in_header_or_text_is_refused(tmp_path: Path, length: int) -> None:
    file = tmp_path / "a.fcs"
    file.write_bytes(fcs_bytes()[:length])

    with pytest.raises(RawFileError):
        open_fcs(file)


def test_a_claim_of_a_million_million_events_is_refused_without_allocating(tmp_path: Path) -> None:
    keywords = {"$TOT": str(10**12)}
    begin = len(fcs_bytes(b"", keywords=keywords, text_data=(0, 12 * 10**12)))
    ends = (begin, begin + 12 * 10**12 - 1)
    file = write_fcs(tmp_path / "a.fcs", keywords=keywords, header_data=(0, 0), text_data=ends)

    with pytest.raises(RawFileError, match="cut short"):
        open_fcs(file)


def test_bytes_after_data_are_ignored(tmp_path: Path) -> None:
    assert assert_reads_all(write_fcs(tmp_path / "a.fcs", tail=b"12345678")) == ()


def test_without_tot_the_length_of_data_counts(tmp_path: Path) -> None:
    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", keywords={"$TOT": None}))

    assert repairs == ("no usable $TOT; events counted from the length of DATA",)


def test_without_tot_a_part_of_an_event_is_refused(tmp_path: Path) -> None:
    file = write_fcs(tmp_path / "a.fcs", DATA[:-4], keywords={"$TOT": None})

    with pytest.raises(RawFileError, match="whole number"):
        open_fcs(file)


def test_a_tot_of_zero_with_data_is_repaired(tmp_path: Path) -> None:
    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", keywords={"$TOT": "0"}))

    assert repairs == ("$TOT says 0 events, DATA holds 4; the latter taken",)


def test_a_tot_of_zero_without_a_place_of_data_is_refused(tmp_path: Path) -> None:
    file = write_fcs(
        tmp_path / "a.fcs", keywords={"$TOT": "0"}, header_data=(0, 0), text_data=(0, 0)
    )

    with pytest.raises(RawFileError, match="being written"):
        open_fcs(file)


@pytest.mark.parametrize("total", ["5", "9", "1000000000000"])
@pytest.mark.parametrize("tail", [b"", b"x" * 12])
def test_a_tot_that_is_too_large_is_refused(tmp_path: Path, total: str, tail: bytes) -> None:
    # Events are missing: to count the rest would understate the draw without a word.
    file = write_fcs(tmp_path / "a.fcs", keywords={"$TOT": total}, tail=tail)

    with pytest.raises(RawFileError, match="incomplete"):
        open_fcs(file)


def test_a_tot_that_is_too_large_is_refused_where_an_event_is_cut(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match="incomplete"):
        open_fcs(write_fcs(tmp_path / "a.fcs", DATA[:-6]))


def test_a_tot_that_is_too_small_is_repaired(tmp_path: Path) -> None:
    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", keywords={"$TOT": "3"}))

    assert repairs == ("$TOT says 3 events, DATA holds 4; the latter taken",)


def test_zeros_after_the_last_event_are_padding(tmp_path: Path) -> None:
    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", DATA + bytes(36)))

    assert repairs == ("36 bytes of DATA after the $TOT events left unread",)


def test_an_empty_tube_has_no_events(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", b"", keywords={"$TOT": "0"}))

    assert fcs.event_count == 0
    assert fcs.read().shape == (0, 3)
    assert list(fcs.event_stream().batches(10)) == []


def test_the_end_of_text_may_be_one_too_far(tmp_path: Path) -> None:
    assert_reads_all(write_fcs(tmp_path / "a.fcs", text_end_shift=1))


def test_the_end_of_text_may_be_one_too_early(tmp_path: Path) -> None:
    assert_reads_all(write_fcs(tmp_path / "a.fcs", text_end_shift=-1))


def test_data_beyond_two_gibibytes_are_read(tmp_path: Path) -> None:
    count = 2**31 // 12 + 3
    keywords = {"$TOT": str(count)}
    end = BEGIN + 12 * count - 1
    text = fcs_bytes(b"", keywords=keywords, header_data=(0, 0), text_data=(BEGIN, end))
    shift = len(text) - BEGIN
    text = fcs_bytes(
        b"", keywords=keywords, header_data=(0, 0), text_data=(BEGIN + shift, end + shift)
    )
    file = tmp_path / "large.fcs"
    with file.open("wb") as sparse:
        sparse.write(text)
        sparse.seek(end + shift + 1 - 12)
        sparse.write(DATA[:12])

    fcs = open_fcs(file)

    assert fcs.event_count == count
    assert fcs.repairs == ()
    assert fcs.event_stream().batches(count) is not None
    last = fcs._read(count - 1, 1).view("<f4")  # a batch would read two gigabytes of zeros
    assert last.tolist() == EVENTS[0].tolist()


def test_supplemental_text_adds_keywords_but_replaces_none(tmp_path: Path) -> None:
    supplement = b"|$P1S|CD45|$P2N|other|"
    begin = END + 1
    keywords = {"$BEGINSTEXT": f"{begin:>8}", "$ENDSTEXT": f"{begin + len(supplement) - 1:>8}"}
    shift = len(fcs_bytes(keywords=keywords)) - len(fcs_bytes())
    begin += shift
    keywords = {"$BEGINSTEXT": f"{begin:>8}", "$ENDSTEXT": f"{begin + len(supplement) - 1:>8}"}

    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords=keywords, tail=supplement))

    assert fcs.markers == ("CD45", None, None)
    assert fcs.channels[1] == "PE-A"


def test_a_supplemental_text_that_is_none_is_left_out_and_noted(tmp_path: Path) -> None:
    keywords = {"$BEGINSTEXT": "70", "$ENDSTEXT": "90"}

    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", keywords=keywords))

    assert any("supplemental TEXT" in line for line in repairs)


def test_further_data_sets_are_named_and_not_read(tmp_path: Path) -> None:
    step = len(fcs_bytes(keywords={"$NEXTDATA": "    1000"}))
    first = fcs_bytes(keywords={"$NEXTDATA": f"{step:>8}"})
    file = tmp_path / "a.fcs"
    file.write_bytes(first + first + fcs_bytes())

    repairs = assert_reads_all(file)

    assert [line.split(";")[0] for line in repairs] == [
        f"a further data set begins at byte {step}",
        f"a further data set begins at byte {2 * step}",
    ]


@pytest.mark.parametrize("step", ["99999", "5", "-40"])
def test_a_nextdata_that_points_nowhere_is_ignored_and_noted(tmp_path: Path, step: str) -> None:
    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", keywords={"$NEXTDATA": step}))

    assert repairs == ("$NEXTDATA points to no data set; ignored",)


def test_a_message_names_the_file_but_no_value_of_its_keywords(tmp_path: Path) -> None:
    for key in ("$TOT", "$PAR", "$DATATYPE", "$BYTEORD", "$P1B", "$P1R", "$P1E", "$MODE"):
        keywords = {key: "Erika Mustermann", "$SRC": "Erika Mustermann", "$P2B": "x"}
        file = write_fcs(tmp_path / "a.fcs", keywords=keywords | {"$DATATYPE": "I"})

        with pytest.raises(RawFileError) as caught:
            open_fcs(file)

        assert "a.fcs" in str(caught.value)
        assert "Mustermann" not in str(caught.value)


def test_repairs_hold_no_value_of_a_keyword(tmp_path: Path) -> None:
    person = "Erika Mustermann"
    keywords = dict.fromkeys(("$TOT", "$P1R", "$P1E", "$P1G", "$TIMESTEP", "$NEXTDATA"), person)

    repairs = assert_reads_all(write_fcs(tmp_path / "a.fcs", keywords={**keywords, "$SRC": person}))

    assert len(repairs) >= 5
    assert not any(person in line for line in repairs)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match="no such file"):
        open_fcs(tmp_path / "none.fcs")
    with pytest.raises(RawFileError, match="folder"):
        open_fcs(tmp_path)


def test_what_is_no_fcs_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.fcs"
    file.write_bytes(b"%PDF-1.7" + bytes(200))

    with pytest.raises(RawFileError, match="not an FCS file"):
        open_fcs(file)


def test_a_path_may_hold_blanks_and_any_letters(tmp_path: Path) -> None:
    assert assert_reads_all(write_fcs(tmp_path / "Röhrchen 1 (π).fcs")) == ()


def test_integers_packed_as_words_need_an_exact_length(tmp_path: Path) -> None:
    keywords = {"$DATATYPE": "I", **describe_channels(bits=12, limit="4096")}
    file = write_fcs(tmp_path / "a.fcs", bytes(25), keywords=keywords)

    assert open_fcs(file).event_count == 4
