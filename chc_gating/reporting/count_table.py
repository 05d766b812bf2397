"""A draw's rows of counts as the page shows them: one table and its verdicts per group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chc_gating.counting.limit_calls import GroupJudgement, LimitsKey
from chc_gating.model.count import CountRow, DrawCount
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.calls import describe_calls
from chc_gating.reporting.doubts import Doubt, GroupFacts, list_doubts
from chc_gating.reporting.evidence import Evidence
from chc_gating.reporting.leukocytes import describe_wbc
from chc_gating.reporting.numerals import format_amount, format_count, format_known, format_volume
from chc_gating.reporting.sentences import (
    MODALITY_WORDS,
    ZERO_UPPER95,
    Verdict,
    describe_exposure_source,
    describe_interval,
    describe_recovery,
    give_verdict,
    split_flags,
)


@dataclass(frozen=True)
class TableRow:
    """One line of the table of phenotypes, as text."""

    name: str
    depth: int
    count: str
    with_undecided: str
    per_7_5_ml: str
    interval: str
    per_million: str
    low_cut: str
    high_cut: str
    without_saturated: str


@dataclass(frozen=True)
class CountGroup:
    """The counts of one modality, panel, gates and lot: never summed with another's."""

    heading: str
    scope: str
    counted: bool
    reason: str
    verdicts: tuple[Verdict, ...]
    table: tuple[TableRow, ...]
    undecided: str
    exposure: str
    recovery: str
    recovery_known: bool
    limits: tuple[str, ...]
    wbc: str
    lacks_volume: bool
    flags: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    zero_legend: str
    extras: str


def group_rows(
    draw: DrawCount,
    *,
    judged: Mapping[LimitsKey, GroupJudgement],
    evidence: Sequence[Evidence] = (),
) -> tuple[CountGroup, ...]:
    """Return the draw's rows, grouped by what may be summed, in their order.

    judged : what the limits of healthy donors say, by panel, gates and lot.
    evidence : what is known of the draw's acquisitions, where there is more than count.json.
    """
    return tuple(
        _build_group(group, judged, _describe_extras(draw, group.rows[0]))
        for group in gather_groups(draw, evidence)
    )


def _describe_extras(draw: DrawCount, row: CountRow) -> str:
    """Return the labelled extras of the group that a row is of, in one sentence."""
    key = (row.modality, row.panel, row.gates, row.lot)
    found = [
        f"{e.phenotype} Jeffreys {_range(e.jeffreys_low_per_7_5_ml, e.jeffreys_high_per_7_5_ml)}, "
        f"mid-p {_range(e.midp_low_per_7_5_ml, e.midp_high_per_7_5_ml)}"
        for e in draw.extras
        if (e.modality, e.panel, e.gates, e.lot) == key
    ]
    if not found:
        return ""
    return (
        "Extras, not the interval of a report (at small counts they cover less than the 95 % that "
        f"they are made for): {'; '.join(found)} per 7.5 mL."
    )


def _range(low: float, high: float) -> str:
    return f"{format_amount(low)} to {format_amount(high)}"


def gather_groups(draw: DrawCount, evidence: Sequence[Evidence] = ()) -> list[GroupFacts]:
    """Return the draw's rows by what may be summed, each with its acquisitions."""
    groups: dict[tuple[str | None, ...], list[CountRow]] = {}
    for row in draw.rows:
        groups.setdefault((row.modality, row.panel, row.gates, row.lot), []).append(row)
    found = []
    for key, rows in groups.items():
        summed = [
            a
            for a in draw.acquisitions
            if a.summed
            and key == tuple(a.row.get(k) for k in ("modality", "panel", "gates", "lot"))
        ]
        names = {a.acquisition for a in summed}
        own = [e for e in evidence if e.acquisition in names]
        found.append(GroupFacts(rows, draw.expected_wbc, summed, own))
    return found


