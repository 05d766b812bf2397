"""The TEXT segment of an FCS file: keywords and values between delimiters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chc_gating.errors import RawFileError
from chc_gating.flow.repairs import RepairLog

_PADDING = " \t\r\n\0"
_MOST_BYTES = 99_999_999
"""What HEADER's eight digits can say of TEXT; a supplement that claims more is none."""
_MOST_KEYWORDS = 200_000
"""Files of 10,000 parameters have a tenth; a keyword takes many times its bytes in memory."""


def parse_text(segment: bytes, repairs: RepairLog) -> dict[str, str]:
    """Return keywords in upper case with their values, both without surrounding blanks.

    The first byte is the delimiter. A doubled delimiter inside a value is one character of it;
    right after a keyword it is an empty value, which the standard forbids and many files have.
    Of a keyword that stands twice with different values the first is kept.
    """
    if not segment:
        raise RawFileError("its TEXT segment is empty")
    if len(segment) > _MOST_BYTES:
        raise RawFileError(f"its TEXT claims {len(segment)} bytes, more than FCS allows")
    text = _decode(segment, repairs)
    keywords: dict[str, str] = {}
    twice = 0
    for key, value in _split_pairs(text, repairs):
        known = keywords.setdefault(key.strip().upper(), value.strip(_PADDING))
        twice += known != value.strip(_PADDING)
        if len(keywords) > _MOST_KEYWORDS:
            raise RawFileError(
                f"its TEXT holds more than {_MOST_KEYWORDS} keywords: it is damaged; copy it again"
            )
    if twice:
        repairs.note(f"{twice} keywords stand in TEXT twice with different values; the first kept")
    return keywords


def _decode(segment: bytes, repairs: RepairLog) -> str:
    try:
        return segment.decode("utf-8")
    except UnicodeDecodeError:
        repairs.note("TEXT is not UTF-8; read as Latin-1")
        return segment.decode("latin-1")


def _split_pairs(text: str, repairs: RepairLog) -> Iterator[tuple[str, str]]:
    """Yield keyword and value as written.

    A run of delimiters is read by its length and by what it ends. After a keyword: 1 ends it, 2
    are an empty value, more are a value that begins with escaped delimiters. In a value every two
    are an escaped one, and an odd one ends the value.
    """
    delimiter = text[0]
    key: str | None = None
    value = ""
    empty = 0
    end = 1
    for run in re.finditer(re.escape(delimiter) + "+", text[1:]):
        piece, end, length = text[end : run.start() + 1], run.end() + 1, run.end() - run.start()
        if key is None:
            if not piece.strip(_PADDING):
                continue
            if length == 2:
                empty += 1
                yield piece, ""
                continue
            key, value, length = piece, "", length - 1
            if length == 0:
                continue
            # What is left begins the value: pairs are escapes, an odd one would end it.
        else:
            value += piece
        value += delimiter * (length // 2)
        if length % 2:
            yield key, value
            key = None
    if empty:
        repairs.note(f"{empty} keywords have an empty value; kept empty")
    yield from _last_pair(key, value, text[end:], repairs)


def _last_pair(
    key: str | None, value: str, rest: str, repairs: RepairLog
) -> Iterator[tuple[str, str]]:
    if key is not None and (value + rest).strip(_PADDING):
        repairs.note("TEXT does not end with its delimiter; its last value taken as complete")
        yield key, value + rest
    elif key is not None or rest.strip(_PADDING):
        repairs.note("TEXT ends with a keyword that has no value; left out")
