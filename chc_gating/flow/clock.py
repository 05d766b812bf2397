"""Clock times of an acquisition: $BTIM and $ETIM, or their successors of FCS 3.2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

_CLOCK = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:([.:])(\d{1,6}))?")
_DAY_S = 86_400.0
_TICKS_PER_S = 60
"""FCS 3.0 counts the part after a third colon in sixtieths of a second."""


def parse_clock_span(keywords: Mapping[str, str]) -> float | None:
    """Return seconds from the beginning to the end of the acquisition.

    None where a time is absent or unreadable and where the span is zero. An end before the
    beginning is on the next day, unless that makes more than half a day.
    """
    span = _span_of_dates(keywords)
    if span is None:
        begin, end = (_seconds(keywords.get(key)) for key in ("$BTIM", "$ETIM"))
        if begin is None or end is None:
            return None
        span = (end - begin) % _DAY_S
        if span > _DAY_S / 2:
            return None
    return span if span > 0 else None


def _seconds(text: str | None) -> float | None:
    match = _CLOCK.fullmatch((text or "").strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(part) for part in match.group(1, 2, 3))
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return hours * 3600 + minutes * 60 + seconds + _fraction(match[4], match[5])


def _fraction(separator: str | None, digits: str | None) -> float:
    if separator is None or digits is None:
        return 0.0
    # Two digits after a colon are sixtieths; CyFlow writes three, which are milliseconds.
    if separator == ":" and len(digits) <= 2:
        return int(digits) / _TICKS_PER_S
    return float(f"0.{digits}")


def _span_of_dates(keywords: Mapping[str, str]) -> float | None:
    try:
        begin = datetime.fromisoformat(keywords["$BEGINDATETIME"])
        end = datetime.fromisoformat(keywords["$ENDDATETIME"])
        return max((end - begin).total_seconds(), 0.0)
    except (KeyError, ValueError, TypeError):
        return None
