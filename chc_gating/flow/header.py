"""The HEADER segment of an FCS file: its version and where TEXT and DATA lie."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.errors import RawFileError
from chc_gating.flow.numerals import parse_integer

HEADER_BYTES = 58
"""Six bytes of version, four blanks, six offsets of eight characters."""

MAGIC = b"FCS"
_VERSIONS = ("2.0", "3.0", "3.1", "3.2")


@dataclass(frozen=True)
class Header:
    """Version and offsets, counted from the first byte of the data set, both ends included.

    ``data_begin`` and ``data_end`` are None where the header leaves them blank or unreadable;
    a file over 99,999,999 bytes says 0 there and puts the offsets into TEXT.
    """

    version: str
    text_begin: int
    text_end: int
    data_begin: int | None
    data_end: int | None


def parse_header(data: bytes) -> Header:
    """Return the header that the first bytes of a data set hold.

    Offsets may be padded with blanks or zeros on either side.
    Raises RawFileError where the bytes are no FCS header of version 2.0, 3.0, 3.1 or 3.2.
    """
    if data[:3] != MAGIC:
        raise RawFileError("is not an FCS file: it does not begin with FCS")
    version = data[3:6].decode("latin-1")
    if version not in _VERSIONS:
        raise RawFileError(
            f"is of an FCS version that is not read; {', '.join(_VERSIONS)} are: export it again"
        )
    if len(data) < HEADER_BYTES:
        raise RawFileError(
            f"is cut short: {len(data)} bytes, less than an FCS header; copy it again"
        )
    text_begin, text_end, data_begin, data_end = (_offset(data, i) for i in range(4))
    if text_begin is None or text_end is None or not HEADER_BYTES <= text_begin <= text_end:
        raise RawFileError("its FCS header does not say where the TEXT segment lies")
    return Header(version, text_begin, text_end, data_begin, data_end)


def _offset(data: bytes, index: int) -> int | None:
    start = 10 + 8 * index
    return parse_integer(data[start : start + 8].decode("latin-1"))
