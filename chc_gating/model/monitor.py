"""One patient's draws over time (monitor.json): change, trend, alarms, analytes, lead times."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from chc_gating.model.acquisition import InputFile
from chc_gating.model.record import Record


class DrawPoint(Record):
    """One draw of a series; ``used`` is false where it is shown and left out of every fit.

    ``cusum``, ``ewma_per_ml`` and ``signal`` are None in the baseline window and where no chart
    could be run. ``lob_count``, ``p_background`` and ``call`` are joined from the limits of donors
    where there are any.
    """

    draw: str
    collected_on: str
    lot: str | None = None
    count: int | None = None
    exposure_ml: float | None = None
    per_7_5_ml: float | None = None
    ci95_low_per_7_5_ml: float | None = None
    ci95_high_per_7_5_ml: float | None = None
    upper95_per_7_5_ml: float | None = None
    used: bool
    reason: str | None = None
    in_baseline: bool = False
    cusum: float | None = None
    ewma_per_ml: float | None = None
    ewma_limit_per_ml: float | None = None
    signal: bool | None = None
    lob_count: int | None = None
    p_background: float | None = None
    call: str | None = None


class PairChange(Record):
    """The change from one draw to the next; None is not assessed, or no finite value."""

    earlier: str
    later: str
    earlier_count: int
    later_count: int
    earlier_exposure_ml: float
    later_exposure_ml: float
    rate_ratio: float | None
    ratio95_low: float
    ratio95_high: float | None
    p_analytical: float
    p_clinical: float | None
    extra_p_midp: float
    extra_p_score: float
    critical_next_count: int
    smallest_rise_fold: float | None


class Homogeneity(Record):
    """Whether all draws have one rate."""

    chi2: float
    degrees_of_freedom: int
    p_pearson: float
    p_exact: float
    exact_by: str


class Trend(Record):
    """The log-linear trend of all draws that are used, per month."""

    draws: int
    slope_per_month: float
    standard_error: float
    slope95_low: float | None
    slope95_high: float | None
    doubling_months: float | None
    doubling95_low_months: float | None
    doubling95_high_months: float | None
    alpha: float
    alpha_source: str
    poisson_pearson_phi: float | None


class Predictive(Record):
    """The newest draw against all earlier ones at one rate."""

    draw: str
    earlier_count: int
    earlier_exposure_ml: float
    p_as_low: float
    p_as_high: float


class ChangePoint(Record):
    """The likeliest split in two rates: exploratory, found by looking."""

    first_draw_after: str
    log_likelihood_gain: float
    p_simulated: float


class ControlCharts(Record):
    """The charts, and the average number of draws to a signal at the mean exposure.

    false_alarm_chance : of a confirmed alarm within this series' draws after the baseline, were
        the rate to stay as it is stated.
    """

    baseline_draws: tuple[str, ...]
    low_per_ml: float
    high_per_ml: float
    rates_from: str
    reference_per_ml: float
    cusum_h: float
    exposure_ml: float
    cusum_run_length_no_change: float
    cusum_run_length_changed: float
    ewma_weight: float
    ewma_width: float
    ewma_run_length_no_change: float
    ewma_run_length_changed: float
    false_alarm_chance: float


class Alarm(Record):
    """The first alarm that the stated number of draws in a row confirms.

    It began after ``not_before`` (the last draw without a signal; None where there is none) and
    no later than ``first_on``.
    """

    first_draw: str
    first_on: str
    confirmed_by: str
    confirmed_on: str
    not_before: str | None


class Series(Record):
    """The draws of one modality, panel, gates and phenotype; lots are told apart in the points."""

    modality: str
    panel: str
    gates: str
    phenotype: str
    points: tuple[DrawPoint, ...]
    changes: tuple[PairChange, ...] = ()
    homogeneity: Homogeneity | None = None
    trend: Trend | None = None
    predictive: Predictive | None = None
    change_point: ChangePoint | None = None
    charts: ControlCharts | None = None
    charts_reason: str | None = None
    unconfirmed_signals: tuple[str, ...] = ()
    alarm: Alarm | None = None
    limits: str
    notes: tuple[str, ...] = ()


class AnalytePoint(Record):
    """One result; ``change`` is relative to the result before, None for the first."""

    date: str
    value: float
    change: float | None = None
    beyond: str | None = None


class AnalyteSeries(Record):
    """An analyte in one unit, with the reference change value that it is held against."""

    analyte: str
    unit: str
    analytical_cv: float
    individual_cv: float
    reference_rise: float
    reference_fall: float
    points: tuple[AnalytePoint, ...]
    doubling_months: float | None = None
    doubling95_low_months: float | None = None
    doubling95_high_months: float | None = None
    doubling_reason: str | None = None
    alarm_on: str | None = None
    alarm_not_before: str | None = None


class PatientEvent(Record):
    """A treatment, a surgery or an imaging result of the sheet."""

    date: str
    end_date: str | None = None
    kind: str
    detail: str | None = None


class LeadTime(Record):
    """Days from one event to another, censored on both sides; None is "not bounded"."""

    earlier: str
    later: str
    shortest_days: int | None
    longest_days: int | None


class Monitor(Record):
    """monitor.json: every number of a patient's page."""

    schema_: str = Field(default="chc_gating/monitor/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Mapping[str, str | int | float | bool | None]
    patient: str
    series: tuple[Series, ...]
    analytes: tuple[AnalyteSeries, ...] = ()
    events: tuple[PatientEvent, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    notes: tuple[str, ...] = ()
    draws_without_rows: tuple[str, ...] = ()
