"""TEXT: delimiters, empty values, encodings, keys as they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.errors import RawFileError
from chc_gating.flow.repairs import RepairLog
from chc_gating.flow.text import parse_text


def parsed(text: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
    log = RepairLog()
    return parse_text(text, log), log.lines


def test_plain_pairs_need_no_repair() -> None:
    assert parsed(b"|$PAR|3|$TOT|50|") == ({"$PAR": "3", "$TOT": "50"}, ())


@pytest.mark.parametrize("delimiter", [b"*", b"^", b".", b"\\", b"\r", b"\x0c", b"/", b"!", b"\n"])
def test_any_character_may_be_the_delimiter(delimiter: bytes) -> None:
    text = b"|$PAR|3|$TOT|50|".replace(b"|", delimiter)

    assert parsed(text)[0] == {"$PAR": "3", "$TOT": "50"}


def test_a_doubled_delimiter_in_a_value_is_one_character() -> None:
    assert parsed(b"|$SMNO|a||b|$PAR|3|") == ({"$SMNO": "a|b", "$PAR": "3"}, ())


def test_a_value_may_end_with_an_escaped_delimiter() -> None:
    assert parsed(b"|K|a|||$PAR|3|")[0] == {"K": "a|", "$PAR": "3"}


def test_a_doubled_delimiter_after_a_key_is_an_empty_value() -> None:
    keywords, repairs = parsed(b"|ZZ||$PAR|3|")

    assert keywords == {"ZZ": "", "$PAR": "3"}
    assert repairs == ("1 keywords have an empty value; kept empty",)


def test_empty_and_escaped_values_may_stand_in_one_text() -> None:
    assert parsed(b"|A||B|x||y|C||D|1|")[0] == {"A": "", "B": "x|y", "C": "", "D": "1"}


def test_a_value_without_a_final_delimiter_is_kept_and_noted() -> None:
    keywords, repairs = parsed(b"|$PAR|3|$TOT|50")

    assert keywords == {"$PAR": "3", "$TOT": "50"}
    assert "does not end with its delimiter" in repairs[0]


def test_a_key_without_a_value_is_left_out_and_noted() -> None:
    keywords, repairs = parsed(b"|$PAR|3|$TOT")

    assert keywords == {"$PAR": "3"}
    assert "no value" in repairs[0]


def test_padding_after_the_last_delimiter_is_no_key() -> None:
    assert parsed(b"|$PAR|3|   \0\r\n") == ({"$PAR": "3"}, ())


def test_keys_are_upper_case_and_both_sides_are_trimmed() -> None:
    assert parsed(b"|  $par| 3 |$p1N|FSC-A|")[0] == {"$PAR": "3", "$P1N": "FSC-A"}


def test_a_dollar_in_a_value_stays() -> None:
    assert parsed(b"|K|a$b$|")[0] == {"K": "a$b$"}


def test_utf8_is_tried_before_latin1() -> None:
    assert parsed("|K|Zytokeratin µ|".encode()) == ({"K": "Zytokeratin µ"}, ())


def test_latin1_is_read_and_noted() -> None:
    keywords, repairs = parsed("|K|Zytokeratin µ|".encode("latin-1"))

    assert keywords == {"K": "Zytokeratin µ"}
    assert repairs == ("TEXT is not UTF-8; read as Latin-1",)


def test_of_a_key_that_stands_twice_the_first_value_is_kept_and_noted() -> None:
    keywords, repairs = parsed(b"|$TOT|5|$TOT|7|")

    assert keywords == {"$TOT": "5"}
    assert "twice" in repairs[0]


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(RawFileError, match="TEXT segment is empty"):
        parsed(b"")


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\t"), min_size=1).filter(
    lambda s: s == s.strip() and not s.startswith("|")
)
KEYS = st.from_regex(r"\A[$A-Z][A-Z0-9 ]{0,8}[A-Z0-9]\Z")


@given(st.dictionaries(KEYS, VALUES, min_size=1))
def test_escaping_and_parsing_gives_the_same_keywords_back(keywords: dict[str, str]) -> None:
    text = "|" + "".join(f"{k}|{v.replace('|', '||')}|" for k, v in keywords.items())

    assert parsed(text.encode())[0] == keywords


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_give_keywords(text: bytes) -> None:
    keywords, _ = parsed(text)

    assert all(key == key.strip().upper() for key in keywords)
