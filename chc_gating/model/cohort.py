"""Statements on a whole batch (cohort.json): groups, CHC against CTC, agreement of measurements.

Limits are of 95 % and two-sided unless a name says otherwise; None is an open side or not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from chc_gating.model.acquisition import InputFile
from chc_gating.model.record import Record

GroupField = Literal["cohort", "group", "stage", "response"]
PairKind = Literal["modality", "operator", "replicate"]


class CohortScope(Record):
    """What is never mixed: modality, panel, gates, and the phenotype that is counted."""

    modality: str
    panel: str
    gates: str
    phenotype: str


class CohortMember(Record):
    """A draw in a comparison: its patient's first that has the field and a volume."""

    draw: str
    patient: str
    level: str
    lot: str | None
    count: int
    volume_ml: float = Field(gt=0)


class LevelRate(Record):
    """One group's rate; ``upper95_per_7_5_ml`` is one-sided, of a group of zeros only."""

    level: str
    draws: int
    count: int
    volume_ml: float
    per_7_5_ml: float
    low_per_7_5_ml: float | None
    high_per_7_5_ml: float | None
    upper95_per_7_5_ml: float | None


class LevelContrast(Record):
    """One group against the reference: ratio of rates, and area under the ROC curve of rates."""

    level: str
    reference: str
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    auc: float
    auc_low: float
    auc_high: float


class Permutation(Record):
    """A permutation p; ``exact``: all assignments were gone through, else a seeded sample."""

    p: float
    assignments: int
    exact: bool
    seed: int


class StageTrend(Record):
    """The factor of the rate from one stage to the next."""

    steps: Mapping[str, int]
    ratio_per_step: float | None
    low: float | None
    high: float | None
    permutation: Permutation | None


class GroupComparison(Record):
    """One column of the draws sheet, one scope. ``reason`` says why there are no numbers."""

    field: GroupField
    scope: CohortScope
    recovery_included: bool
    members: tuple[CohortMember, ...]
    alpha: float | None = None
    levels: tuple[LevelRate, ...] = ()
    contrasts: tuple[LevelContrast, ...] = ()
    permutation: Permutation | None = None
    trend: StageTrend | None = None
    notes: tuple[str, ...] = ()
    reason: str | None = None


class DrawRatio(Record):
    """CHC over CTC of one draw; the exposure is the same and cancels."""

    draw: str
    patient: str
    first_of_patient: bool
    chc: int
    ctc: int
    ratio: float | None
    low: float | None
    high: float | None


class ChcToCtc(Record):
    """CHC against CTC of one modality, panel and gates; totals are over patients' first draws.

    ten_or_more : draws with at least one CHC and ten times as many CHC as CTC or more.
    surely_ten_or_more, surely_below_ten : draws whose whole interval is on that side of 10.
    without_cells : draws with neither, which say nothing.
    """

    modality: str
    panel: str
    gates: str
    draws: tuple[DrawRatio, ...]
    patients: int
    chc: int
    ctc: int
    ratio: float | None
    low: float | None
    high: float | None
    ten_or_more: int
    surely_ten_or_more: int
    surely_below_ten: int
    without_cells: int
    notes: tuple[str, ...] = ()


class Measurement(Record):
    """One side of a pair."""

    name: str
    count: int
    volume_ml: float = Field(gt=0)
    per_7_5_ml: float
    operator: str | None = None


class AgreementPair(Record):
    """Two measurements of one draw: the ratio of their rates (first over second), exact limits."""

    draw: str
    patient: str
    phenotype: str
    first: Measurement
    second: Measurement
    same_cells: bool
    ratio: float | None
    low: float | None
    high: float | None
    in_summary: bool


class Agreement(Record):
    """Pairs of one kind and one scope on both sides, and their summary over patients.

    common_ratio : with limits widened by the over-dispersion. over_dispersion : Pearson
    chi-squared over its degrees of freedom, 1 for counting error alone. Bland-Altman numbers are
    differences (first less second) of square roots of the rates per 7.5 mL.
    """

    kind: PairKind
    first: str
    second: str
    phenotype: str
    recovery_included: bool
    pairs: tuple[AgreementPair, ...]
    patients: int
    common_ratio: float | None = None
    common_low: float | None = None
    common_high: float | None = None
    over_dispersion: float | None = None
    mean_difference: float | None = None
    mean_low: float | None = None
    mean_high: float | None = None
    limit_low: float | None = None
    limit_low_outer: float | None = None
    limit_high: float | None = None
    limit_high_outer: float | None = None
    notes: tuple[str, ...] = ()


class CohortResult(Record):
    """cohort.json: every number of the sections Groups and Agreement of the batch page."""

    schema_: str = Field(default="chc_gating/cohort/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Mapping[str, str | int | float | bool | None]
    comparisons: tuple[GroupComparison, ...]
    chc_to_ctc: tuple[ChcToCtc, ...]
    agreement: tuple[Agreement, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
