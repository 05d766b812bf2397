"""Two routes to the volume of one acquisition held against each other, to find a wrong one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from scipy.special import ndtr

from chc_gating.counting.exposure import Acquired, measure_routes
from chc_gating.counting.groups import Group, Member
from chc_gating.counting.mixing import mix_beta
from chc_gating.model.exposure import Exposure, Recovery, RouteComparison

DISAGREEMENT_P = 0.001
"""As for acquisitions that are added: one flag in a thousand acquisitions without a fault."""
UNSTATED_CV = 0.05
"""Error of a volume, share or dilution that no sheet states: a convention, the width of two or
three pipetting steps. Two such errors make a factor of 1.26 the smallest that is flagged."""
DIFFERENTIAL_CV = 0.128
"""Error of lymphocytes + monocytes without ``cbc_cv``: a differential of 100 cells by hand."""
DISAGREE = "exposure_routes_disagree"
LOSSES = "a larger plated volume may be losses in handling"
"""Without a known recovery cells that were lost look like a volume that was not examined."""

Errors = Mapping[str, float]
"""Coefficients of variation by what they are of; what two routes share cancels."""


def compare_routes(group: Group, recovery: Recovery | None) -> Group:
    """Return the group with its members' other routes held against the one that is taken.

    recovery : of handling: what lies between a plated volume, from which cells were lost, and
    nucleated cells, which are what was left. Without one a plated volume may be the larger by any
    factor. Under a recovery end to end no route is used, and none is compared.
    """
    if recovery is not None and recovery.scope == "end_to_end":
        return group
    members = tuple(
        member
        if member.problem is not None
        else replace(member, routes=_compare_member(group, member, recovery))
        for member in group.members
    )
    return replace(group, members=members)


def _compare_member(
    group: Group, member: Member, recovery: Recovery | None
) -> tuple[RouteComparison, ...]:
    acquired = Acquired(group.draw, member.row, member.result)
    taken, *others = measure_routes(acquired) or (Exposure(reason="none"),)
    if taken.volume_ml is None:
        return ()
    return tuple(
        compare_volumes(acquired, taken, other, recovery=recovery)
        for other in others
        if other.volume_ml is not None
    )


def compare_volumes(
    acquired: Acquired, taken: Exposure, other: Exposure, *, recovery: Recovery | None
) -> RouteComparison:
    """Return the comparison of two known volumes of one acquisition.

    The logarithm of their ratio is normal about 0 when both are right, its variance the sum of
    the squared CVs of what the two do not share (the delta method; ISO/IEC Guide 98-3:2008,
    5.1.6, relative uncertainties of products). Of p below .001 it is said that they disagree.
    """
    if taken.source is None or other.source is None or not taken.volume_ml or not other.volume_ml:
        raise ValueError("two volumes with their sources are compared")
    errors = [_ERRORS[source](acquired) for source in (taken.source, other.source)]
    cvs = [cv for one, two in (errors, errors[::-1]) for name, cv in one.items() if name not in two]
    ratio, note, one_sided = taken.volume_ml / other.volume_ml, "", False
    if taken.recovery_applies and not other.recovery_applies:
        if recovery is None:
            note, one_sided = LOSSES, True
        else:
            ratio *= recovery.rate
            cvs.append(_find_recovery_cv(recovery))
            note = f"with the recovery of {recovery.rate:.4g}"
    cv = math.hypot(*cvs)
    p = 1.0 if one_sided and ratio > 1 else 2 * float(ndtr(-abs(math.log(ratio)) / cv))
    return RouteComparison(
        source=other.source,
        volume_ml=other.volume_ml,
        ratio=ratio,
        cv=cv,
        p=p,
        disagrees=p < DISAGREEMENT_P,
        note=note,
    )


def describe_comparison(one: RouteComparison) -> str:
    """Return a comparison as a step of an exposure's account."""
    text = (
        f"beside it {one.source} gives {one.volume_ml:.4g} mL: the volume taken is {one.ratio:.3g} "
        "times it"
    )
    if one.p == 1.0 and one.note == LOSSES:
        return f"{text}, of which nothing follows: {one.note}"
    verdict = "beyond" if one.disagrees else "within"
    note = f"; {one.note}" if one.note else ""
    return f"{text}, {verdict} their errors (CV {100 * one.cv:.2g} %, p {one.p:.2g}){note}"


def _find_recovery_cv(recovery: Recovery) -> float:
    if recovery.predictive is not None:
        return mix_beta(recovery.predictive.a, recovery.predictive.b, shape=1).cv
    return mix_beta(recovery.recovered + 0.5, recovery.lost + 0.5, shape=1).cv


def _list_bead_errors(acquired: Acquired) -> Errors:
    return {
        "beads counted": (acquired.result.bead_events or 1) ** -0.5,
        "bead lot": acquired.row.bead_lot_cv or 0.0,
        "beads and blood in the tube": UNSTATED_CV,
    }


def _list_suspension_errors(acquired: Acquired, name: str) -> Errors:
    return {name: UNSTATED_CV, "dilution_factor": UNSTATED_CV, **_list_live_errors(acquired)}


def _list_fraction_errors(acquired: Acquired) -> Errors:
    return {
        "fraction_stained": UNSTATED_CV,
        "fraction_acquired": UNSTATED_CV,
        **_list_live_errors(acquired),
    }


def _list_live_errors(acquired: Acquired) -> Errors:
    flow = acquired.result.flow
    known = flow and flow.abort_events is not None and flow.lost_events is not None
    return {} if known else {"f_live": UNSTATED_CV}


def _list_nucleated_errors(acquired: Acquired) -> Errors:
    draw, counted = acquired.draw, acquired.result.nucleated_events or 1
    unstated = DIFFERENTIAL_CV if draw.preparation == "gradient" else UNSTATED_CV
    return {"blood count": draw.cbc_cv or unstated, "nucleated cells": counted**-0.5}


_ERRORS: Mapping[str, Callable[[Acquired], Errors]] = {
    "beads": _list_bead_errors,
    "volume_acquired_ul": lambda a: _list_suspension_errors(a, "volume_acquired_ul"),
    "$VOL": lambda a: _list_suspension_errors(a, "$VOL"),
    "fractions": _list_fraction_errors,
    "volume_plated_ml": lambda _: {"volume_plated_ml": UNSTATED_CV},
    "nucleated_cells": _list_nucleated_errors,
}
