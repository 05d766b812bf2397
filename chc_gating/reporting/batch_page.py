"""The page of a batch: every draw on one table, what was not counted on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chc_gating.counting.limit_calls import GroupJudgement, LimitsKey
from chc_gating.counting.uncounted import Uncounted, list_uncounted
from chc_gating.model.cohort import CohortResult
from chc_gating.model.count import CountRow, DrawCount
from chc_gating.model.limits import Limits
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.background import count_without_limits, view_limits
from chc_gating.reporting.calls import count_calls, describe_call_briefly
from chc_gating.reporting.cohort_section import build_cohort_sections
from chc_gating.reporting.count_table import describe_scope, gather_groups
from chc_gating.reporting.distribution import COHORT_WORDS, draw_distribution
from chc_gating.reporting.doubts import Doubt, GroupFacts, list_doubts
from chc_gating.reporting.figures import Picture
from chc_gating.reporting.forest import ForestMark, ForestScale, mark_row, scale_rows
from chc_gating.reporting.numerals import format_amount, format_volume
from chc_gating.reporting.page import render_page
from chc_gating.reporting.sentences import (
    MODALITY_WORDS,
    RESEARCH_USE,
    advise_remedy,
    count_flags,
    describe_count,
    describe_interval,
    split_flags,
)


@dataclass(frozen=True)
class NotCounted:
    """A draw, or one modality of it, without a number: why, and what to do."""

    draw: str
    link: str
    patient: str
    what: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class BatchLine:
    """One draw, measured one way, as a line of the table."""

    draw: str
    link: str
    collected_on: str
    modality: str
    scope: str
    exposure: str
    counted: bool
    numbers: tuple[tuple[str, str, str, str], ...]
    marks: tuple[ForestMark, ...]
    why_no_rate: str
    flags: tuple[str, ...]
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class PatientLines:
    """All draws of one patient, in the order of their dates."""

    patient: str
    lines: tuple[BatchLine, ...]


@dataclass(frozen=True)
class CohortTable:
    """One cohort's patients; donors stand apart from patients."""

    heading: str
    patients: tuple[PatientLines, ...]


def render_batch_page(
    draws: Sequence[DrawCount],
    *,
    links: Mapping[str, str],
    version: str,
    limits: Sequence[Limits] = (),
    judged: Mapping[str, Mapping[LimitsKey, GroupJudgement]] | None = None,
    cohort: CohortResult | None = None,
    patient_links: Mapping[str, str] | None = None,
) -> str:
    """Return the page of a batch as self-contained HTML.

    ``links`` gives the address of each draw's page, relative to this page, and
    ``patient_links`` that of each patient's page over time; ``limits`` are those of healthy
    donors, ``judged`` what they say of each draw. Without ``cohort`` the page has no sections on
    groups and agreement.
    """
    rows = [row for draw in draws for row in draw.rows]
    whole = [row for row in rows if row.phenotype in CANDIDATE_CLASSES]
    scale = scale_rows(whole)
    counted = sum(draw.status == "counted" for draw in draws)
    return render_page(
        "batch.html",
        {
            "version": version,
            "versions": sorted({draw.software_version for draw in draws}),
            "draw_count": len(draws),
            "counted": counted,
            "partly": sum(_is_partly_counted(draw) for draw in draws),
            "without_volume": sum(_lacks_volume(draw) for draw in draws),
            "not_counted": list_not_counted(draws, links=links),
            "doubted": sum(_is_doubted(draw) for draw in draws),
            "cohorts": _list_cohorts(draws, links, scale),
            "ticks": scale.list_ticks(),
            "distributions": _draw_distributions(whole),
            "flags": count_flags(_flags_of(draw) for draw in draws),
            "backgrounds": [view_limits(one) for one in limits],
            "call_counts": count_calls(whole),
            "without_limits": count_without_limits(judged or {}),
            "cohort": None if cohort is None else build_cohort_sections(cohort),
            "any_rows": bool(whole),
            "patient_links": patient_links or {},
            "research_use": RESEARCH_USE,
        },
    )


def _is_partly_counted(draw: DrawCount) -> bool:
    return any(one.is_partial for one in list_uncounted(draw.rows))


def _is_doubted(draw: DrawCount) -> bool:
    counted = (g for g in gather_groups(draw) if any(r.count is not None for r in g.rows))
    return any(list_doubts(group) for group in counted)


def _lacks_volume(draw: DrawCount) -> bool:
    counted = [row for row in draw.rows if row.status == "counted" and row.count is not None]
    return bool(counted) and all(row.per_7_5_ml is None for row in counted)


