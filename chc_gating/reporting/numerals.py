"""Numbers as a page prints them: enough digits to judge, no more than were measured."""

from __future__ import annotations

import math

NONE = "\N{EN DASH}"
"""What a table cell shows where nothing is known; never a zero."""


def format_amount(value: float | None) -> str:
    """Return a rate or an amount: whole from 100 on, one decimal from 1 on, else two digits.

    None, not known, is a dash. An amount below 0.01 keeps two significant digits too.

    Examples
    --------
    >>> format_amount(2827.2), format_amount(17.673), format_amount(0.0124)
    ('2,827', '17.7', '0.012')
    """
    if value is None:
        return NONE
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 99.95:
        return f"{value:,.0f}"
    if size >= 0.995:
        return f"{value:.1f}"
    return f"{value:.{1 - math.floor(math.log10(size))}f}"


def format_rounded(value: float) -> str:
    """Return a number that is known roughly: whole from 10 on, two significant digits below.

    Examples
    --------
    >>> format_rounded(6400.0), format_rounded(43.6), format_rounded(3.44), format_rounded(0.0441)
    ('6,400', '44', '3.4', '0.044')
    """
    if value == 0 or abs(value) >= 9.95:
        return f"{value:,.0f}"
    return f"{value:.{1 - math.floor(math.log10(abs(value)) + 1e-9)}f}"


def format_volume(volume_ml: float | None) -> str:
    """Return a volume with three significant digits and its unit.

    Examples
    --------
    >>> format_volume(5.0925), format_volume(0.02122)
    ('5.09 mL', '0.0212 mL')
    """
    if volume_ml is None:
        return NONE
    if volume_ml == 0:
        return "0 mL"
    decimals = max(0, 2 - math.floor(math.log10(abs(volume_ml))))
    return f"{volume_ml:.{decimals}f} mL"


def format_count(value: float | None) -> str:
    """Return a count with thousands separated; None, not known, is a dash."""
    return NONE if value is None else f"{value:,.0f}"


def format_known(value: int | None) -> str:
    """Return a number of events, or that it is not known."""
    return "not known" if value is None else format_count(value)


def format_percent(value: float | None) -> str:
    """Return a percentage; a small one keeps two significant digits, so it never reads 0.

    Examples
    --------
    >>> format_percent(43.21), format_percent(0.00123), format_percent(0.0)
    ('43.2 %', '0.0012 %', '0 %')
    """
    if value is None:
        return NONE
    if value == 0:
        return "0 %"
    decimals = 1 if abs(value) >= 0.995 else 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{decimals}f} %"


def format_size(size_bytes: int | None) -> str:
    """Return a file's size in decimal units."""
    if size_bytes is None:
        return NONE
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
