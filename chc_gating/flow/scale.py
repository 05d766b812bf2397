"""Range, scale and gain of a parameter: $PnR, $PnE and $PnG."""

from __future__ import annotations

import math

from chc_gating.errors import RawFileError
from chc_gating.flow.numerals import parse_number
from chc_gating.flow.repairs import RepairLog

SMALLEST, LARGEST = 1e-12, 1e12
"""Factors outside are no scale of a detector or a clock, and would overflow."""

MOST_DECADES = 20.0


def parse_range(text: str | None, name: str, repairs: RepairLog) -> float | None:
    """Return $PnR, None where it is absent, no number, or leaves no room for data."""
    limit = parse_number(text)
    if limit is None or limit <= 1:
        repairs.note("no usable $PnR; its range is taken as not known", channel=name)
        return None
    if not (text or "").strip().isdecimal():
        repairs.note("$PnR is not written as a whole number; read as a number", channel=name)
    return limit


def find_mask(limit: float | None, bits: int, name: str, repairs: RepairLog) -> int | None:
    """Return the bits of an integer that are data: up to the next power of two of $PnR.

    FCS 3.1, $PnR: higher bits are to be ignored by a bit mask (10-bit values of range 1024 in
    words of 16 bits). None where all bits are data.
    """
    if bits > 53 and (limit is None or limit > 2.0**53):
        repairs.note("integers above 2^53 are rounded to the nearest double", channel=name)
    if limit is None or limit >= 2.0**bits:
        return None if bits % 8 == 0 else (1 << bits) - 1
    return (1 << (math.ceil(limit) - 1).bit_length()) - 1


def parse_amplification(
    text: str | None, data_type: str, name: str, repairs: RepairLog
) -> tuple[float, float]:
    """Return decades and the linear value of 0 ($PnE); (0, 0) is a linear scale."""
    if text is None:
        repairs.note("no $PnE; taken as linear", channel=name)
        return 0.0, 0.0
    numbers = [parse_number(part) for part in text.split(",")]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        repairs.note("$PnE is not a pair of numbers; taken as linear", channel=name)
        return 0.0, 0.0
    decades, log_zero = numbers[0], numbers[1]
    if decades <= 0:
        return 0.0, 0.0
    if data_type != "I":
        # The standard allows no log scale for floats; files that have it hold linear values.
        repairs.note("$PnE says logarithmic, but floats are linear; not applied", channel=name)
        return 0.0, 0.0
    if decades > MOST_DECADES or log_zero > LARGEST:
        raise RawFileError(f"channel {name}: $PnE gives no scale that a detector has")
    if log_zero < SMALLEST:
        repairs.note("$PnE gives no value for 0; taken as 1, as the standard says", channel=name)
        log_zero = 1.0
    return decades, log_zero


def parse_gain(text: str | None, decades: float, name: str, repairs: RepairLog) -> float:
    """Return $PnG; 1 where it is absent, not positive, or beside a logarithmic scale."""
    if text is None:
        return 1.0
    gain = parse_number(text)
    if gain is None or not SMALLEST <= gain <= LARGEST:
        repairs.note("$PnG is not a usable positive number; taken as 1", channel=name)
        return 1.0
    if decades > 0 and gain != 1:
        repairs.note("$PnG beside a logarithmic $PnE; not applied", channel=name)
        return 1.0
    return gain
