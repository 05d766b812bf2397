"""What limits say of a count, in words: the call and its doubt. No diagnosis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from chc_gating.counting.limit_calls import GroupJudgement, Judgement
from chc_gating.model.count import CountRow
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.numerals import format_amount

CALL_WORDS = {
    "not_assessable": "not assessable",
    "not_detected": "none seen",
    "below_lob": "not above the limit of blank",
    "detected": "above the limit of blank",
    "quantifiable": "above the limit of blank, and enough to quantify",
}
_NOT_KNOWN = "Part of this count may be background."
_SMALLEST_P = 1e-6


def describe_calls(rows: Sequence[CountRow], group: GroupJudgement | None) -> tuple[str, ...]:
    """Return what the limits say of a draw's CHC and CTC, one sentence each.

    () where neither is counted, and for donors and spike draws, which are held to no limits.
    """
    whole = [row for row in rows if row.phenotype in CANDIDATE_CLASSES]
    if not whole or whole[0].cohort != "patient":
        return ()
    if group is None or group.reason is not None:
        return (f"Background of healthy donors: {describe_absence(group)}",)
    judged = [group.judgements[name] for name in CANDIDATE_CLASSES if name in group.judgements]
    return tuple(describe_judgement(one) for one in judged)


def describe_judgement(one: Judgement) -> str:
    """Return one phenotype's call with the background, the limit of blank and the donors."""
    upper = "" if one.lob_upper90_count is None else f" (90 % upper bound {one.lob_upper90_count})"
    start = {
        "not_detected": f"no {one.phenotype} was seen, and the limit of blank is",
        "below_lob": f"{one.count:,} is not above the limit of blank,",
    }.get(one.call, f"{one.count:,} is above the limit of blank,")
    enough = {
        "quantifiable": " It is enough to quantify.",
        "detected": " It is not enough to quantify.",
    }.get(one.call, "")
    return (
        f"{one.phenotype}: {start} {one.lob_count}{upper} events at this exposure; "
        f"in {one.donors} healthy donors background alone would give "
        f"{format_amount(one.expected)} (p {format_p(one.p)}).{enough}{_doubt(one)}"
    )


def _doubt(one: Judgement) -> str:
    upper = one.lob_upper90_count
    if upper is None or not one.lob_count < one.count <= upper:
        return ""
    return " It is not above the limit's own upper bound: more donors would tell."


def describe_call_briefly(row: CountRow) -> str:
    """Return a row's call for a cell of the batch's table; empty without limits."""
    if row.lob_count is None:
        return ""
    if row.call in ("not_detected", "below_lob"):
        return f"not above LoB {row.lob_count}"
    return f"above LoB {row.lob_count}"


def count_calls(rows: Iterable[CountRow]) -> list[tuple[str, str]]:
    """Return how many rows of CHC and of CTC have which call, in words; none without limits."""
    rows = [row for row in rows if row.lob_count is not None]
    found = []
    for name in CANDIDATE_CLASSES:
        calls = Counter(str(row.call) for row in rows if row.phenotype == name)
        words = [f"{calls[call]} {text}" for call, text in CALL_WORDS.items() if calls[call]]
        if words:
            found.append((name, ", ".join(words)))
    return found


def describe_absence(group: GroupJudgement | None) -> str:
    """Return why a draw is held to no limits, and what that leaves open."""
    reason = "no limits were computed" if group is None or not group.reason else group.reason
    return f"not assessable ({reason}). {_NOT_KNOWN}"


def format_p(p: float) -> str:
    """Return a p with two significant digits; a very small one as a bound.

    Examples
    --------
    >>> format_p(0.0727), format_p(0.000123), format_p(1e-9)
    ('0.073', '0.00012', 'below 0.000001')
    """
    if p < _SMALLEST_P:
        return "below 0.000001"
    return "1" if p >= 0.995 else format_amount(p)
