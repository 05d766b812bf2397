"""The sections Groups, CHC against CTC, and Agreement of the batch page, from cohort.json."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.model.cohort import (
    Agreement,
    AgreementPair,
    ChcToCtc,
    CohortResult,
    GroupComparison,
    LevelRate,
    Permutation,
)
from chc_gating.reporting.numerals import format_amount, format_count, format_volume

KIND_WORDS = {
    "modality": "Flow against slide",
    "operator": "Operators",
    "replicate": "Replicates",
}
OPEN = "no limit"
"""What stands for a side of an interval that the data leave open."""

ZERO_UPPER = 2.995732
"""One-sided 95 % upper limit of the expected count where none was found (Garwood)."""


@dataclass(frozen=True)
class SectionTable:
    """A table of text: heading, columns, rows, and sentences below it."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class CohortSections:
    """All that the batch page shows of cohort.json."""

    groups: tuple[SectionTable, ...]
    ratios: tuple[SectionTable, ...]
    agreement: tuple[SectionTable, ...]
    notes: tuple[str, ...]


def build_cohort_sections(result: CohortResult) -> CohortSections:
    """Return the sections as text; a zero has its upper bound, and a p no star."""
    return CohortSections(
        groups=tuple(describe_groups(one) for one in result.comparisons),
        ratios=tuple(describe_chc_to_ctc(one) for one in result.chc_to_ctc),
        agreement=tuple(describe_agreement(one) for one in result.agreement),
        notes=result.notes,
    )


def describe_groups(one: GroupComparison) -> SectionTable:
    """Return a comparison's table: one row a group."""
    scope = one.scope
    heading = f"{scope.phenotype} by {one.field}: {_modality(scope.modality)}, panel {scope.panel}"
    if one.reason is not None:
        text = f"Not compared: {one.reason}."
        return SectionTable(f"{heading}, gates {scope.gates}", (), (), (text,))
    contrasts = {c.level: c for c in one.contrasts}
    rows = []
    for level in one.levels:
        contrast = contrasts.get(level.level)
        ratio = area = "reference"
        if contrast is not None:
            ratio = format_ratio(contrast.ratio, contrast.ratio_low, contrast.ratio_high)
            area = f"{contrast.auc:.2f} ({contrast.auc_low:.2f} to {contrast.auc_high:.2f})"
        rows.append(
            (
                level.level,
                format_count(level.draws),
                f"{format_found(level.count)} in {format_volume(level.volume_ml)}",
                format_level(level),
                ratio,
                area,
            )
        )
    return SectionTable(
        f"{heading}, gates {scope.gates}",
        ("group", "patients", "counted", "per 7.5 mL", "ratio of rates", "ROC area"),
        tuple(rows),
        tuple(_describe_comparison(one)),
    )


def _describe_comparison(one: GroupComparison) -> list[str]:
    words = "with" if one.recovery_included else "without"
    sentences = [f"Per 7.5 mL {words} recovery, for all groups alike."]
    if one.alpha is not None:
        sentences.append(f"Differences between patients beyond counting: alpha {one.alpha:.2f}.")
    if one.permutation is not None:
        sentences.append(f"All groups alike: {format_permutation(one.permutation)}.")
    if one.trend is not None:
        trend = one.trend
        ratio = format_ratio(trend.ratio_per_step, trend.low, trend.high)
        tested = "" if trend.permutation is None else f"; {format_permutation(trend.permutation)}"
        sentences.append(f"From one stage to the next the rate changes by {ratio} fold{tested}.")
    return [*sentences, *(_sentence(note) for note in one.notes)]


def describe_chc_to_ctc(one: ChcToCtc) -> SectionTable:
    """Return the table of CHC over CTC: one row a draw."""
    rows = tuple(
        (
            d.draw,
            d.patient,
            format_found(d.chc),
            format_found(d.ctc),
            format_ratio(d.ratio, d.low, d.high),
        )
        for d in one.draws
    )
    draws = len(one.draws)
    sentences = [
        f"Ten CHC or more for every CTC in {one.ten_or_more} of {draws} draws; the whole interval "
        f"is at 10 or above in {one.surely_ten_or_more} and below 10 in {one.surely_below_ten}; "
        f"{one.without_cells} have neither and say nothing.",
        f"First draws of {one.patients} patients: {format_found(one.chc)} CHC and "
        f"{format_found(one.ctc)} CTC, ratio "
        f"{format_ratio(one.ratio, one.low, one.high)}.",
        *(_sentence(note) for note in one.notes),
    ]
    return SectionTable(
        f"{_modality(one.modality)}, panel {one.panel}, gates {one.gates}",
        ("draw", "patient", "CHC", "CTC", "CHC over CTC"),
        rows,
        tuple(sentences),
    )


