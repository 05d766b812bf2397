"""Exposures where recovery was measured end to end: the draw's blood, and no other fraction."""

from __future__ import annotations

from dataclasses import replace

from chc_gating.counting.groups import Group, Member
from chc_gating.model.exposure import Exposure

_FLAG = "recovery_end_to_end"


def replace_fractions(group: Group) -> Group:
    """Return the group with exposures of whole blood, which the recovery turns into examined.

    A recovery end to end is of cells found in all acquisitions of the group. Where one of them
    failed, the others keep their share by ``fraction_stained``; without it no volume is known.
    """
    planned = [m for m in group.members if not m.apart]
    shares = _find_shares(planned, failed=bool(group.failed))
    names = {m.row.acquisition: share for m, share in zip(planned, shares, strict=True)}
    members = tuple(
        replace(m, exposure=_share_blood(group, names[m.row.acquisition])) if m.is_summed else m
        for m in group.members
    )
    return replace(group, members=members)


def _find_shares(planned: list[Member], *, failed: bool) -> list[float | None]:
    fractions = [m.row.fraction_stained for m in planned]
    known = [fraction for fraction in fractions if fraction is not None]
    if len(known) == len(planned):
        return [fraction / sum(known) for fraction in known]
    return [None if failed else 1 / len(planned)] * len(planned)


def _share_blood(group: Group, share: float | None) -> Exposure:
    volume = group.draw.volume_ml
    if volume is None:
        return Exposure(reason="recovery_scope end_to_end needs volume_ml")
    if share is None:
        return Exposure(
            reason="recovery_scope end_to_end holds for all acquisitions together; one failed, "
            "and fraction_stained, which would give the others' share, is blank"
        )
    return Exposure(
        volume_ml=volume * share,
        source="volume_ml",
        steps=(
            f"{volume:.10g} mL of blood (volume_ml)",
            f"of which this acquisition stands for {share:.6g}",
            "no other fraction: the recovery end to end holds them all",
        ),
        flags=(_FLAG,),
    )