def _build_group(
    group: GroupFacts, judged: Mapping[LimitsKey, GroupJudgement], extras: str
) -> CountGroup:
    rows = group.rows
    first = rows[0]
    counted = [row for row in rows if row.status == "counted" and row.count is not None]
    reason = next((row.reason for row in rows if row.reason), "") or ""
    flags = sorted({flag for row in rows for flag in split_flags(row.flags)})
    return CountGroup(
        heading=MODALITY_WORDS.get(first.modality or "", "No acquisition"),
        scope=describe_scope(first),
        counted=bool(counted),
        reason=reason,
        verdicts=_give_verdicts(rows, counted),
        table=_build_table(counted),
        undecided=_describe_undecided(counted),
        exposure=_describe_exposure(counted),
        recovery=describe_recovery(counted) if any(r.per_7_5_ml is not None for r in rows) else "",
        recovery_known=any(row.recovery is not None for row in counted),
        limits=describe_calls(counted, judged.get((first.panel, first.gates, first.lot))),
        wbc=describe_wbc(counted, group.expected),
        lacks_volume=bool(counted) and all(row.exposure_ml is None for row in counted),
        flags=tuple(flags),
        doubts=list_doubts(group) if counted else (),
        zero_legend=_explain_zeros(counted),
        extras=extras,
    )


def _explain_zeros(rows: Sequence[CountRow]) -> str:
    """Return the bound of every zero of a table, once."""
    if all(row.count for row in rows):
        return ""
    bound = f"A zero here means at most {format_amount(ZERO_UPPER95)} events"
    nucleated = next((row.nucleated_cells for row in rows if row.nucleated_cells), None)
    if nucleated is not None:
        rate = format_amount(ZERO_UPPER95 / nucleated * 1e6)
        bound += f", {rate} per million nucleated cells"
    return f"{bound} (one-sided 95 %)."


def describe_scope(row: CountRow) -> str:
    """Return the panel, gates and lot of a row in words."""
    parts = (("panel", row.panel), ("gates", row.gates), ("lot", row.lot))
    return ", ".join(f"{word} {value}" for word, value in parts if value)


def _give_verdicts(rows: Sequence[CountRow], counted: Sequence[CountRow]) -> tuple[Verdict, ...]:
    if not counted:
        return (give_verdict(rows[0]),)
    whole = [row for row in counted if row.phenotype in CANDIDATE_CLASSES]
    if not whole:
        return (Verdict("none", "These gates define neither CHC nor CTC.", counted=True),)
    return tuple(give_verdict(row) for row in whole)


def _build_table(rows: Sequence[CountRow]) -> tuple[TableRow, ...]:
    names = {row.phenotype for row in rows}
    possible = _possible_candidates(rows)
    return tuple(
        TableRow(
            name=row.phenotype or "",
            depth=_depth(row.phenotype or "", names),
            count=format_count(row.count),
            with_undecided=(
                format_count((row.count or 0) + possible)
                if row.phenotype in CANDIDATE_CLASSES
                else ""
            ),
            per_7_5_ml=format_amount(row.per_7_5_ml),
            interval=describe_interval(row),
            per_million=format_amount(row.per_million_nucleated),
            low_cut=format_count(row.count_low_cut),
            high_cut=format_count(row.count_high_cut),
            without_saturated=format_known(row.count_without_saturated),
        )
        for row in rows
    )


def _depth(name: str, names: set[str | None]) -> int:
    return int(any(name.startswith(f"{w}_") and w in names for w in CANDIDATE_CLASSES))


def _possible_candidates(rows: Sequence[CountRow]) -> int:
    undecided = ("indeterminate_candidate", "invalid_candidate")
    return sum(row.count or 0 for row in rows if row.phenotype in undecided)


def _describe_undecided(rows: Sequence[CountRow]) -> str:
    if not any(row.phenotype in CANDIDATE_CLASSES for row in rows):
        return ""
    number = _possible_candidates(rows)
    if number == 0:
        return "No further event could have been a CHC or a CTC by its bands or invalid values."
    word = "event" if number == 1 else "events"
    return (
        f"{number:,} further {word} could have been CHC or CTC: a marker lies within its "
        "indeterminate band or its value is invalid. They are in neither count."
    )


def _describe_exposure(rows: Sequence[CountRow]) -> str:
    row = next((r for r in rows if r.exposure_ml is not None), None)
    if row is None:
        reason = next((r.reason for r in rows if r.reason), None)
        return f"No number per 7.5 mL: {reason or 'no volume of blood is known'}."
    source = describe_exposure_source(row.exposure_source)
    return f"{format_volume(row.exposure_ml)} of blood examined, from {source}."
