"""The section on the background of healthy donors: limits, and who the donors are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chc_gating.counting.excess_extras import ExcessExtras
from chc_gating.counting.limit_calls import GroupJudgement, Judgement, LimitsKey
from chc_gating.model.limits import BackgroundExposure, Limits, LotLimits, PhenotypeBackground
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.calls import CALL_WORDS, describe_absence, format_p
from chc_gating.reporting.numerals import NONE, format_amount, format_count, format_volume
from chc_gating.reporting.sentences import describe_count


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


def view_background(group: GroupJudgement) -> BackgroundView:
    """Return the section of a draw's page on one panel, gates and lot."""
    heading = _describe_key(group.key)
    if group.limits is None:
        return BackgroundView(heading, (_start(describe_absence(group)),), (), (), (), "", ())
    view = view_limits(group.limits)
    sentences = view.sentences
    if group.reason is not None:
        sentences = (_start(describe_absence(group)), *view.sentences[1:])
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
            if background.phenotype in CANDIDATE_CLASSES
        ),
        exposure_words="blood examined" if exposure == "volume" else "nucleated cells",
        left_out=tuple((one.draw, one.reason) for one in limits.left_out),
    )


def count_without_limits(judged: Mapping[str, Mapping[LimitsKey, GroupJudgement]]) -> int:
    """Return how many measurements of patients have no limits file at all."""
    return sum(group.limits is None for groups in judged.values() for group in groups.values())


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
        if one.phenotype in CANDIDATE_CLASSES and one.lod_per_7_5_ml is not None
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
