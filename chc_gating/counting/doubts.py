"""What makes a group's number hard to believe, whatever its interval."""

from __future__ import annotations

from chc_gating.counting.groups import Group
from chc_gating.model.phenotypes import CANDIDATE_CLASSES

RARE_SHARE = 0.01
"""Share of the phenotype population above which candidates are no longer rare events; CHC and CTC
are expected at one in a million, so this lies ten thousandfold above what a draw can hold."""
SENSITIVE_SHARE = 0.5
"""Part by which a count may change when all cuts move by 10 %."""
SENSITIVE_EVENTS = 3
"""Fewer events than these are no change that counting could tell from chance."""
MOST = 0.5
"""Share of a slide's candidates above which a flag of neighbours is the rule."""


def find_doubts(group: Group) -> tuple[str, ...]:
    """Return the flags of a counted group that bear on whether its number can be believed.

    `candidates_not_rare`, `sensitive_to_cuts` and, on slides, `cells_touch` and
    `neighbours_explain`.
    """
    doubts = {
        "candidates_not_rare": _are_not_rare(group),
        "sensitive_to_cuts": any(_is_sensitive(group, name) for name in CANDIDATE_CLASSES),
        "cells_touch": _are_mostly(group, "touches_neighbour"),
        "neighbours_explain": _are_mostly(group, "neighbour_spill"),
    }
    return tuple(name for name, holds in doubts.items() if holds)


def _count_candidates(group: Group) -> int:
    return sum(group.count_events(name) for name in CANDIDATE_CLASSES)


def _are_not_rare(group: Group) -> bool:
    events = sum(member.result.phenotype_events or 0 for member in group.summed)
    return _count_candidates(group) > RARE_SHARE * events


def _is_sensitive(group: Group, phenotype: str) -> bool:
    found = [p for m in group.summed for p in m.result.phenotypes if p.name == phenotype]
    count = sum(p.events for p in found)
    sides = [[getattr(p, edge) for p in found] for edge in ("low_cut", "high_cut")]
    return moves_with_cuts(count, *(None if None in side else sum(side) for side in sides))


def moves_with_cuts(count: int, low_cut: int | None, high_cut: int | None) -> bool:
    """Return whether a count changes by more than half, and by 3 events or more, with the cuts.

    low_cut, high_cut : the count with all cuts a tenth lower and higher; None where not known.

    Examples
    --------
    >>> moves_with_cuts(4, 8, 3), moves_with_cuts(100, 140, 80), moves_with_cuts(0, None, 2)
    (True, False, False)
    """
    changes = [abs(moved - count) for moved in (low_cut, high_cut) if moved is not None]
    return any(c >= SENSITIVE_EVENTS and c > SENSITIVE_SHARE * count for c in changes)


def _are_mostly(group: Group, flag: str) -> bool:
    """Whether more than half of a slide's candidates carry a flag."""
    if group.key.modality != "image":
        return False
    flagged = sum(m.result.candidate_flags.get(flag, 0) for m in group.summed)
    return flagged > MOST * _count_candidates(group)
