"""config.yaml: where the sheets, panels and gates are, and the settings."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import Field, field_validator

from chc_gating.model.limits import BackgroundExposure
from chc_gating.model.record import Record


class Settings(Record):
    """How sheets are read and results are judged; every key has a default."""

    strict: bool = Field(
        default=False,
        description="Fail at the end of the run when a draw, or a part of one, was not counted.",
    )
    decimal: Literal[".", ","] = Field(default=".", description="The decimal mark of the sheets.")
    date_format: str = Field(
        default="%Y-%m-%d",
        description="How dates are written in the sheets: `%Y` year, `%m` month, `%d` day.",
    )
    min_events: int = Field(
        default=1000,
        ge=0,
        description="Events of the phenotype population below which a draw is not counted, and a "
        "control gives no cut.",
        json_schema_extra={"unit": "events"},
    )
    min_donors: int = Field(
        default=20,
        ge=1,
        description="Healthy donors below which limits are not assessed.",
        json_schema_extra={"unit": "donors"},
    )
    ring_um: float = Field(
        default=2.5,
        gt=0,
        le=50,
        description="Width of the ring around a nucleus that stands for the cell.",
        json_schema_extra={"unit": "um"},
    )
    focus_drop: float = Field(
        default=3.0,
        gt=1,
        le=100,
        description="A square of a slide is out of focus below the slide's upper quartile of focus "
        "divided by this; its cells are not counted, and the exposure is lowered.",
    )
    control_crops: int = Field(
        default=24,
        ge=0,
        le=1000,
        description="Cells that are no candidates, drawn at random (half leukocytes, half "
        "unclassified), of which crops are kept beside those of candidates.",
        json_schema_extra={"unit": "cells"},
    )
    loq_cv: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="The coefficient of variation that a quantifiable count must reach.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    background_exposure: BackgroundExposure = Field(
        default="volume",
        description="What the background of healthy donors is proportional to: `volume` (mL of "
        "blood examined, without recovery) or `nucleated_cells` (better where false hybrids are "
        "leukocytes and donors' leukocyte counts differ).",
    )
    biological_alpha: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="How a person's true rate scatters between draws without a change, as the "
        "dispersion alpha of a negative binomial, from the laboratory's own repeated draws; "
        "blank: the clinical change is not assessed.",
    )
    baseline_draws: int = Field(
        default=2,
        ge=1,
        description="The first draws of a patient that are the baseline of the charts; fix it "
        "before looking at a series.",
        json_schema_extra={"unit": "draws"},
    )
    baseline_until: datetime.date | None = Field(
        default=None,
        description="Last day of the baseline, ISO date; wins over `baseline_draws`.",
    )
    cusum_low_per_ml: float | None = Field(
        default=None,
        gt=0,
        description="Rate of no change of the charts; blank: the mean of the baseline.",
        json_schema_extra={"unit": "cells/mL"},
    )
    cusum_ratio: float = Field(
        default=2.0,
        gt=1,
        le=100,
        description="The rise, as a fold of the rate of no change, that the CUSUM is tuned for.",
        json_schema_extra={"unit": "fold"},
    )
    cusum_h: float = Field(
        default=5.0,
        gt=0,
        le=100,
        description="A draw signals where the CUSUM exceeds this.",
        json_schema_extra={"unit": "cells"},
    )
    ewma_weight: float = Field(
        default=0.3, gt=0, le=1, description="Weight of the newest draw in the EWMA."
    )
    ewma_width: float = Field(
        default=3.0,
        gt=0,
        le=10,
        description="Upper limit of the EWMA above the rate of no change.",
        json_schema_extra={"unit": "standard deviations"},
    )
    alarm_rule: Literal["cusum", "ewma"] = Field(
        default="cusum", description="The chart whose signals are alarms; the other is shown."
    )
    alarm_confirm: int = Field(
        default=2,
        ge=1,
        le=5,
        description="Signals in a row, on different days, that confirm an alarm.",
        json_schema_extra={"unit": "draws"},
    )
    analyte_cva: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Analytical coefficient of variation of CEA and other analytes.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    analyte_cvi: float = Field(
        default=0.15,
        gt=0,
        le=1,
        description="Within-person coefficient of variation of an analyte; it depends on assay "
        "and study.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    limits: tuple[str, ...] = Field(
        default=(),
        description="limits.json files of earlier batches: their donors of equal panel and gates "
        "join this batch's.",
    )

    @field_validator("date_format")
    @classmethod
    def _names_a_day(cls, value: str) -> str:
        year, month, day = "%Y" in value or "%y" in value, "%m" in value, "%d" in value
        if not (year and month and day):
            raise ValueError("a date format needs %Y (or %y), %m and %d, such as %d.%m.%Y")
        return value


class Configuration(Record):
    """The keys of config.yaml; paths are relative to the working directory."""

    draws: str = Field(description="The sheet of draws.", min_length=1)
    acquisitions: str = Field(description="The sheet of acquisitions.", min_length=1)
    controls: str | None = Field(default=None, description="The sheet of controls.")
    biomarkers: str | None = Field(default=None, description="The sheet of blood markers.")
    clinical_events: str | None = Field(
        default=None, description="The sheet of treatments, surgery and imaging."
    )
    panels: str = Field(default="config/panels", description="The folder of panels.", min_length=1)
    gates: str = Field(
        default="config/gates", description="The folder of gates files.", min_length=1
    )
    results: str = Field(default="results", description="The folder for results.", min_length=1)
    settings: Settings = Field(default=Settings(), description="See below.")
