"""The limits of donors joined to a draw's counts, each at the draw's own exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chc_gating.counting.background_bootstrap import find_lob_upper, refit_simulated_donors
from chc_gating.counting.background_distribution import find_upper_tail
from chc_gating.counting.background_fit import BackgroundFits
from chc_gating.counting.detection import (
    Call,
    find_lob,
    find_loq,
    find_true_events_at_lod,
    give_call,
)
from chc_gating.counting.donors import explain_exposure, has_limits
from chc_gating.counting.excess_extras import ExcessExtras, find_excess_extras
from chc_gating.counting.limits import find_donor_excess, read_donors, stored_fit
from chc_gating.model.count import CountRow, DrawCount
from chc_gating.model.flags import join_flags
from chc_gating.model.limits import Limits, LotLimits, PhenotypeBackground
from chc_gating.model.phenotypes import CANDIDATE_CLASSES

LimitsKey = tuple[str | None, str | None, str | None]
"""Panel, gates and lot of a row."""
STANDARD_ML = 7.5
OTHER_LOT = "limits_of_other_lot"


@dataclass(frozen=True)
class Judgement:
    """What the donors' background says of one row; counts of events at the draw's exposure.

    alpha, rate : of the lot that counts. true_events_at_lod : s, beyond background.
    lod_per_7_5_ml : net of background, 7.5 s / (E R); None without a volume.
    exposure, excess : where the limits hold: mL or nucleated cells, and coincidence beyond donors'.
    lob_upper90_count, extras : filled by `LimitsJudge.bound_limits`.
    """

    phenotype: str
    call: Call
    count: int
    p: float
    expected: float
    alpha: float
    lob_count: int
    lod_count: float
    lod_per_7_5_ml: float | None
    loq_count: float | None
    lot: str | None
    donors: int
    exposure: float
    excess: float
    lob_upper90_count: int | None = None
    extras: ExcessExtras | None = None


@dataclass(frozen=True)
class GroupJudgement:
    """What the limits say of a draw's rows of one panel, gates and lot.

    reason : why nothing is assessable, or None. limits : None where the draw has none at all.
    """

    key: LimitsKey
    limits: Limits | None
    reason: str | None
    judgements: Mapping[str, Judgement]


class LimitsJudge:
    """Limits by panel, gates and lot; refits of simulated donors are made once a background."""

    def __init__(self, limits: Sequence[Limits], *, loq_cv: float) -> None:
        self._limits: dict[LimitsKey, Limits] = {(o.panel, o.gates, o.lot): o for o in limits}
        self._loq_cv = loq_cv
        self._refits: dict[tuple[LimitsKey, str | None, str], BackgroundFits] = {}

    def judge_draw(self, draw: DrawCount) -> tuple[DrawCount, dict[LimitsKey, GroupJudgement]]:
        """Return a draw with its limits filled in, and what they say, by panel, gates and lot.

        Only patients' draws are judged: donors are what the limits are made of.
        """
        if draw.draw["cohort"] != "patient":
            return draw, {}
        found: dict[LimitsKey, GroupJudgement] = {}
        for key in dict.fromkeys((row.panel, row.gates, row.lot) for row in draw.rows):
            rows = [row for row in draw.rows if (row.panel, row.gates, row.lot) == key]
            if any(row.count is not None for row in rows):
                found[key] = self._judge_group(key, rows)
        rows = [_fill_row(row, found.get((row.panel, row.gates, row.lot))) for row in draw.rows]
        flags = {flag for row in rows for flag in row.flags.split(";") if flag}
        update = {"rows": tuple(rows), "flags": tuple(sorted({*draw.flags, *flags}))}
        return draw.model_copy(update=update), found

    def bound_limits(
        self, groups: Mapping[LimitsKey, GroupJudgement]
    ) -> dict[LimitsKey, GroupJudgement]:
        """Return judgements with upper bounds of the limits, and extras, of CHC and CTC.

        Apart, because a table of thousands of draws does not show them.
        """
        return {
            key: replace(
                group,
                judgements={
                    name: self._bound(one, group.limits) for name, one in group.judgements.items()
                },
            )
            if group.limits is not None
            else group
            for key, group in groups.items()
        }

    def _judge_group(self, key: LimitsKey, rows: Sequence[CountRow]) -> GroupJudgement:
        limits = self._limits.get(key)
        if limits is None:
            return GroupJudgement(key, None, "no limits were computed", {})
        reason = limits.reason
        if limits.status == "assessed":
            reason = _explain_row(rows[0], limits)
        if reason is not None:
            return GroupJudgement(key, limits, reason, {})
        judged = {str(row.phenotype): self._judge_row(row, limits) for row in rows}
        return GroupJudgement(key, limits, None, {n: j for n, j in judged.items() if j is not None})

    def _judge_row(self, row: CountRow, limits: Limits) -> Judgement | None:
        if row.count is None or not has_limits(row.phenotype):
            return None
        found = [
            self._judge_by_lot(row, limits, lot, background)
            for lot in limits.used_lots
            for background in lot.phenotypes
            if background.phenotype == row.phenotype
        ]
        # A call by the highest limit is a call by all of them.
        return max(found, key=lambda one: (one.lob_count, one.expected), default=None)

    def _judge_by_lot(
        self, row: CountRow, limits: Limits, lot: LotLimits, background: PhenotypeBackground
    ) -> Judgement:
        count, name = row.count or 0, background.phenotype
        exposure = _read_exposure(row, limits) or 0.0
        excess = find_donor_excess(
            limits.donors_of(lot.lot),
            name,
            exposure=limits.background_exposure,
            own=row.expected_coincidence,
            own_exposure=exposure,
        )
        mean, alpha = (float(part[0]) for part in stored_fit(background).predict(exposure))
        lob = int(find_lob(mean, alpha, excess=excess))
        true_events = find_true_events_at_lod(lob, mean, alpha, excess=excess)
        loq = find_loq(background.alpha, goal_cv=self._loq_cv, exposure_cv=row.exposure_cv or 0.0)
        volume = (
            count / row.per_ml if row.per_ml else (row.exposure_ml or 0.0) * (row.recovery or 1)
        )
        return Judgement(
            phenotype=name,
            call=give_call(count, lob, loq),
            count=count,
            p=float(find_upper_tail(count, mean, alpha, excess=excess)),
            expected=mean + excess,
            alpha=background.alpha,
            lob_count=lob,
            lod_count=mean + excess + true_events,
            lod_per_7_5_ml=(
                STANDARD_ML * true_events / volume if row.per_7_5_ml is not None else None
            ),
            loq_count=loq,
            lot=lot.lot,
            donors=lot.donors,
            exposure=exposure,
            excess=excess,
        )

    def _bound(self, one: Judgement, limits: Limits) -> Judgement:
        if one.phenotype not in CANDIDATE_CLASSES:
            return one
        [background] = [
            background
            for lot in limits.used_lots
            if lot.lot == one.lot
            for background in lot.phenotypes
            if background.phenotype == one.phenotype
        ]
        refits = self._refit(limits, one, background)
        extras = find_excess_extras(
            one.count,
            one.exposure,
            donor_events=background.events,
            donor_exposure=background.exposure,
        )
        upper = find_lob_upper(refits, one.exposure, excess=one.excess)
        return replace(one, lob_upper90_count=upper, extras=extras)

    def _refit(
        self, limits: Limits, one: Judgement, background: PhenotypeBackground
    ) -> BackgroundFits:
        key = ((limits.panel, limits.gates, limits.lot), one.lot, one.phenotype)
        if key not in self._refits:
            donors = limits.donors_of(one.lot)
            _, exposures = read_donors(donors, one.phenotype, limits.background_exposure)
            self._refits[key] = refit_simulated_donors(exposures, stored_fit(background))
        return self._refits[key]


def _read_exposure(row: CountRow, limits: Limits) -> float | None:
    return row.exposure_ml if limits.background_exposure == "volume" else row.nucleated_cells


def _explain_row(row: CountRow, limits: Limits) -> str | None:
    return explain_exposure(
        row.exposure_source, _read_exposure(row, limits), limits.background_exposure
    )


def _fill_row(row: CountRow, group: GroupJudgement | None) -> CountRow:
    judged = None if group is None else group.judgements.get(str(row.phenotype))
    if judged is None or group is None or group.limits is None:
        return row
    other = [OTHER_LOT] if group.limits.basis == "worst_lot" else []
    flags = [flag for flag in row.flags.split(";") if flag]
    return row.model_copy(
        update={
            "expected_background": judged.expected,
            "p_background": judged.p,
            "lob_count": judged.lob_count,
            "lod_count": judged.lod_count,
            "loq_count": judged.loq_count,
            "call": judged.call,
            "flags": join_flags([*flags, *other]),
        }
    )
