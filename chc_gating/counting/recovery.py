"""The recovery of a draw: from its own row, else from the spike draws like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chc_gating.batch.contents import Batch
from chc_gating.batch.rows import Draw
from chc_gating.counting.groups import Group, GroupKey, build_group, group_rows, refuse_excess
from chc_gating.counting.recovery_sources import (
    find_spike_draws,
    find_spike_rows,
    has_own_recovery,
)
from chc_gating.counting.recovery_spread import SpikeReplicate, predict_recovery
from chc_gating.counting.same_raw import refuse_same_raw
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.exposure import Recovery, RecoveryScope

SPIKED_PHENOTYPES = ("CHC", "CTC")
"""Classes in which spiked cells are counted: a cell line may carry CD45 or not."""


@dataclass(frozen=True)
class FoundRecovery:
    """The recovery of a group; without one, what stands in the way.

    problem : a recovery was measured, but no number per volume can be made with it.
    notes : spike draws that could not be used, and why.
    """

    recovery: Recovery | None = None
    problem: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Spiked:
    """What one draw contributes: cells recovered of those spiked, and where it was looked."""

    draw: str
    recovered: int
    spiked: int
    scope: RecoveryScope
    examined_share: float = 1.0
    how: str = "by the sheet"


def find_recovery(
    batch: Batch, draw: Draw, *, key: GroupKey, results: Mapping[str, AcquisitionResult]
) -> FoundRecovery:
    """Return the recovery of a draw's acquisitions with this key.

    From the draw's ``spiked`` and ``recovered``, else pooled over the spike draws of equal
    modality, panel, gates and lot: as if they were one, or with their spread where they differ by
    more than counting; else none.
    """
    if has_own_recovery(draw):
        own = _read_row(batch, draw)
        return FoundRecovery(problem=own) if isinstance(own, str) else _pool([own])
    if draw.cohort == "spike":
        return FoundRecovery(notes=("a spike draw is not corrected by other spike draws",))
    usable: list[_Spiked] = []
    notes: list[str] = []
    for spike in find_spike_draws(batch, draw, key):
        found = _read_spike(batch, spike, key=key, results=results)
        if isinstance(found, str):
            notes.append(f"spike draw {spike.draw} is not used: {found}")
        else:
            usable.append(found)
    return _choose(draw, usable, notes)


def _choose(draw: Draw, usable: Sequence[_Spiked], notes: Sequence[str]) -> FoundRecovery:
    scopes = {spiked.scope for spiked in usable}
    if "recovery_scope" in draw.model_fields_set:
        scopes.add(draw.recovery_scope)
    if usable and len(scopes) > 1:
        names = ", ".join(spiked.draw for spiked in usable)
        clash = f"no recovery is used: recovery_scope differs among {draw.draw}, {names}"
        return FoundRecovery(notes=(*notes, clash))
    if not usable:
        return FoundRecovery(notes=tuple(notes))
    pooled = _pool(usable)
    return FoundRecovery(pooled.recovery, pooled.problem, (*notes, *pooled.notes))


def _read_spike(
    batch: Batch, spike: Draw, *, key: GroupKey, results: Mapping[str, AcquisitionResult]
) -> _Spiked | str:
    if spike.recovered is not None:
        return _read_row(batch, spike)
    rows = find_spike_rows(batch, spike, key)
    group = build_group(
        key,
        rows,
        draw=spike,
        gates=batch.gates[key.gates],
        results=refuse_same_raw((row.acquisition for row in rows), results),
        min_events=batch.settings.min_events,
    )
    return group.problem or _count_spiked(group)


def _read_row(batch: Batch, draw: Draw) -> _Spiked | str:
    """Return what a draw's own row says, or why it cannot be used."""
    recovered, spiked = draw.recovered or 0, draw.spiked or 0
    if recovered == 0:
        return f"recovered is 0 of {spiked:,} spiked cells"
    if recovered > spiked:
        return f"recovered ({recovered:,}) is above spiked ({spiked:,})"
    groups = group_rows(batch.acquisitions_of(draw.draw))
    if draw.recovery_scope == "end_to_end" and len(groups) > 1:
        return (
            "recovery_scope end_to_end with acquisitions of more than one modality, panel, gates "
            "or lot: in which of them the cells were recovered is not known"
        )
    return _Spiked(draw.draw, recovered, spiked, draw.recovery_scope)


def _count_spiked(group: Group) -> _Spiked | str:
    """Count a spike draw's recovered cells in the blood that was examined."""
    draw, spiked = group.draw, group.draw.spiked or 0
    if draw.recovery_scope == "handling":
        group = _keep_measured(group)
        if group.problem is not None:
            return group.problem
    recovered = sum(group.count_events(name) for name in SPIKED_PHENOTYPES)
    if recovered > spiked:
        return f"{recovered:,} CHC and CTC counted, more than the {spiked:,} spiked"
    if draw.recovery_scope == "end_to_end":
        if group.failed:
            return "an acquisition of it failed, so not all recovered cells were looked for"
        return _Spiked(draw.draw, recovered, spiked, "end_to_end", how="CHC and CTC counted here")
    if draw.volume_ml is None:
        return "its volume_ml is blank"
    if group.volume_ml is None:
        return group.exposure_problem or "its exposure is not known"
    share = group.volume_ml / draw.volume_ml
    how = f"CHC and CTC counted here in {100 * share:.4g} % of its blood"
    return _Spiked(draw.draw, recovered, spiked, "handling", examined_share=share, how=how)


def _keep_measured(group: Group) -> Group:
    """Leave out volumes from the blood count: they hold the losses of handling already.

    Cells found there over cells expected there would be a recovery near 1.
    """
    members = tuple(m for m in group.members if m.exposure.recovery_applies)
    kept = replace(group, members=members)
    if not kept.summed:
        return replace(kept, problem="its volume comes from the blood count")
    return refuse_excess(kept)


def _pool(spiked: Sequence[_Spiked]) -> FoundRecovery:
    """Add draws up to one recovery: as if one draw, or one that varies from draw to draw."""
    recovered, total = sum(s.recovered for s in spiked), sum(s.spiked for s in spiked)
    if recovered == 0:
        return FoundRecovery(problem=f"no cell was recovered of {total:,} spiked")
    share = sum(s.spiked * s.examined_share for s in spiked) / total
    recovery = Recovery(
        recovered=recovered,
        spiked=total,
        scope=spiked[0].scope,
        examined_share=share,
        predictive=predict_recovery(
            [SpikeReplicate(s.recovered, s.spiked, s.examined_share) for s in spiked]
        ),
        steps=tuple(
            f"recovery: {s.recovered:,} of {s.spiked:,} cells spiked into {s.draw}, {s.how}"
            for s in spiked
        ),
    )
    notes = [*recovery.steps, _describe_pooled(recovery, draws=len(spiked))]
    if recovery.rate > 1:
        notes.append("the recovery is above 1: check spiked and the volumes of the spike draws")
    return FoundRecovery(recovery, notes=tuple(notes))


def _describe_pooled(recovery: Recovery, *, draws: int) -> str:
    text = f"recovery {recovery.rate:.6g}"
    if recovery.predictive is not None:
        a, b = recovery.predictive.a, recovery.predictive.b
        text += (
            f", the mean of {draws} spike draws that differ by more than counting; that of a new "
            f"draw spreads like Beta({a:.4g}, {b:.4g})"
        )
    elif draws > 1:
        text += f", pooled over {draws} spike draws as if they were one"
    return text + (
        " (end to end: it replaces the other fractions)"
        if recovery.scope == "end_to_end"
        else " (handling: it multiplies the other fractions)"
    )
