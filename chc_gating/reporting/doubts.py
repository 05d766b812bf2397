"""What speaks against a number, with its size: it stands beside the number, not below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chc_gating.counting.doubts import moves_with_cuts
from chc_gating.model.count import AcquisitionSummary, CountRow, ExpectedWbc
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.evidence import Evidence
from chc_gating.reporting.leukocytes import describe_factor, find_implied
from chc_gating.reporting.numerals import format_percent, format_rounded, format_volume
from chc_gating.reporting.sentences import describe_flag, split_flags

ORDINARY_FLAGS = frozenset(
    {
        "cbc_counting_error_only",
        "exposure_upper_bound",
        "not_corrected_for_recovery",
        "recovery_end_to_end",
        "replicate_not_summed",
        "unequal_losses",
        "volume_unit_repaired",
    }
)
"""Flags that say how a number came about. Every other one bears on whether it can be believed."""


@dataclass(frozen=True)
class Doubt:
    """One reason to doubt a group's number: its flag, its size in a few words, a sentence."""

    flag: str
    size: str
    text: str


@dataclass(frozen=True)
class GroupFacts:
    """A counted group, and what its doubts are measured by.

    rows : its rows; summed : the acquisitions in them; evidence : what is known of these.
    expected : the cells per uL that the blood count states.
    """

    rows: Sequence[CountRow]
    expected: ExpectedWbc | None
    summed: Sequence[AcquisitionSummary] = ()
    evidence: Sequence[Evidence] = ()


def list_doubts(group: GroupFacts) -> tuple[Doubt, ...]:
    """Return what speaks against a group's number; a flag of a later version as it is."""
    flags = {flag for row in group.rows for flag in split_flags(row.flags)} - ORDINARY_FLAGS
    first = [flag for flag in _SIZES if flag in flags]
    return tuple(_measure(flag, group) for flag in (*first, *sorted(flags - {*first})))


def _measure(flag: str, group: GroupFacts) -> Doubt:
    size = _SIZES[flag](group) if flag in _SIZES else None
    if size is None:
        words = describe_flag(flag)
        return Doubt(flag, "", f"{words[:1].upper()}{words[1:]}.")
    return Doubt(flag, *size)


def _compare_wbc(group: GroupFacts) -> tuple[str, str] | None:
    implied = find_implied(group.rows)
    given = None if group.expected is None else group.expected.per_ul
    if implied is None:
        return None
    if given is None:
        said = format_rounded(implied)
        return f"{said} per uL", (
            f"The leukocytes counted imply {said} per uL, which no preparation of the blood whose "
            "count the sheet gives would leave (preparation is blank). The exposure or the gates "
            "are wrong, or cells were lost; do not use the number per 7.5 mL before this is "
            "explained."
        )
    factor = describe_factor(implied, given)
    return factor, (
        f"The leukocytes counted imply {format_rounded(implied)} per uL, the blood count says "
        f"{format_rounded(given)}: {factor}. The exposure or the gates are wrong, or cells were "
        "lost; do not use the number per 7.5 mL before this is explained."
    )


def _share_candidates(group: GroupFacts) -> tuple[str, str] | None:
    events = sum(one.phenotype_events or 0 for one in group.summed)
    if not events:
        return None
    share = format_percent(100 * sum(r.count or 0 for r in _whole(group)) / events)
    return share, (
        f"CHC and CTC are expected at one in a million; here they are {share} of {events:,} "
        "events: look at the cuts."
    )


def _show_moved_cuts(group: GroupFacts) -> tuple[str, str] | None:
    moved = [
        f"{row.phenotype} {row.count_low_cut:,} and {row.count_high_cut:,} instead of {row.count:,}"
        for row in _whole(group)
        if None not in (row.count, row.count_low_cut, row.count_high_cut)
        and moves_with_cuts(row.count or 0, row.count_low_cut, row.count_high_cut)
    ]
    if not moved:
        return None
    text = "; ".join(moved)
    return text, (
        f"The count hangs on where the cuts lie: with all cuts 10 % lower and 10 % higher {text}."
    )


def _count_touching(group: GroupFacts) -> tuple[str, str] | None:
    size = _count_flagged(group, "touches_neighbour")
    if size is None:
        return None
    return size, (
        f"{size} candidates touch a neighbour, so that its signal may lie in their ring: look at "
        "every crop."
    )


def _count_explained(group: GroupFacts) -> tuple[str, str] | None:
    size = _count_flagged(group, "neighbour_spill")
    if size is None:
        return None
    return size, (
        f"A neighbour's light may explain a marker of {size} candidates: do not use the number "
        "before a person has looked at every card."
    )


def _count_flagged(group: GroupFacts, flag: str) -> str | None:
    """Return how many of how many candidates carry a flag; None where none does."""
    total = sum(row.count or 0 for row in _whole(group))
    flagged = sum(one.candidate_flags.get(flag, 0) for one in group.summed)
    return f"{flagged:,} of {total:,}" if total and flagged else None


def _count_unstable(group: GroupFacts) -> tuple[str, str] | None:
    timed = [one.flow for one in group.summed if one.flow is not None and one.flow.time_bins]
    unstable = sum(flow.unstable_bins or 0 for flow in timed)
    if not unstable:
        return None
    size = f"{unstable:,} of {sum(flow.time_bins or 0 for flow in timed):,} bins"
    return size, f"The event rate is unstable in {size} of the acquisition's time."


def _count_saturated(group: GroupFacts) -> tuple[str, str] | None:
    parts = [
        f"{row.count - row.count_without_saturated:,} of {row.count:,} {row.phenotype}"
        for row in _whole(group)
        if row.count is not None
        and row.count_without_saturated is not None
        and row.count > row.count_without_saturated
    ]
    if not parts:
        return None
    text = " and ".join(parts)
    return text, f"A marker, or what it leans on, is saturated in {text}."


def _compare_routes(group: GroupFacts) -> tuple[str, str] | None:
    apart = [
        f"{one.acquisition}: {format_volume(one.exposure_ml)} by {one.exposure_source}, "
        f"{format_volume(route.volume_ml)} by {route.source}"
        for one in group.summed
        for route in one.other_routes
        if route.disagrees
    ]
    if not apart:
        return None
    text = "; ".join(apart)
    return text, (
        f"Two routes to the blood examined differ beyond their errors ({text}): one of them is "
        "wrong. Find out which before you use the number per 7.5 mL."
    )


def _whole(group: GroupFacts) -> list[CountRow]:
    return [row for row in group.rows if row.phenotype in CANDIDATE_CLASSES]


_SIZES = {
    "implied_wbc_differs": _compare_wbc,
    "exposure_routes_disagree": _compare_routes,
    "candidates_not_rare": _share_candidates,
    "sensitive_to_cuts": _show_moved_cuts,
    "neighbours_explain": _count_explained,
    "cells_touch": _count_touching,
    "time_unstable": _count_unstable,
    "saturated_candidates": _count_saturated,
}
"""How the size of a doubt is found, the weightiest first."""
