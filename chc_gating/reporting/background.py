"""The background of healthy donors in words: calls, limits, who the donors are. No diagnosis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chc_gating.counting.excess_extras import ExcessExtras
from chc_gating.counting.limit_calls import GroupJudgement, Judgement, LimitsKey
from chc_gating.model.count import CountRow
from chc_gating.model.limits import BackgroundExposure, Limits, LotLimits, PhenotypeBackground
from chc_gating.reporting.numerals import NONE, format_amount, format_count, format_volume
from chc_gating.reporting.sentences import describe_count

CALL_WORDS = {
    "not_assessable": "not assessable",
    "not_detected": "none seen",
    "below_lob": "not above the limit of blank",
    "detected": "above the limit of blank",
    "quantifiable": "above the limit of blank, and enough to quantify",
}
_WHOLE_CLASSES = ("CHC", "CTC")
_NOT_KNOWN = "Part of this count may be background."
_SMALLEST_P = 1e-6


@dataclass(frozen=True)
class CallLine:
    """One phenotype's count beside its limits, as text."""

    phenotype: str
    count: str
    expected: str
    p: str
    lob: str
    lod: str
    loq: str
    call: str


@dataclass(frozen=True)
class ExtraLine:
    """One phenotype's excess over the donors by other methods, as text."""

    phenotype: str
    p: str
    li_ma: str
    profile: str
    feldman_cousins: str


@dataclass(frozen=True)
class LotLine:
    """One phenotype's background in one lot, as text."""

    lot: str
    phenotype: str
    donors: str
    events: str
    exposure: str
    alpha: str
    example: str
    lob: str
    without_one: str
    lod: str
    ep17: str


@dataclass(frozen=True)
class BackgroundView:
    """The section on one panel, gates and lot."""

    heading: str
    sentences: tuple[str, ...]
    calls: tuple[CallLine, ...]
    extras: tuple[ExtraLine, ...]
    lots: tuple[LotLine, ...]
    exposure_words: str
    left_out: tuple[tuple[str, str], ...]


def describe_calls(rows: Sequence[CountRow], group: GroupJudgement | None) -> tuple[str, ...]:
    """Return what the limits say of a draw's CHC and CTC, one sentence each.

    () where neither is counted, and for donors and spike draws, which are held to no limits.
    """
    whole = [row for row in rows if row.phenotype in _WHOLE_CLASSES]
    if not whole or whole[0].cohort != "patient":
        return ()
    if group is None or group.reason is not None:
        return (f"Background of healthy donors: {_describe_absence(group)}",)
    judged = [group.judgements[name] for name in _WHOLE_CLASSES if name in group.judgements]
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


def view_background(group: GroupJudgement) -> BackgroundView:
    """Return the section of a draw's page on one panel, gates and lot."""
    heading = _describe_key(group.key)
    if group.limits is None:
        return BackgroundView(heading, (_start(_describe_absence(group)),), (), (), (), "", ())
    view = view_limits(group.limits)
    sentences = view.sentences
    if group.reason is not None:
        sentences = (_start(_describe_absence(group)), *view.sentences[1:])
    judged = group.judgements.values()
    return BackgroundView(
        heading=heading,
        sentences=(*sentences, *_describe_lod(judged)),
        calls=tuple(_view_call(one) for one in judged),
        extras=tuple(
            _view_extra(one.phenotype, one.extras) for one in judged if one.extras is not None
        ),
        lots=view.lots,
        exposure_words=view.exposure_words,
        left_out=view.left_out,
    )


def view_limits(limits: Limits) -> BackgroundView:
    """Return the section of the batch's page on one panel, gates and lot."""
    exposure = limits.background_exposure
    return BackgroundView(
        heading=_describe_key((limits.panel, limits.gates, limits.lot)),
        sentences=(_describe_donors(limits), *(f"{_start(note)}." for note in limits.notes)),
        calls=(),
        extras=(),
        lots=tuple(
            _view_lot(lot, background, exposure)
            for lot in limits.used_lots
            for background in lot.phenotypes
            if background.phenotype in _WHOLE_CLASSES
        ),
        exposure_words="blood examined" if exposure == "volume" else "nucleated cells",
        left_out=tuple((one.draw, one.reason) for one in limits.left_out),
    )


