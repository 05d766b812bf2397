"""Numbers as FCS files write them: padded with blanks, sometimes not numbers at all."""

from __future__ import annotations

import math
import re

# Longer digit strings are no offset or count of any file, and Python refuses to convert
# strings of thousands of digits.
_INTEGER = re.compile(r"[+-]?0{0,60}[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?")


def parse_integer(text: str | None) -> int | None:
    """Return a whole number, or None where the text is absent, blank or anything else.

    >>> parse_integer(" 00941 "), parse_integer("NA"), parse_integer(None)
    (941, None, None)
    """
    text = (text or "").strip()
    return int(text) if _INTEGER.fullmatch(text) else None


def parse_number(text: str | None) -> float | None:
    """Return a finite number, or None where the text is absent, blank or anything else.

    >>> parse_number("  4194304"), parse_number("1e3"), parse_number("xx"), parse_number("1e999")
    (4194304.0, 1000.0, None, None)
    """
    text = (text or "").strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
