"""Leukocytes per uL that the exposure implies, beside the blood count's."""

from __future__ import annotations

from collections.abc import Sequence

from chc_gating.model.count import CountRow, ExpectedWbc
from chc_gating.reporting.numerals import format_rounded

WITHOUT_RECOVERY = (
    "Recovery is not in the implied number; it is in the numbers per 7.5 mL where it is known."
)


def describe_wbc(rows: Sequence[CountRow], expected: ExpectedWbc | None) -> str:
    """Return the leukocytes per uL that the exposure implies, beside the blood count's.

    Whether the two differ is the rows' flag ``implied_wbc_differs``; it is not judged again.
    """
    implied = find_implied(rows)
    if implied is None:
        by_cbc = any(r.exposure_source == "nucleated_cells" for r in rows)
        return "No implied count: the exposure itself comes from the blood count." if by_cbc else ""
    said = f"The leukocytes counted imply {format_rounded(implied)} per uL of blood"
    if expected is None or expected.per_ul is None:
        return f"{said}. {_explain_missing_wbc(expected)} {WITHOUT_RECOVERY}"
    text = f"{said}; the blood count says {format_rounded(expected.per_ul)} ({expected.cells})"
    return f"{text}: {describe_factor(implied, expected.per_ul)}. {WITHOUT_RECOVERY}"


def find_implied(rows: Sequence[CountRow]) -> float | None:
    """Return the implied leukocytes per uL of a group's rows."""
    return next((r.implied_wbc_per_ul for r in rows if r.implied_wbc_per_ul is not None), None)


def describe_factor(value: float, expected: float) -> str:
    """Return how many times less or more a value is than expected.

    Examples
    --------
    >>> describe_factor(44, 6400), describe_factor(15500, 6200), describe_factor(0, 6200)
    ('145-fold less', '2.5-fold more', 'none at all')
    """
    if value == expected:
        return "the same"
    if value == 0:
        return "none at all"
    fold = max(value / expected, expected / value)
    return f"{format_rounded(fold)}-fold {'less' if value < expected else 'more'}"


def _explain_missing_wbc(expected: ExpectedWbc | None) -> str:
    if expected is None or "wbc_per_ul" in expected.blanks:
        return "The sheet gives no blood count to hold beside it."
    blanks = " and ".join(expected.blanks)
    return f"It cannot be held beside the blood count: {blanks} is blank in the draws sheet."