def describe_agreement(one: Agreement) -> SectionTable:
    """Return the table of pairs of one kind and scope."""
    return SectionTable(
        f"{KIND_WORDS[one.kind]}, {one.phenotype}: {one.first} against {one.second}",
        ("draw", "patient", "first", "second", "ratio of rates"),
        tuple(_describe_pair(pair) for pair in one.pairs),
        tuple(_describe_summary(one)),
    )


def _describe_pair(pair: AgreementPair) -> tuple[str, ...]:
    sides = tuple(
        f"{format_found(side.count)} in {format_volume(side.volume_ml)}"
        for side in (pair.first, pair.second)
    )
    return (pair.draw, pair.patient, *sides, format_ratio(pair.ratio, pair.low, pair.high))


def _describe_summary(one: Agreement) -> list[str]:
    sentences = []
    if one.common_ratio is not None and one.over_dispersion is not None:
        sentences.append(
            f"Common ratio {format_ratio(one.common_ratio, one.common_low, one.common_high)} over "
            f"the first pairs of {one.patients} patients; pairs scatter {one.over_dispersion:.1f} "
            "times as much as counting error (variance)."
        )
    if one.mean_difference is not None:
        sentences.append(
            "Bland-Altman, first less second, on square roots of the rates per 7.5 mL: mean "
            f"{_signed(one.mean_difference)} ({_signed(one.mean_low)} to {_signed(one.mean_high)})"
            f", limits of agreement {_signed(one.limit_low)} to {_signed(one.limit_high)} "
            f"(their own intervals reach {_signed(one.limit_low_outer)} and "
            f"{_signed(one.limit_high_outer)})."
        )
    return [*sentences, *(_sentence(note) for note in one.notes)]


def format_level(level: LevelRate) -> str:
    """Return a group's rate with its interval; a zero with its one-sided bound."""
    if level.count == 0:
        return f"0, at most {format_amount(level.upper95_per_7_5_ml)}"
    low, high = level.low_per_7_5_ml, level.high_per_7_5_ml
    return f"{format_amount(level.per_7_5_ml)} ({format_range(low, high)})"


def format_found(count: int) -> str:
    """Return a count; a zero with the expected count that it does not exclude.

    Examples
    --------
    >>> format_found(1200), format_found(0)
    ('1,200', '0 (at most 3.0)')
    """
    return format_count(count) if count else f"0 (at most {ZERO_UPPER:.1f})"


def format_ratio(ratio: float | None, low: float | None, high: float | None) -> str:
    """Return a ratio with its limits, an open side in words.

    Examples
    --------
    >>> format_ratio(2.97, 1.01, 10.54), format_ratio(None, 4.2, None)
    ('3.0 (1.0 to 10.5)', 'above 4.2')
    >>> format_ratio(0.0, 0.0, 1.4), format_ratio(None, None, None)
    ('0, at most 1.4', 'not known')
    """
    if ratio is None:
        return "not known" if low is None else f"above {format_amount(low)}"
    if ratio == 0:
        return "not known" if high is None else f"0, at most {format_amount(high)}"
    return f"{format_amount(ratio)} ({format_range(low, high)})"


def format_range(low: float | None, high: float | None) -> str:
    """Return two limits, an open one in words."""
    bottom, top = (OPEN if x is None else format_amount(x) for x in (low, high))
    return f"{bottom} to {top}"


def format_permutation(found: Permutation) -> str:
    """Return a permutation p and what it rests on; never a mark or a verdict."""
    digits = f"{found.p:.3f}" if found.p >= 0.001 else f"{found.p:.1g}"
    if found.exact:
        return f"permutation p {digits} (exact, {found.assignments:,} assignments)"
    return f"permutation p {digits} ({found.assignments:,} random assignments, seed {found.seed})"


def _signed(value: float | None) -> str:
    return "not known" if value is None else f"{value:+.2f}"


def _modality(modality: str) -> str:
    return "flow" if modality == "flow" else "slide"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
