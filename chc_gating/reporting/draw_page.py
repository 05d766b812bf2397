"""The page of one draw: what was counted, what it rests on, what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chc_gating.counting.limit_calls import GroupJudgement, LimitsKey
from chc_gating.model.acquisition import AppliedSpillover, ChannelQuality, InputFile
from chc_gating.model.count import AcquisitionSummary, DrawCount
from chc_gating.reporting.background import view_background
from chc_gating.reporting.count_table import CountGroup, group_rows
from chc_gating.reporting.crop_gallery import Gallery, build_gallery
from chc_gating.reporting.evidence import Evidence
from chc_gating.reporting.figures import PHENOTYPE_COLOURS, Picture
from chc_gating.reporting.gate_plots import draw_densities
from chc_gating.reporting.hierarchy import HierarchyRow, list_hierarchy, list_plan
from chc_gating.reporting.margins import MarginTable, choose_margins
from chc_gating.reporting.page import render_page
from chc_gating.reporting.sentences import (
    RESEARCH_USE,
    ZERO_UPPER95,
    advise_remedy,
    describe_flag,
)
from chc_gating.reporting.slide_map import describe_slide, draw_slide_map
from chc_gating.reporting.slide_quality import draw_quality_maps
from chc_gating.reporting.time_trace import draw_time_trace

DRAW_FACTS = (
    "draw",
    "patient",
    "cohort",
    "group",
    "stage",
    "response",
    "collected_on",
    "volume_ml",
    "wbc_per_ul",
    "lymphocyte_fraction",
    "monocyte_fraction",
    "cbc_cv",
    "preparation",
    "spiked",
    "recovered",
    "recovery_scope",
)
PREANALYTIC_FACTS = ("drawn_at", "received_at", "note")
ACQUISITION_FACTS = (
    "modality",
    "file",
    "image",
    "panel",
    "gates",
    "lot",
    "control_set",
    "replicate",
    "fraction_stained",
    "fraction_acquired",
    "dilution_factor",
    "volume_acquired_ul",
    "bead_population",
    "beads_added",
    "bead_lot_cv",
    "blood_in_tube_ml",
    "volume_plated_ml",
    "pixel_size_um",
)
ACQUISITION_PREANALYTICS = ("tube", "tube_order", "note")
"""Columns of the sheets that a page may show. What is not named here never reaches a page."""


@dataclass(frozen=True)
class SpilloverCell:
    """One cell of the heat table: its text, and how strongly it is shaded, 0 to 1."""

    text: str
    shade: float


@dataclass(frozen=True)
class AcquisitionView:
    """One acquisition as the page shows it."""

    name: str
    anchor: str
    summary: AcquisitionSummary
    facts: tuple[tuple[str, str], ...]
    evidence: Evidence | None
    remedy: str
    drawn: str
    margins: MarginTable
    planned: tuple[tuple[str, str, str], ...]
    hierarchy: tuple[HierarchyRow, ...]
    gates: tuple[Picture, ...]
    time: Picture | None
    slide: Picture | None
    slide_words: str
    quality: Picture | None
    gallery: Gallery | None
    flags: tuple[tuple[str, str, int], ...]
    spillover: tuple[tuple[str, tuple[SpilloverCell, ...]], ...]


def render_draw_page(
    draw: DrawCount,
    evidence: Sequence[Evidence],
    *,
    judged: Mapping[LimitsKey, GroupJudgement] | None = None,
    patient_link: str | None = None,
) -> str:
    """Return the page of one draw as self-contained HTML.

    ``judged`` is what the limits of healthy donors say, by panel, gates and lot. ``patient_link``
    leads to the page of the patient over time, where there is one.

    A draw that was not counted gets the same page: what is known, why not, and what to do.
    """
    by_name = {e.acquisition: e for e in evidence}
    judged = judged or {}
    groups = group_rows(draw, judged=judged, evidence=evidence)
    views = [
        _view_acquisition(summary, by_name.get(summary.acquisition), index, draw)
        for index, summary in enumerate(draw.acquisitions)
    ]
    return render_page(
        "draw.html",
        {
            "draw": draw,
            "backgrounds": [view_background(group) for group in judged.values()],
            "groups": _with_draw_verdict(groups, draw),
            "facts": pick_facts(draw.draw, DRAW_FACTS),
            "preanalytics": _list_preanalytics(draw),
            "acquisitions": views,
            "flags": [(flag, _describe(flag, groups)) for flag in _draw_flags(draw, groups)],
            "remedy": advise_remedy(draw.reason, draw.parameters.get("min_events")),
            "zero_upper95": ZERO_UPPER95,
            "inputs": _list_inputs(draw, evidence),
            "repairs": [(e.acquisition, e.result.repairs) for e in evidence if e.result.repairs],
            "config_hashes": sorted({row.config_hash for row in draw.rows}),
            "patient_link": patient_link,
            "research_use": RESEARCH_USE,
            "version": draw.software_version,
        },
    )


def pick_facts(cells: Mapping[str, str], allowed: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the filled cells whose column a page may show, in the order of the list."""
    return tuple((name, cells[name]) for name in allowed if cells.get(name))


