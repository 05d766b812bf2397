"""The counts of one draw: groups of acquisitions, their recovery, rows and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chc_gating.batch.contents import Batch
from chc_gating.batch.fingerprints import hash_draw
from chc_gating.batch.rows import Draw
from chc_gating.counting.blood_count import find_expected_wbc
from chc_gating.counting.groups import (
    Group,
    GroupKey,
    Member,
    build_group,
    group_rows,
    refuse_excess,
)
from chc_gating.counting.homogeneity import find_differing_phenotypes
from chc_gating.counting.recovery import find_recovery
from chc_gating.counting.route_agreement import DISAGREE, compare_routes, describe_comparison
from chc_gating.counting.rows import RowBase, Sums, build_rows, build_uncounted_rows, list_extras
from chc_gating.counting.same_raw import refuse_same_raw
from chc_gating.counting.whole_blood import replace_fractions
from chc_gating.model.acquisition import AcquisitionResult, InputFile
from chc_gating.model.count import AcquisitionSummary, CountRow, DrawCount, ExtraIntervals
from chc_gating.model.phenotypes import compile_phenotypes

NO_ACQUISITIONS = "no acquisition of this draw stands in the acquisitions sheet"


def count_draw(
    batch: Batch,
    draw_id: str,
    *,
    results: Mapping[str, AcquisitionResult],
    software_version: str,
    inputs: Sequence[InputFile] = (),
) -> DrawCount:
    """Return the counts of one draw.

    results : by acquisition; of the draw, and of ``recovery_sources(batch, draw_id)``.

    A draw whose acquisitions all failed, or that has none, is not counted, with the reason.
    """
    draw = batch.draws[draw_id]
    own = refuse_same_raw((row.acquisition for row in batch.acquisitions_of(draw_id)), results)
    results = {**results, **own}
    base = _make_base(batch, draw, software_version)
    groups = [
        _count_group(batch, draw, key, base=base, results=results)
        for key in group_rows(batch.acquisitions_of(draw_id))
    ]
    rows = [row for group in groups for row in group.rows] or [
        base.make_row(status="not_counted", reason=NO_ACQUISITIONS)
    ]
    counted = any(row.status == "counted" for row in rows)
    reasons = dict.fromkeys(row.reason for row in rows if row.reason is not None)
    return DrawCount(
        software_version=software_version,
        inputs=tuple(inputs),
        parameters={"draw": draw_id, "min_events": batch.settings.min_events},
        draw=batch.draw_params(draw_id),
        status="counted" if counted else "not_counted",
        reason=None if counted else "; ".join(reasons),
        acquisitions=_in_sheet_order(batch, draw_id, groups),
        rows=tuple(rows),
        flags=tuple(sorted({f for row in rows for f in row.flags.split(";") if f})),
        notes=tuple(dict.fromkeys(note for group in groups for note in group.notes)),
        extras=tuple(extra for group in groups for extra in group.extras),
        expected_wbc=find_expected_wbc(draw),
    )


@dataclass(frozen=True)
class _CountedGroup:
    rows: tuple[CountRow, ...]
    summaries: Mapping[str, AcquisitionSummary]
    notes: tuple[str, ...] = field(default=())
    extras: tuple[ExtraIntervals, ...] = field(default=())


def _make_base(batch: Batch, draw: Draw, software_version: str) -> RowBase:
    return RowBase(
        draw=draw.draw,
        patient=draw.patient,
        cohort=draw.cohort,
        collected_on=draw.collected_on.isoformat(),
        software_version=software_version,
        config_hash=hash_draw(batch, draw.draw),
    )


def _count_group(
    batch: Batch,
    draw: Draw,
    key: GroupKey,
    *,
    base: RowBase,
    results: Mapping[str, AcquisitionResult],
) -> _CountedGroup:
    group = build_group(
        key,
        group_rows(batch.acquisitions_of(draw.draw))[key],
        draw=draw,
        gates=batch.gates[key.gates],
        results=results,
        min_events=batch.settings.min_events,
    )
    found = find_recovery(batch, draw, key=key, results=results)
    differing = find_differing_phenotypes(group, found.recovery)
    group = compare_routes(group, found.recovery)
    if found.recovery is not None and found.recovery.scope == "end_to_end":
        group = replace_fractions(group)
    group = refuse_excess(group)
    if group.problem is not None:
        names = _name_phenotypes(batch, key)
        flags = ["acquisition_failed"] if group.failed and group.summed else []
        rows = build_uncounted_rows(group, base, phenotypes=names, flags=flags)
        return _CountedGroup(rows, _summarise(group), tuple(_describe_members(group)))
    sums = Sums(group, found.recovery, group.exposure_problem or found.problem, differing)
    notes = (*_describe_members(group), *found.notes)
    return _CountedGroup(build_rows(sums, base), _summarise(group), notes, list_extras(sums))


def _name_phenotypes(batch: Batch, key: GroupKey) -> tuple[str, ...]:
    """Return the classes that gates would have counted; () where they name none."""
    gates, panel = batch.gates[key.gates], batch.panels[key.panel]
    if not gates.phenotypes:
        return ()
    epithelial = [m for m in panel.markers_with_role("epithelial") if m in gates.called]
    return compile_phenotypes(gates.phenotypes, epithelial=epithelial).rows


def _describe_members(group: Group) -> list[str]:
    """Say in words which acquisitions are not in the sums."""
    failed = [f"{m.row.acquisition} is not counted: {m.problem}" for m in group.failed]
    apart = [
        f"{m.row.acquisition} is a further measurement (replicate {m.row.replicate}) of cells "
        "that are counted already; it is not summed"
        for m in group.members
        if m.apart
    ]
    return failed + apart


def _summarise(group: Group) -> dict[str, AcquisitionSummary]:
    return {
        m.row.acquisition: _summarise_member(m, summed=m.is_summed and group.problem is None)
        for m in group.members
    }


def _summarise_member(member: Member, *, summed: bool) -> AcquisitionSummary:
    exposure, result = member.exposure, member.result
    failed = member.problem is not None
    flags = {*exposure.flags, *result.draw_flags, *(["replicate_not_summed"] * member.apart)}
    flags |= {DISAGREE for route in member.routes if route.disagrees}
    return AcquisitionSummary(
        acquisition=member.row.acquisition,
        row=member.row.cells(),
        status="not_counted" if failed else "counted",
        reason=member.problem,
        exposure_ml=exposure.volume_ml,
        exposure_source=exposure.source,
        exposure_reason=None if failed else exposure.reason,
        other_routes=member.routes,
        steps=(*exposure.steps, *map(describe_comparison, member.routes)),
        flags=tuple(sorted(flags)),
        summed=summed,
        counts={} if failed else {p.name: p.events for p in result.phenotypes},
        nucleated_events=None if failed else result.nucleated_events,
        phenotype_events=None if failed else result.phenotype_events,
        candidate_flags={} if failed else result.candidate_flags,
        flow=result.flow,
        slide=result.slide,
    )


def _in_sheet_order(
    batch: Batch, draw_id: str, groups: Sequence[_CountedGroup]
) -> tuple[AcquisitionSummary, ...]:
    summaries = {name: one for group in groups for name, one in group.summaries.items()}
    return tuple(summaries[row.acquisition] for row in batch.acquisitions_of(draw_id))
