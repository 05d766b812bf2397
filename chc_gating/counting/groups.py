"""What adds up: the acquisitions of a draw by modality, panel, gates and lot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from chc_gating.batch.rows import Acquisition, Draw
from chc_gating.counting.exposure import Acquired, find_exposure
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.exposure import Exposure, RouteComparison
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Modality

VOLUME_TOLERANCE = 0.1
"""Part by which summed exposures may exceed the draw's volume: pipetting and bead errors."""
_ROUNDING = 1e-9


class GroupKey(NamedTuple):
    """What acquisitions must share to be added; ``lot`` is None where it is blank."""

    modality: Modality
    panel: str
    gates: str
    lot: str | None


def find_key(row: Acquisition) -> GroupKey:
    """Return what an acquisition shares with those that it is added to."""
    return GroupKey(row.modality, row.panel, row.gates, row.lot)


def group_rows(rows: Iterable[Acquisition]) -> dict[GroupKey, tuple[Acquisition, ...]]:
    """Return a draw's acquisitions by what they share, in the order of the sheet."""
    groups: dict[GroupKey, list[Acquisition]] = {}
    for row in rows:
        groups.setdefault(find_key(row), []).append(row)
    return {key: tuple(members) for key, members in groups.items()}


@dataclass(frozen=True)
class Member:
    """One acquisition of a group.

    problem : why it could not be counted, or None.
    apart : it could be counted, but its cells are counted in another acquisition already.
    routes : what other routes say of its volume, once they were asked.
    """

    row: Acquisition
    result: AcquisitionResult
    exposure: Exposure
    problem: str | None = None
    apart: bool = False
    routes: tuple[RouteComparison, ...] = ()

    @property
    def is_summed(self) -> bool:
        """Whether its events and its exposure are in the group's sums."""
        return self.problem is None and not self.apart


@dataclass(frozen=True)
class Group:
    """Acquisitions of one draw that add up, and why they are not counted (None: they are)."""

    key: GroupKey
    draw: Draw
    members: tuple[Member, ...]
    problem: str | None = None

    @property
    def summed(self) -> tuple[Member, ...]:
        """The members whose events and exposures are added."""
        return tuple(member for member in self.members if member.is_summed)

    @property
    def failed(self) -> tuple[Member, ...]:
        """The members that could not be counted."""
        return tuple(member for member in self.members if member.problem is not None)

    @property
    def exposure_problem(self) -> str | None:
        """Why the group has no volume: a summed member has none."""
        without = [m for m in self.summed if m.exposure.reason is not None]
        return "; ".join(f"{m.row.acquisition}: {m.exposure.reason}" for m in without) or None

    @property
    def volume_ml(self) -> float | None:
        """The summed exposure, or None where a member's is not known."""
        volumes = [m.exposure.volume_ml for m in self.summed if m.exposure.volume_ml is not None]
        return sum(volumes) if volumes and len(volumes) == len(self.summed) else None

    @property
    def nucleated_events(self) -> int | None:
        """The summed nucleated cells, or None where a member's are not known."""
        counts = [m.result.nucleated_events for m in self.summed]
        known = [n for n in counts if n is not None]
        return sum(known) if known and len(known) == len(counts) else None

    @property
    def phenotypes(self) -> tuple[str, ...]:
        """The classes of the summed members, in the order of the results."""
        return tuple(
            dict.fromkeys(found.name for m in self.summed for found in m.result.phenotypes)
        )

    def list_events(self, phenotype: str) -> tuple[int, ...]:
        """Return the events of a class in each summed member; 0 where it does not name it."""
        return tuple(
            sum(p.events for p in member.result.phenotypes if p.name == phenotype)
            for member in self.summed
        )

    def count_events(self, phenotype: str) -> int:
        """Return the summed events of a class; 0 where no member names it."""
        return sum(self.list_events(phenotype))


def build_group(
    key: GroupKey,
    rows: Sequence[Acquisition],
    *,
    draw: Draw,
    gates: Gates,
    results: Mapping[str, AcquisitionResult],
    min_events: int,
) -> Group:
    """Return the group of these acquisitions: who counts, who does not and why.

    Its volume is not yet held against the draw's: see `refuse_excess`.
    """
    members = [
        _build_member(row, results[row.acquisition], draw=draw, gates=gates, min_events=min_events)
        for row in rows
    ]
    group = Group(key, draw, _set_replicates_apart(members))
    return replace(group, problem=_find_problem(group, gates))


def refuse_excess(group: Group) -> Group:
    """Return the group; not counted where more blood was examined than its draw holds.

    To be asked of the exposures that numbers per volume are made with: a recovery measured end
    to end replaces those of the routes.
    """
    return group if group.problem else replace(group, problem=_find_excess(group))


def _build_member(
    row: Acquisition,
    result: AcquisitionResult,
    *,
    draw: Draw,
    gates: Gates,
    min_events: int,
) -> Member:
    problem = _find_member_problem(result, gates=gates, min_events=min_events)
    if problem is not None:
        return Member(row, result, Exposure(reason="not counted"), problem=problem)
    return Member(row, result, find_exposure(Acquired(draw, row, result)))


def _find_member_problem(result: AcquisitionResult, *, gates: Gates, min_events: int) -> str | None:
    if result.status == "not_counted":
        return result.reason or "it could not be measured"
    events = result.phenotype_events or 0
    if events < min_events:
        return (
            f"too few events to count: {events:,} of the {min_events:,} that settings.min_events "
            f"asks for in population {gates.phenotype}"
        )
    return None


def _set_replicates_apart(members: Sequence[Member]) -> tuple[Member, ...]:
    """Keep one measurement of the same cells.

    Rows with a replicate are of the same cells as the other rows of their tube (a blank tube is
    one tube). Those without a replicate are kept, else the tube's first that could be counted.
    """
    kept: set[str] = set()
    for tube in {m.row.same_cells_key for m in members}:
        counted = [m for m in members if m.problem is None and m.row.same_cells_key == tube]
        single = [m for m in counted if m.row.replicate is None]
        kept.update(m.row.acquisition for m in (single or counted[:1]))
    return tuple(
        replace(m, apart=m.problem is None and m.row.acquisition not in kept) for m in members
    )


def explain_no_classes(gates: Gates) -> str:
    """Return why gates give no event a class: they lack cuts, phenotypes or both."""
    lacking = [("cuts", gates.cuts or gates.markers), ("phenotypes", gates.phenotypes)]
    missing = " and no ".join(name for name, given in lacking if not given)
    return f"no cuts: gates {gates.name} has no {missing}"


def _find_problem(group: Group, gates: Gates) -> str | None:
    if not gates.phenotypes or not (gates.cuts or gates.markers):
        return explain_no_classes(gates)
    if not group.summed:
        return "; ".join(f"{m.row.acquisition}: {m.problem}" for m in group.failed)
    return None


def _find_excess(group: Group) -> str | None:
    """Say so where more blood was examined than the draw holds, beyond the tolerance."""
    volume, limit = group.volume_ml, group.draw.volume_ml
    if volume is None or limit is None:
        return None
    if volume <= limit * (1 + VOLUME_TOLERANCE) * (1 + _ROUNDING):
        return None
    return (
        f"exposure {volume:.6g} mL is more than 10 % above the draw's volume_ml {limit:.6g}; "
        "check volumes, fractions, beads and replicates"
    )


def exceeds_draw(group: Group) -> bool:
    """Return whether the exposure is above the draw's volume at all."""
    volume, limit = group.volume_ml, group.draw.volume_ml
    return volume is not None and limit is not None and volume > limit * (1 + _ROUNDING)
