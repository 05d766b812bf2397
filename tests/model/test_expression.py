"""The grammar of marker rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.model.expression import (
    FALSE,
    MAX_DEPTH,
    TRUE,
    UNKNOWN,
    ExpressionError,
    parse_expression,
)


def value(text: str, **truth: int) -> int:
    return int(
        parse_expression(text).evaluate({k: np.array(v, dtype=np.int8) for k, v in truth.items()})
    )


def test_or_binds_weaker_than_and_which_binds_weaker_than_not() -> None:
    text = "not A+ and B+ or C+"
    assert value(text, A=TRUE, B=TRUE, C=TRUE) == TRUE
    assert value(text, A=TRUE, B=TRUE, C=FALSE) == FALSE
    assert value(text, A=FALSE, B=TRUE, C=FALSE) == TRUE
    assert value(text, A=FALSE, B=FALSE, C=FALSE) == FALSE


def test_brackets_bind_first() -> None:
    assert value("A+ and (B+ or C+)", A=FALSE, B=FALSE, C=TRUE) == FALSE
    assert value("A+ and B+ or C+", A=FALSE, B=FALSE, C=TRUE) == TRUE


# Kleene 1952, strong tables: unknown yields to whatever decides alone
@pytest.mark.parametrize(
    ("text", "a", "b", "expected"),
    [
        ("A+ and B+", UNKNOWN, FALSE, FALSE),
        ("A+ and B+", UNKNOWN, TRUE, UNKNOWN),
        ("A+ or B+", UNKNOWN, TRUE, TRUE),
        ("A+ or B+", UNKNOWN, FALSE, UNKNOWN),
        ("not A+ and B+", UNKNOWN, TRUE, UNKNOWN),
        ("A- and B+", UNKNOWN, TRUE, UNKNOWN),
        ("A- and B+", FALSE, TRUE, TRUE),
    ],
)
def test_unknown_follows_kleene(text: str, a: int, b: int, expected: int) -> None:
    assert value(text, A=a, B=b) == expected


def test_markers_stand_in_the_order_of_their_first_appearance() -> None:
    assert parse_expression("CK+ and (CD45- or CK-) and not VIA+").markers == ("CK", "CD45", "VIA")


def test_blanks_do_not_matter() -> None:
    assert parse_expression(" CD45+and( CK- )\n").root == parse_expression("CD45+ and CK-").root


@pytest.mark.parametrize(
    ("text", "position", "part"),
    [
        ("", 1, "ends where a marker"),
        ("CD45", 5, "+ or - after marker CD45"),
        ("CD45+ CK+", 7, "'and', 'or' or the end"),
        ("CD45+ and", 10, "ends where a marker"),
        ("CD45+ AND CK+", 7, "key words are lower case"),
        ("(CD45+", 7, "')'"),
        ("CD45+)", 6, "'and', 'or' or the end"),
        ("CD45+ and ()", 12, "a marker with + or -"),
        ("CD45+ & CK+", 7, "'&' has no meaning"),
        ("and+", 1, "a marker with + or -"),
        ("__import__('os')", 1, "'_' has no meaning"),
        ("CD45++", 6, "'and', 'or' or the end"),
        ("5CD+", 1, "'5' has no meaning"),
    ],
)
def test_syntax_error_names_the_character_and_what_is_expected(
    text: str, position: int, part: str
) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_expression(text)
    assert error.value.position == position
    assert part in str(error.value)


def test_nesting_is_limited_instead_of_overflowing_the_stack() -> None:
    deep = MAX_DEPTH + 1
    with pytest.raises(ExpressionError, match="nested"):
        parse_expression("(" * deep + "A+" + ")" * deep)
    with pytest.raises(ExpressionError, match="nested"):
        parse_expression("not " * deep + "A+")
    assert parse_expression("(" * MAX_DEPTH + "A+" + ")" * MAX_DEPTH).markers == ("A",)


@given(st.text(alphabet="AB+-() andort", max_size=30))
def test_any_text_is_parsed_or_refused_with_a_position_inside_it(text: str) -> None:
    position = 1
    try:
        parse_expression(text)
    except ExpressionError as error:
        position = error.position
    assert 1 <= position <= len(text) + 1