def _with_draw_verdict(groups: Sequence[CountGroup], draw: DrawCount) -> tuple[CountGroup, ...]:
    """Return the groups that carry a verdict; the draw's own reason stands above them."""
    return tuple(g for g in groups if draw.status == "counted" or g.scope)


def _draw_flags(draw: DrawCount, groups: Sequence[CountGroup]) -> list[str]:
    flags = set(draw.flags)
    for group in groups:
        flags.update(group.flags)
    for acquisition in draw.acquisitions:
        flags.update(acquisition.flags)
    return sorted(flags)


def _describe(flag: str, groups: Sequence[CountGroup]) -> str:
    """Return a flag in words; where a group has its size, with the size."""
    sizes = dict.fromkeys(d.size for g in groups for d in g.doubts if d.flag == flag and d.size)
    return f"{describe_flag(flag)} ({'; '.join(sizes)})" if sizes else describe_flag(flag)


def _list_measured(evidence: Evidence) -> list[ChannelQuality]:
    """Return the channels whose values are signals: time has no detector."""
    times = evidence.result.panel.channels_with_role("time")
    return [channel for channel in evidence.quality.channels if channel.channel not in times]


def _describe_drawn(evidence: Evidence) -> str:
    """Return which candidates figures draw; empty where there is none."""
    candidates = evidence.candidates
    if len(candidates) == 0:
        return ""
    totals = {p: candidates.total_of(p) for p in PHENOTYPE_COLOURS}
    if all(len(candidates.drawn_rows_of(p)) == totals[p] for p in PHENOTYPE_COLOURS):
        return "every candidate, drawn"
    words = " and ".join(candidates.describe_drawn(p) for p in PHENOTYPE_COLOURS)
    total = sum(totals.values())
    if len(candidates) < total:
        return (
            f"{words}, evenly spaced among the first {len(candidates):,} of {total:,} candidates "
            "(no more are kept: look at the cuts), drawn"
        )
    return f"{words}, evenly spaced along the file, drawn"


def _list_preanalytics(draw: DrawCount) -> list[tuple[str, str, str]]:
    """Return (where, column, value) of what the sheets say about the handling of the blood."""
    own = [("draw", *fact) for fact in pick_facts(draw.draw, PREANALYTIC_FACTS)]
    tubes = [
        (summary.acquisition, *fact)
        for summary in draw.acquisitions
        for fact in pick_facts(summary.row, ACQUISITION_PREANALYTICS)
    ]
    return own + tubes


def _list_inputs(draw: DrawCount, evidence: Sequence[Evidence]) -> list[InputFile]:
    """Return every input once, in order; an entry with its hash wins over one without."""
    found: dict[tuple[str, str], InputFile] = {}
    for entry in [*draw.inputs, *(i for e in evidence for i in e.result.inputs)]:
        key = (entry.role, entry.path)
        if key not in found or found[key].sha256 is None:
            found[key] = entry
    return list(found.values())


def _view_acquisition(
    summary: AcquisitionSummary, evidence: Evidence | None, index: int, draw: DrawCount
) -> AcquisitionView:
    anchor = f"a{index}"
    shown = evidence is not None and evidence.result.event_count is not None
    slide = None if evidence is None else evidence.result.slide
    return AcquisitionView(
        name=summary.acquisition,
        anchor=anchor,
        summary=summary,
        facts=pick_facts(summary.row, ACQUISITION_FACTS),
        evidence=evidence,
        remedy=advise_remedy(summary.reason, draw.parameters.get("min_events")),
        drawn=_describe_drawn(evidence) if evidence else "",
        margins=choose_margins(_list_measured(evidence) if evidence else ()),
        planned=tuple(list_plan(evidence.result)) if evidence and not shown else (),
        hierarchy=tuple(list_hierarchy(evidence.result)) if evidence and shown else (),
        gates=tuple(draw_densities(evidence, identifier=anchor)) if evidence else (),
        time=draw_time_trace(evidence, identifier=f"{anchor}-time") if evidence else None,
        slide=draw_slide_map(evidence, identifier=f"{anchor}-slide") if evidence else None,
        slide_words="" if slide is None else describe_slide(slide),
        quality=draw_quality_maps(evidence, identifier=f"{anchor}-quality") if evidence else None,
        gallery=build_gallery(evidence) if evidence else None,
        flags=_event_flags(evidence) if evidence else (),
        spillover=_shade_spillover(evidence.result.spillover) if evidence else (),
    )


def _event_flags(evidence: Evidence) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (name, describe_flag(name), number)
        for name, number in evidence.result.flags.items()
        if number
    )


def _shade_spillover(
    spillover: AppliedSpillover | None,
) -> tuple[tuple[str, tuple[SpilloverCell, ...]], ...]:
    if spillover is None:
        return ()
    return tuple(
        (
            name,
            tuple(
                SpilloverCell(
                    text="100" if value == 1 else f"{100 * value:.1f}" if value else "0",
                    shade=0.0 if i == j else round(min(0.6, abs(value) ** 0.5), 2),
                )
                for j, value in enumerate(row)
            ),
        )
        for i, (name, row) in enumerate(zip(spillover.channels, spillover.matrix, strict=True))
    )
