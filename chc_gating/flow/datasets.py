"""Further data sets of one file: named, so that nobody takes the first for all."""

from __future__ import annotations

from collections.abc import Mapping

from chc_gating.errors import RawFileError
from chc_gating.flow.file_bytes import FileBytes
from chc_gating.flow.header import HEADER_BYTES, MAGIC, parse_header
from chc_gating.flow.numerals import parse_integer
from chc_gating.flow.repairs import RepairLog
from chc_gating.flow.text import parse_text

_MOST = 100
"""Data sets that are followed; real files hold two."""


def note_further_sets(raw: FileBytes, keywords: Mapping[str, str], repairs: RepairLog) -> None:
    """Follow $NEXTDATA from the first data set and note every further one by its first byte."""
    begin = 0
    for _ in range(_MOST):
        step = parse_integer(keywords.get("$NEXTDATA"))
        if not step:
            return
        begin += step
        if step < HEADER_BYTES or raw[begin : begin + 3].tobytes() != MAGIC:
            repairs.note("$NEXTDATA points to no data set; ignored")
            return
        repairs.note(
            f"a further data set begins at byte {begin}; it is not read, only the first is"
        )
        keywords = _keywords_at(raw, begin)


def _keywords_at(raw: FileBytes, begin: int) -> Mapping[str, str]:
    try:
        header = parse_header(raw[begin : begin + HEADER_BYTES].tobytes())
        segment = raw[begin + header.text_begin : begin + header.text_end + 1].tobytes()
        return parse_text(segment, RepairLog())
    except RawFileError:
        return {}
