"""A draw's counts (count.json), one row per modality, panel, gates, lot and phenotype."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from chc_gating.model.acquisition import FlowFacts, InputFile, SlideFacts, Status
from chc_gating.model.exposure import RouteComparison
from chc_gating.model.record import Record


class CountRow(Record):
    """One row of counts.tsv; the fields are its columns, in order; None is an empty cell."""

    draw: str
    patient: str
    cohort: str
    collected_on: str
    modality: str | None = None
    panel: str | None = None
    gates: str | None = None
    lot: str | None = None
    phenotype: str | None = None
    count: int | None = None
    exposure_ml: float | None = None
    exposure_source: str | None = None
    recovery: float | None = None
    exposure_cv: float | None = None
    per_7_5_ml: float | None = None
    ci95_low_per_7_5_ml: float | None = None
    ci95_high_per_7_5_ml: float | None = None
    upper95_per_7_5_ml: float | None = None
    per_ml: float | None = None
    nucleated_cells: int | None = None
    per_50k_nucleated: float | None = None
    per_million_nucleated: float | None = None
    implied_wbc_per_ul: float | None = None
    count_without_saturated: int | None = None
    count_low_cut: int | None = None
    count_high_cut: int | None = None
    expected_background: float | None = None
    p_background: float | None = None
    expected_coincidence: float | None = None
    lob_count: int | None = None
    lod_count: float | None = None
    loq_count: float | None = None
    call: str | None = None
    flags: str = ""
    status: Status
    reason: str | None = None
    software_version: str
    config_hash: str


COUNT_COLUMNS: tuple[str, ...] = tuple(CountRow.model_fields)


class AcquisitionSummary(Record):
    """One acquisition of a draw: its row's fields, its status and its part of the exposure.

    ``row`` holds the acquisition's cells that are filled, as the sheet's columns name them.
    ``steps`` says in words how the exposure came about, one factor a line; ``exposure_reason``
    says which column is missing where there is none. ``counts`` are its own events by phenotype;
    ``summed`` is false where they are not in the draw's rows: a failure, or a replicate.
    ``phenotype_events`` are those that could have a phenotype; ``candidate_flags`` counts the
    candidates that carry an event flag. ``other_routes`` are volumes by other routes whose columns
    are filled too: shown and compared, never used.
    """

    acquisition: str
    row: Mapping[str, str]
    status: Status
    reason: str | None = None
    exposure_ml: float | None = None
    exposure_source: str | None = None
    exposure_reason: str | None = None
    other_routes: tuple[RouteComparison, ...] = ()
    steps: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    summed: bool = True
    counts: Mapping[str, int] = {}
    nucleated_events: int | None = None
    phenotype_events: int | None = None
    candidate_flags: Mapping[str, int] = {}
    flow: FlowFacts | None = None
    slide: SlideFacts | None = None


class ExpectedWbc(Record):
    """Nucleated cells per uL of blood by the clinic's blood count, or why they are not known.

    ``cells`` says in words which cells the preparation keeps; ``blanks`` are the columns that
    are blank, where ``per_ul`` is None.
    """

    per_ul: float | None = None
    cells: str = ""
    blanks: tuple[str, ...] = ()


class ExtraIntervals(Record):
    """Other 95 % intervals of a row, per 7.5 mL: Jeffreys' and mid-p.

    Extras beside the row's own interval, never in its place: they cover less than 95 %.
    """

    modality: str
    panel: str
    gates: str
    lot: str | None
    phenotype: str
    jeffreys_low_per_7_5_ml: float
    jeffreys_high_per_7_5_ml: float
    midp_low_per_7_5_ml: float
    midp_high_per_7_5_ml: float


class DrawCount(Record):
    """count.json: the counts of one draw and what they rest on.

    ``expected_wbc`` is what ``implied_wbc_per_ul`` of the rows is held beside. ``extras`` are
    further intervals of CHC and CTC.
    """

    schema_: str = Field(default="chc_gating/count/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Mapping[str, str | int | float | bool | None]
    draw: Mapping[str, str]
    status: Status
    reason: str | None = None
    acquisitions: tuple[AcquisitionSummary, ...] = ()
    rows: tuple[CountRow, ...] = ()
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    extras: tuple[ExtraIntervals, ...] = ()
    expected_wbc: ExpectedWbc | None = None