def list_not_counted(draws: Iterable[DrawCount], *, links: Mapping[str, str]) -> list[NotCounted]:
    """Return every draw that was not counted, and every modality of a draw that was not."""
    return [_explain(one, draw, links=links) for draw in draws for one in list_uncounted(draw.rows)]


def _explain(one: Uncounted, draw: DrawCount, *, links: Mapping[str, str]) -> NotCounted:
    what = f"{_modality(one.row)}, {describe_scope(one.row)}" if one.is_partial else "the draw"
    return NotCounted(
        draw=one.row.draw,
        link=links[one.row.draw],
        patient=draw.draw["patient"],
        what=what,
        reason=one.reason,
        remedy=advise_remedy(one.reason, draw.parameters.get("min_events")),
    )


def _list_cohorts(
    draws: Sequence[DrawCount], links: Mapping[str, str], scale: ForestScale
) -> list[CohortTable]:
    tables = []
    for cohort in sorted({d.draw["cohort"] for d in draws}, key=_cohort_order):
        members = [d for d in draws if d.draw["cohort"] == cohort]
        patients = []
        for patient in sorted({d.draw["patient"] for d in members}):
            own = sorted(
                (d for d in members if d.draw["patient"] == patient),
                key=lambda d: (d.draw["collected_on"], d.draw["draw"]),
            )
            lines = [line for d in own for line in _list_lines(d, links, scale)]
            patients.append(PatientLines(patient, tuple(lines)))
        heading = COHORT_WORDS.get(cohort, cohort)
        tables.append(CohortTable(heading[:1].upper() + heading[1:], tuple(patients)))
    return tables


def _cohort_order(cohort: str) -> tuple[int, str]:
    order = list(COHORT_WORDS)
    return (order.index(cohort) if cohort in order else len(order), cohort)


def _list_lines(draw: DrawCount, links: Mapping[str, str], scale: ForestScale) -> list[BatchLine]:
    name = draw.draw["draw"]
    groups = gather_groups(draw)
    if not groups:
        empty = BatchLine(
            name, links[name], draw.draw["collected_on"], "", "", "", False, (), (), "", draw.flags
        )
        return [empty]
    return [_build_line(group, draw, links[name], scale) for group in groups]


def _build_line(group: GroupFacts, draw: DrawCount, link: str, scale: ForestScale) -> BatchLine:
    rows = group.rows
    first = rows[0]
    counted = [row for row in rows if row.status == "counted" and row.count is not None]
    whole = {row.phenotype: row for row in counted if row.phenotype in CANDIDATE_CLASSES}
    exposure = next((r.exposure_ml for r in counted if r.exposure_ml is not None), None)
    marks = (mark_row(whole.get(name), scale) for name in CANDIDATE_CLASSES)
    flags = {flag for row in rows for flag in split_flags(row.flags)}
    doubts = list_doubts(group) if counted else ()
    return BatchLine(
        draw=draw.draw["draw"],
        link=link,
        collected_on=draw.draw["collected_on"],
        modality=_modality(first),
        scope=describe_scope(first),
        exposure=format_volume(exposure) if counted else "",
        counted=bool(counted) and draw.status == "counted",
        numbers=tuple(_describe_number(name, whole.get(name)) for name in CANDIDATE_CLASSES),
        marks=tuple(mark for mark in marks if mark is not None),
        why_no_rate=next((r.reason for r in counted if r.reason), "no volume of blood is known"),
        flags=tuple(sorted(flags - {doubt.flag for doubt in doubts})),
        doubts=doubts,
    )


def _modality(row: CountRow) -> str:
    return MODALITY_WORDS.get(row.modality or "", "no acquisition")


def _describe_number(name: str, row: CountRow | None) -> tuple[str, str, str, str]:
    """Return phenotype, number per 7.5 mL, its interval and its call as text."""
    if row is None:
        return name, "not defined by these gates", "", ""
    call = describe_call_briefly(row)
    if row.per_7_5_ml is None:
        word = "event" if row.count == 1 else "events"
        return name, f"{describe_count(row.count)} {word}", "no number per 7.5 mL", call
    return name, format_amount(row.per_7_5_ml), describe_interval(row), call


def _flags_of(draw: DrawCount) -> set[str]:
    flags = set(draw.flags)
    for row in draw.rows:
        flags.update(split_flags(row.flags))
    return flags


def _draw_distributions(rows: Sequence[CountRow]) -> list[tuple[str, Picture]]:
    keys = list(dict.fromkeys((r.modality, r.panel, r.gates) for r in rows))
    found = []
    for i, key in enumerate(keys):
        own = [r for r in rows if (r.modality, r.panel, r.gates) == key]
        picture = draw_distribution(own, identifier=f"spread{i}")
        if picture is not None:
            found.append((f"{_modality(own[0])}, panel {key[1]}, gates {key[2]}", picture))
    return found