def count_calls(rows: Iterable[CountRow]) -> list[tuple[str, str]]:
    """Return how many rows of CHC and of CTC have which call, in words; none without limits."""
    rows = [row for row in rows if row.lob_count is not None]
    found = []
    for name in _WHOLE_CLASSES:
        calls = Counter(str(row.call) for row in rows if row.phenotype == name)
        words = [f"{calls[call]} {text}" for call, text in CALL_WORDS.items() if calls[call]]
        if words:
            found.append((name, ", ".join(words)))
    return found


def count_without_limits(judged: Mapping[str, Mapping[LimitsKey, GroupJudgement]]) -> int:
    """Return how many measurements of patients have no limits file at all."""
    return sum(group.limits is None for groups in judged.values() for group in groups.values())


def _describe_absence(group: GroupJudgement | None) -> str:
    reason = "no limits were computed" if group is None or not group.reason else group.reason
    return f"not assessable ({reason}). {_NOT_KNOWN}"


def _describe_donors(limits: Limits) -> str:
    if limits.status == "not_assessable":
        return f"Not assessable: {limits.reason}. Part of each count may be background."
    basis = "blood examined (mL)" if limits.background_exposure == "volume" else "nucleated cells"
    numbers = ", ".join(
        f"{lot.donors} donors of {'the blank lot' if lot.lot is None else f'lot {lot.lot}'}"
        for lot in limits.used_lots
    )
    return f"From {numbers}, one draw each; background is taken as proportional to {basis}."


def _describe_lod(judged: Iterable[Judgement]) -> tuple[str, ...]:
    words = [
        f"{one.phenotype} {format_amount(one.lod_per_7_5_ml)}"
        for one in judged
        if one.phenotype in _WHOLE_CLASSES and one.lod_per_7_5_ml is not None
    ]
    if not words:
        return ()
    listed = ", ".join(words)
    return (f"Limit of detection per 7.5 mL, net of background, for this draw: {listed}.",)


def _view_call(one: Judgement) -> CallLine:
    return CallLine(
        phenotype=one.phenotype,
        count=describe_count(one.count),
        expected=format_amount(one.expected),
        p=format_p(one.p),
        lob=format_count(one.lob_count),
        lod=format_amount(one.lod_count),
        loq="no count" if one.loq_count is None else format_amount(one.loq_count),
        call=CALL_WORDS[one.call],
    )


def _view_extra(phenotype: str, extras: ExcessExtras) -> ExtraLine:
    return ExtraLine(
        phenotype=phenotype,
        p=format_p(extras.p),
        li_ma=f"{extras.li_ma:.2f}",
        profile=_format_interval(extras.profile),
        feldman_cousins=_format_interval(extras.feldman_cousins),
    )


def _format_interval(limits: tuple[float, float] | None) -> str:
    return NONE if limits is None else " to ".join(format_amount(limit) for limit in limits)


def _view_lot(
    lot: LotLimits, background: PhenotypeBackground, exposure: BackgroundExposure
) -> LotLine:
    ep17 = background.ep17.nonparametric_lob
    return LotLine(
        lot="blank" if lot.lot is None else lot.lot,
        phenotype=background.phenotype,
        donors=format_count(lot.donors),
        events=describe_count(background.events),
        exposure=_format_exposure(background.exposure, exposure),
        alpha=format_amount(background.alpha),
        example=_format_exposure(background.example_exposure, exposure),
        lob=f"{background.lob_count} ({background.lob_upper90_count})",
        without_one=_describe_range(background.lob_without_one_donor),
        lod=format_amount(background.lod_count),
        ep17=NONE if ep17 is None else format_amount(ep17),
    )


def _describe_range(ends: tuple[int, int] | None) -> str:
    if ends is None:
        return NONE
    low, high = ends
    return str(low) if low == high else f"{low} to {high}"


def _format_exposure(value: float, exposure: BackgroundExposure) -> str:
    return format_volume(value) if exposure == "volume" else format_count(value)


def _describe_key(key: LimitsKey) -> str:
    parts = zip(("panel", "gates", "lot"), key, strict=True)
    text = ", ".join(f"{word} {value}" for word, value in parts if value)
    return _start(text)


def _start(text: str) -> str:
    return text[:1].upper() + text[1:]
