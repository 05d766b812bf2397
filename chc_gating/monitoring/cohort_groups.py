"""Groups of draws held against each other: rates, ratios, areas, permutation p, trend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from chc_gating.model.cohort import (
    CohortMember,
    CohortScope,
    GroupComparison,
    GroupField,
    LevelContrast,
    LevelRate,
    Permutation,
    StageTrend,
)
from chc_gating.model.count import DrawCount
from chc_gating.monitoring.cohort_draws import (
    CountedRow,
    ScopeKey,
    find_rows,
    keep_comparable,
    make_alike,
    take_first,
)
from chc_gating.monitoring.cohort_permutation import (
    PermutationResult,
    compare_groups,
    compare_trend,
)
from chc_gating.monitoring.cohort_rates import (
    Counts,
    RateFit,
    find_rate_limits,
    find_ratio_limits,
    find_scores,
    find_slope_limits,
    find_zero_bound,
    fit_rates,
)
from chc_gating.monitoring.cohort_roc import find_auc, find_auc_limits
from chc_gating.monitoring.cohort_stages import order_stages

STANDARD_ML = 7.5
FIELDS: tuple[GroupField, ...] = ("cohort", "group", "stage", "response")
MIN_PER_GROUP = 5
"""Draws in every group below which a comparison has intervals and no p."""
FEWEST_PER_GROUP = 2
"""One draw of a group says nothing of how its patients differ: no number rests on it."""
MOST_LEVELS = 12
UPPER_TAIL = 0.05


def compare_field(
    draws: Sequence[DrawCount], field: GroupField, *, scope: ScopeKey, phenotype: str, seed: int
) -> GroupComparison | None:
    """Return one column's groups compared by one phenotype; None where there is one group only.

    Spiked blood takes no part. Each patient's first draw that has the field and a volume stands
    for the patient.
    """
    rows = [r for r in find_rows(draws, scope, phenotype) if r.row.cohort != "spike"]
    named = [r for r in keep_comparable(rows) if r.draw.draw.get(field)]
    alike, with_recovery = make_alike(take_first(named))
    members = [_describe_member(r, field, recovery_included=with_recovery) for r in alike]
    if len({m.level for m in members}) < 2:
        return None
    empty = GroupComparison(
        field=field,
        scope=CohortScope(**scope._asdict(), phenotype=phenotype),
        recovery_included=with_recovery,
        members=tuple(members),
    )
    reason = _find_obstacle(members, field)
    if reason is not None:
        return empty.model_copy(update={"reason": reason})
    return _compare(empty, seed=seed)


def _describe_member(
    one: CountedRow, field: GroupField, *, recovery_included: bool
) -> CohortMember:
    return CohortMember(
        draw=one.row.draw,
        patient=one.patient,
        level=one.draw.draw[field],
        lot=one.row.lot,
        count=one.row.count or 0,
        volume_ml=one.find_volume(recovery_included=recovery_included),
    )


def _find_obstacle(members: Sequence[CohortMember], field: GroupField) -> str | None:
    sizes = Counter(m.level for m in members)
    if len(sizes) > MOST_LEVELS:
        return f"{len(sizes)} different values of {field}, more than {MOST_LEVELS}: not groups"
    small = [name for name in sorted(sizes) if sizes[name] < FEWEST_PER_GROUP]
    if small:
        return f"one patient only in {', '.join(small)}: how patients differ there is not known"
    return None


def order_levels(members: Sequence[CohortMember], field: GroupField) -> list[str]:
    """Return the groups; the first is the reference: donors, the lowest stage, or by the name."""
    names = sorted({m.level for m in members})
    if field == "stage":
        steps = order_stages(names)
        return names if steps is None else list(steps)
    return names


def _compare(empty: GroupComparison, *, seed: int) -> GroupComparison:
    members = empty.members
    levels = order_levels(members, empty.field)
    data = Counts(
        np.array([m.count for m in members], dtype=np.int64),
        np.array([m.volume_ml for m in members]),
        np.array([levels.index(m.level) for m in members], dtype=np.int64),
    )
    fit = fit_rates(data)
    sizes = np.bincount(data.strata)
    large = int(sizes.min()) >= MIN_PER_GROUP and bool(data.counts.any())
    tested = compare_groups(find_scores(data), data.strata, seed=seed) if large else None
    return empty.model_copy(
        update={
            "alpha": fit.alpha if data.counts.any() else None,
            "levels": tuple(_describe_level(data, fit, i, levels[i]) for i in range(len(levels))),
            "contrasts": tuple(_contrast(data, fit, i, levels) for i in range(1, len(levels))),
            "permutation": _record(tested, seed),
            "trend": _find_trend(data, levels, seed=seed, large=large)
            if empty.field == "stage"
            else None,
            "notes": tuple(
                _find_notes(empty, sizes.tolist(), levels, any_cells=bool(fit.rates.any()))
            ),
        }
    )


def _record(found: PermutationResult | None, seed: int) -> Permutation | None:
    if found is None:
        return None
    return Permutation(p=found.p, assignments=found.assignments, exact=found.exact, seed=seed)


def _describe_level(data: Counts, fit: RateFit, stratum: int, name: str) -> LevelRate:
    counts, volumes = data.select(stratum)
    limits = find_rate_limits(data, stratum)
    bound = None
    if fit.rates[stratum] == 0:
        bound = find_zero_bound(data, stratum, alpha=fit.alpha, tail=UPPER_TAIL)
    return LevelRate(
        level=name,
        draws=counts.size,
        count=int(counts.sum()),
        volume_ml=float(volumes.sum()),
        per_7_5_ml=STANDARD_ML * float(fit.rates[stratum]),
        low_per_7_5_ml=_per_standard(limits.low),
        high_per_7_5_ml=_per_standard(limits.high),
        upper95_per_7_5_ml=_per_standard(bound),
    )


def _per_standard(rate: float | None) -> float | None:
    return None if rate is None else STANDARD_ML * rate


def _contrast(data: Counts, fit: RateFit, stratum: int, levels: Sequence[str]) -> LevelContrast:
    limits = find_ratio_limits(data, stratum, 0)
    rates = data.counts / data.exposures
    own, reference = rates[data.strata == stratum], rates[data.strata == 0]
    area = find_auc(own, reference)
    low, high = find_auc_limits(area, own.size, reference.size)
    return LevelContrast(
        level=levels[stratum],
        reference=levels[0],
        ratio=float(fit.rates[stratum] / fit.rates[0]) if fit.rates[0] > 0 else None,
        ratio_low=limits.low,
        ratio_high=limits.high,
        auc=area,
        auc_low=low,
        auc_high=high,
    )


def _find_trend(
    data: Counts, levels: Sequence[str], *, seed: int, large: bool
) -> StageTrend | None:
    steps = order_stages(levels)
    if steps is None or len(set(steps.values())) < 2:
        return None
    places = np.array([float(steps[name]) for name in levels])
    one = Counts(data.counts, data.exposures, np.zeros_like(data.strata))
    ratio, limits = find_slope_limits(one, places[data.strata])
    tested = compare_trend(find_scores(data), data.strata, places, seed=seed) if large else None
    return StageTrend(
        steps=steps,
        ratio_per_step=ratio,
        low=limits.low,
        high=limits.high,
        permutation=_record(tested, seed),
    )


def _find_notes(
    empty: GroupComparison, sizes: Sequence[int], levels: Sequence[str], *, any_cells: bool
) -> list[str]:
    notes = []
    if min(sizes) < MIN_PER_GROUP:
        notes.append(f"fewer than {MIN_PER_GROUP} patients in a group: intervals only, no p")
    if not any_cells:
        notes.append("all counts are zero: the bounds hold counting error only")
    if empty.field == "stage" and order_stages(levels) is None:
        strange = ", ".join(name for name in levels if order_stages([name]) is None)
        notes.append(
            f"no trend and no order of stages: {strange} is none of 0 to 4 or I to IV (with or "
            "without a letter, such as IIIB); write the stages so in the draws sheet"
        )
    lots = {name: {m.lot for m in empty.members if m.level == name} for name in levels}
    if len({frozenset(lot for lot in own) for own in lots.values()}) > 1:
        notes.append("the groups differ in lots: a difference may be the lots'")
    if empty.field == "cohort":
        notes.append("donors are a comparison here; the call of a draw rests on its limits alone")
    return notes
