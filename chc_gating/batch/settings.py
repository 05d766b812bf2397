"""config.yaml: where the sheets, panels and gates are, and the settings."""

from __future__ import annotations

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
        description="Events of the phenotype population below which a draw is not counted.",
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
