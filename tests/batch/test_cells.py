"""A cell is understood as its column means it; what a spreadsheet changed is refused."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.batch.cells import CellError, parse_cell
from chc_gating.batch.settings import Settings

PLAIN = Settings()
GERMAN = Settings(decimal=",", date_format="%d.%m.%Y")
NUMBERS = st.floats(0, 1e9, allow_nan=False).map(lambda x: round(x, 6))


@given(NUMBERS)
def test_a_decimal_comma_says_the_same_number_where_it_is_declared(value: float) -> None:
    text = f"{value:.6f}"
    assert parse_cell(text, "number", PLAIN) == float(text)
    assert parse_cell(text.replace(".", ","), "number", GERMAN) == float(text)


@given(st.integers(1, 10**9), st.sampled_from(".,"))
def test_the_other_decimal_mark_is_never_guessed(value: int, mark: str) -> None:
    settings = PLAIN if mark == "," else GERMAN
    with pytest.raises(CellError, match="thousands"):
        parse_cell(f"{value}{mark}5", "number", settings)


@pytest.mark.parametrize("text", ["1 234", "1'234", "1,234.5", "1,234,567", "1\u2019234"])
def test_marks_for_thousands_are_refused(text: str) -> None:
    with pytest.raises(CellError, match="thousands are set apart"):
        parse_cell(text, "number", PLAIN)


@pytest.mark.parametrize("kind", ["id", "number", "date", "choice"])
def test_non_breaking_blanks_are_refused(kind: str) -> None:
    with pytest.raises(CellError, match="non-breaking"):
        parse_cell("1\u00a0234", kind, PLAIN)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["text", "path"])
def test_texts_and_paths_may_hold_any_letters(kind: str) -> None:
    assert parse_cell("Röhre\u00a0n° 1", kind, PLAIN) == "Röhre\u00a0n° 1"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "2-Mar",
        "Mar-02",
        "02-Mrz-26".replace("Mrz", "Mar"),
        "01.02.2026",
        "1/2/26",
        "3. Okt 2026",
        "2026-03-02 00:00:00",
    ],
)
def test_an_id_that_became_a_date_is_refused(text: str) -> None:
    with pytest.raises(CellError, match="turned this id into a date"):
        parse_cell(text, "id", PLAIN)


@pytest.mark.parametrize("text", ["1E+05", "1.2E+11", "1,20E+11"])
def test_an_id_that_became_a_rounded_number_is_refused(text: str) -> None:
    with pytest.raises(CellError, match="rounded number"):
        parse_cell(text, "id", PLAIN)


@pytest.mark.parametrize("text", ["P01-T1", "007", "2026-03-02", "a.b_c-d", "1E5", "Mary", "decay"])
def test_ordinary_ids_are_kept_as_they_are(text: str) -> None:
    assert parse_cell(text, "id", PLAIN) == text


@pytest.mark.parametrize("text", ["../x", "a/b", "a..b", "a\\b"])
def test_an_id_may_not_lead_out_of_the_results(text: str) -> None:
    with pytest.raises(CellError, match="may not lead out"):
        parse_cell(text, "id", PLAIN)


@pytest.mark.parametrize("text", ["-x", ".x", "a b", "ä", "a:b"])
def test_an_id_has_letters_digits_points_hyphens_and_underscores(text: str) -> None:
    with pytest.raises(CellError, match="is not an id"):
        parse_cell(text, "id", PLAIN)


@pytest.mark.parametrize("text", ["#REF!", "#N/A", "#DIV/0!", "########"])
def test_a_formula_that_failed_is_refused_in_any_column(text: str) -> None:
    with pytest.raises(CellError, match="formula failed"):
        parse_cell(text, "text", PLAIN)


@given(st.dates(datetime.date(1000, 1, 1)))
def test_a_date_is_read_as_it_is_declared(day: datetime.date) -> None:
    assert parse_cell(day.isoformat(), "date", PLAIN) == day
    assert parse_cell(f"{day:%d.%m.}{day.year}", "date", GERMAN) == day


@pytest.mark.parametrize("text", ["31.01.2026", "1/31/2026", "20260131", "2026-W05-6", "46053"])
def test_a_date_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(CellError, match="is not a date as"):
        parse_cell(text, "date", PLAIN)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "7.5 mL", "NA", "1_000", "0x10", "٣"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(CellError):
        parse_cell(text, "number", PLAIN)


@pytest.mark.parametrize("text", ["35%", "35 %"])
def test_a_percentage_is_refused(text: str) -> None:
    with pytest.raises(CellError, match="percentage"):
        parse_cell(text, "number", PLAIN)


def test_a_count_is_a_whole_number() -> None:
    assert parse_cell("1000", "integer", PLAIN) == 1000
    with pytest.raises(CellError, match="whole"):
        parse_cell("2.5", "integer", PLAIN)


@pytest.mark.parametrize("text", ["25:00", "8h30", "08:30 Uhr"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CellError):
        parse_cell(text, "moment", PLAIN)
