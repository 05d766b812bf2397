"""The text of one cell to its value: what a spreadsheet program changed is refused."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

from chc_gating.batch.rows import Kind
from chc_gating.batch.settings import Settings
from chc_gating.model.record import ID_PATTERN

Value = str | float | datetime.date | datetime.datetime

_ID = re.compile(ID_PATTERN)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_ROUNDED = re.compile(r"\d([.,]\d+)?E[+-]?\d{2,}")
_GROUPED = re.compile(r"[+-]?\d{1,3}([ '.,\u2019]\d{3})+([.,]\d+)?")
_MONTH = "(jan|feb|mar|m\u00e4r|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z\u00e4]*"
_DATED = re.compile(
    rf"\d{{1,2}}[-./ ]+{_MONTH}([-./ ]+\d{{2,4}})?|{_MONTH}[-./ ]+\d{{2,4}}"
    r"|\d{1,2}[-./]\d{1,2}[-./](\d{2}|\d{4})|\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?",
    re.IGNORECASE,
)
_HARD_BLANK = re.compile("[\u00a0\u2007\u202f\u2009\u200b\u2060\ufeff]")
_BROKEN = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|#+)")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_ISO = "%Y-%m-%d"
_LEFT_ALONE = ("path", "text")


class CellError(ValueError):
    """What is wrong with a cell, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def parse_cell(text: str, kind: Kind, settings: Settings) -> Value:
    """Return the value of a filled cell; raise CellError for what does not fit its kind."""
    if text[0] == "#" and _BROKEN.match(text):
        raise CellError("a formula failed here", "correct the formula, or leave the cell blank")
    if not text.isascii() and kind not in _LEFT_ALONE and _HARD_BLANK.search(text):
        raise CellError("holds a non-breaking or invisible blank", "type the cell again by hand")
    return _PARSERS[kind](text, settings)


def _parse_id(text: str, _: Settings) -> str:
    if _ROUNDED.fullmatch(text):
        raise CellError(
            "a spreadsheet turned this id into a rounded number",
            "format the column as text and type the id again",
        )
    if _DATED.fullmatch(text):
        raise CellError(
            "a spreadsheet turned this id into a date",
            "format the column as text and type the id again; an id that looks like a date "
            "needs a letter before it",
        )
    if "/" in text or "\\" in text or ".." in text:
        raise CellError(
            "an id names files and folders of results and may not lead out of them",
            "use letters, digits, points, hyphens and underscores, and no two points in a row",
        )
    if not _ID.match(text):
        raise CellError(
            "is not an id",
            "begin with a letter or digit, then letters, digits, points, hyphens, underscores",
        )
    return text


def _parse_text(text: str, _: Settings) -> str:
    return text


def _parse_number(text: str, settings: Settings) -> float:
    decimal = settings.decimal
    other = "," if decimal == "." else "."
    if _ROUNDED.fullmatch(text):
        raise CellError(
            "a spreadsheet rounded this number",
            "format the column as a number with all its digits and save again",
        )
    plain = text if decimal == "." else text.replace(",", ".")
    if other not in text and _NUMBER.fullmatch(plain):
        return float(plain)
    raise _explain_number(text, decimal=decimal, other=other)


def _explain_number(text: str, *, decimal: str, other: str) -> CellError:
    if text.endswith("%"):
        return CellError("a percentage", f"write a share, such as 0{decimal}35 for 35 %")
    if other in text and _NUMBER.fullmatch(text.replace(other, ".")):
        word = "comma" if other == "," else "point"
        return CellError(
            f"a decimal {word}, or thousands set apart",
            f"write a decimal mark as {decimal!r} and no mark for thousands, "
            f"or declare settings.decimal: {other!r}",
        )
    if _GROUPED.fullmatch(text):
        return CellError("thousands are set apart", "write the digits without marks between them")
    if _DATED.fullmatch(text):
        return CellError(
            "a spreadsheet turned this number into a date",
            "format the column as a number and type it again",
        )
    return CellError("is not a number", "write a number without its unit; blank means not known")


def _parse_integer(text: str, settings: Settings) -> float:
    value = _parse_number(text, settings)
    if not value.is_integer():
        raise CellError("is not a whole number", "write a whole number")
    return int(value)


def _parse_date(text: str, settings: Settings) -> datetime.date:
    form = settings.date_format
    try:
        if form == _ISO:
            # fromisoformat also takes 20260131 and 2026-W05-6, which are not this format.
            if len(text) != 10 or text[4] != "-" or text[7] != "-":
                raise ValueError
            return datetime.date.fromisoformat(text)
        return datetime.datetime.strptime(text, form).date()
    except ValueError:
        raise CellError(
            f"is not a date as settings.date_format {form!r} declares it",
            f"write it like {datetime.date(2026, 1, 31).strftime(form)}, or declare how dates "
            "are written here",
        ) from None


def _parse_moment(text: str, settings: Settings) -> datetime.datetime:
    """Return a moment; a bare time stands on day 1 of year 1 until the row's day is known."""
    day, _, clock = text.replace("T", " ").rpartition(" ")
    match = _CLOCK.fullmatch(clock)
    date = _parse_date(day.strip(), settings) if day else datetime.date.min
    try:
        if match is None:
            raise ValueError
        hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime.datetime.combine(date, datetime.time(hour, minute, second))
    except ValueError:
        raise CellError("is not a time", "write HH:MM, or a date, a blank and HH:MM") from None


_PARSERS: dict[Kind, Callable[[str, Settings], Value]] = {
    "id": _parse_id,
    "text": _parse_text,
    "path": _parse_text,
    "choice": _parse_text,
    "number": _parse_number,
    "integer": _parse_integer,
    "date": _parse_date,
    "moment": _parse_moment,
}
