"""The rows of the sheets: one record per sheet, its fields are the columns, in order."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import Field

from chc_gating.model.exposure import RecoveryScope
from chc_gating.model.panel import Modality
from chc_gating.model.record import Identifier, Record

Kind = Literal["id", "text", "path", "choice", "number", "integer", "date", "moment"]
Cohort = Literal["patient", "donor", "spike"]
Preparation = Literal["lysed", "gradient", "none"]
ControlKind = Literal["unstained", "single_stain", "fmo", "isotype"]
FlatFieldChoice = Literal["auto", "none"]
EventKind = Literal["treatment", "surgery", "imaging"]

REQUIRED: Any = ...


def _column(kind: Kind, meaning: str, *, default: Any = None, unit: str = "", **limits: Any) -> Any:
    """Return a field that knows its column's kind, meaning and unit, and its limits."""
    extra: dict[str, Any] = {"kind": kind, "unit": unit}
    return Field(default, description=meaning, json_schema_extra=extra, **limits)


class Row(Record):
    """A row of a sheet; a blank cell is the field's default."""

    def cells(self) -> dict[str, str]:
        """Return the filled cells in one spelling: ISO dates, decimal points, no locale."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {
            name: _spell(value)
            for name, value in values
            if name in self.model_fields_set and value is not None
        }


def _spell(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


class Draw(Row):
    """One venepuncture of one patient at one time."""

    draw: Identifier = _column("id", "Name of the draw.", default=REQUIRED)
    patient: Identifier = _column("id", "Who was drawn; a pseudonym.", default=REQUIRED)
    cohort: Cohort = _column(
        "choice",
        "`patient`, `donor` (healthy) or `spike` (blood with a known number of cells added).",
        default=REQUIRED,
    )
    group: str | None = _column("text", "A group for comparison, such as a study arm.")
    stage: str | None = _column("text", "Stage of disease.")
    response: str | None = _column("text", "Response to treatment.")
    collected_on: datetime.date = _column(
        "date", "Day of the draw, in `settings.date_format`.", default=REQUIRED, unit="date"
    )
    drawn_at: datetime.datetime | None = _column(
        "moment",
        "Time of the draw: `HH:MM` on the day of `collected_on`, or date, blank, `HH:MM`.",
        unit="time",
    )
    received_at: datetime.datetime | None = _column(
        "moment", "Time at which the laboratory had it, written like `drawn_at`.", unit="time"
    )
    volume_ml: float | None = _column(
        "number", "Blood processed, all tubes together.", unit="mL", gt=0
    )
    wbc_per_ul: float | None = _column(
        "number", "Leukocytes of the blood count (6,200 and not 6.2).", unit="cells/uL", gt=0
    )
    lymphocyte_fraction: float | None = _column(
        "number", "Lymphocytes as a share of leukocytes.", unit="share, 0 to 1", gt=0, le=1
    )
    monocyte_fraction: float | None = _column(
        "number", "Monocytes as a share of leukocytes.", unit="share, 0 to 1", gt=0, le=1
    )
    cbc_cv: float | None = _column(
        "number",
        "Coefficient of variation of the blood count; blank: the interval holds the counting "
        "error only, and says so.",
        unit="share, 0 to 1",
        gt=0,
        le=1,
    )
    preparation: Preparation | None = _column(
        "choice", "`lysed` (whole blood), `gradient` (mononuclear cells) or `none`."
    )
    spiked: int | None = _column("integer", "Cells added to the blood.", unit="cells", gt=0)
    recovered: int | None = _column(
        "integer",
        "Of `spiked`, the cells that were found again; blank: the spike draws of equal panel, "
        "gates and lot are used.",
        unit="cells",
        ge=0,
    )
    recovery_scope: RecoveryScope = _column(
        "choice",
        "`handling` multiplies the other fractions; `end_to_end` already holds them and "
        "replaces them.",
        default="handling",
    )
    note: str | None = _column("text", "Anything; shown, never used.")


class Acquisition(Row):
    """One FCS file, or one image of a slide, of a draw."""

    acquisition: Identifier = _column("id", "Name of the acquisition.", default=REQUIRED)
    draw: Identifier = _column("id", "The draw that it belongs to.", default=REQUIRED)
    modality: Modality = _column("choice", "`flow` or `image`.", default=REQUIRED)
    file: str = _column(
        "path",
        "The raw file, relative to the working directory; for a slide also a folder (OME-Zarr, or "
        "one TIFF a channel), or a folder or table of raw tiles.",
        default=REQUIRED,
        min_length=1,
    )
    image: int = _column(
        "integer", "Index of the image in a file of several.", default=0, unit="index from 0", ge=0
    )
    tube: str | None = _column("text", "The tube it comes from.")
    tube_order: int | None = _column(
        "integer", "The tube's place in the order of drawing.", unit="from 1", ge=1
    )
    panel: Identifier = _column(
        "id", "A file of `config/panels`, without `.yaml`.", default=REQUIRED
    )
    gates: Identifier = _column(
        "id", "A file of `config/gates`, without `.yaml`.", default=REQUIRED
    )
    lot: Identifier | None = _column("id", "Lot of the reagents; limits are by lot.")
    control_set: Identifier | None = _column(
        "id", "The controls for compensation and cut-offs; blank: the lot's."
    )
    operator: str | None = _column("text", "Who measured; initials will do.")
    replicate: Identifier | None = _column(
        "id",
        "Number of a repeated measurement of the same cells (1, 2, ...). Of the rows of a "
        "tube one counts, the one without a number or else the first; the others stand apart.",
    )
    fraction_stained: float | None = _column(
        "number",
        "Share of the draw's whole `volume_ml` that was stained for this acquisition.",
        unit="share, 0 to 1",
        gt=0,
        le=1,
    )
    fraction_acquired: float | None = _column(
        "number",
        "Share of the stained sample that went through the instrument; of a slide, the share "
        "that was imaged (blank: all of it).",
        unit="share, 0 to 1",
        gt=0,
        le=1,
    )
    dilution_factor: float | None = _column(
        "number", "Final volume over blood volume.", unit="ratio, 1 or more", ge=1
    )
    volume_acquired_ul: float | None = _column(
        "number", "Sample volume that was measured, as diluted.", unit="uL", gt=0
    )
    bead_population: str | None = _column(
        "text", "The population of the gates file that holds the counting beads."
    )
    beads_added: float | None = _column(
        "number", "Counting beads added to the tube.", unit="beads", gt=0
    )
    bead_lot_cv: float | None = _column(
        "number",
        "Coefficient of variation of the bead lot's stated count; blank: taken as exact. "
        "Acquisitions of one draw, lot and CV share its error.",
        unit="share, 0 to 1",
        gt=0,
        le=1,
    )
    blood_in_tube_ml: float | None = _column(
        "number", "Blood in the tube to which the beads were added.", unit="mL", gt=0
    )
    volume_plated_ml: float | None = _column(
        "number", "Blood equivalent on the slide.", unit="mL", gt=0
    )
    pixel_size_um: float | None = _column(
        "number", "Size of a pixel, where the file does not say it.", unit="um", gt=0
    )
    camera_tile_px: str | None = _column(
        "text",
        "Says that the slide is an unstitched grid of camera tiles without overlap, WIDTHxHEIGHT "
        "(`2048x2048`): its flat field is then corrected as that of raw tiles is.",
        unit="px",
        pattern=r"^[1-9][0-9]{1,5}x[1-9][0-9]{1,5}$",
    )
    flat_field: FlatFieldChoice = _column(
        "choice",
        "Raw tiles only. `auto`: the camera's gain is fitted on the tiles and corrected where they "
        "agree on it; `none`: it is left, as in tiles that are corrected already.",
        default="auto",
    )
    dark_level: float | None = _column(
        "number",
        "Raw tiles only: the camera's grey level without light; blank: fitted.",
        unit="grey levels",
        ge=0,
    )
    labels: str | None = _column(
        "path",
        "With a panel of `segmentation: {method: labels}`: the label image of the nuclei, a TIFF "
        "of whole numbers (0 is background), of the slide's size.",
        min_length=1,
    )
    note: str | None = _column("text", "Anything; shown, never used.")

    @property
    def same_cells_key(self) -> tuple[str | None, ...]:
        """What rows of the same cells share; all but the last, the tube, rows that are added."""
        return (self.draw, self.modality, self.panel, self.gates, self.lot, self.tube)


class Control(Row):
    """A control file for compensation or for cut-offs."""

    control: Identifier = _column("id", "Name of the control.", default=REQUIRED)
    panel: Identifier = _column(
        "id", "A file of `config/panels`, without `.yaml`.", default=REQUIRED
    )
    control_set: Identifier | None = _column("id", "The set it belongs to, such as a lot or a day.")
    kind: ControlKind = _column(
        "choice", "`unstained`, `single_stain`, `fmo` or `isotype`.", default=REQUIRED
    )
    marker: str | None = _column(
        "text", "The stained marker; for `fmo` the omitted one; for `isotype` blank: all."
    )
    file: str = _column(
        "path", "The raw file, relative to the working directory.", default=REQUIRED, min_length=1
    )
    image: int = _column(
        "integer",
        "Of a slide that cuts are taken from: index of the image in a file of several.",
        default=0,
        unit="index from 0",
        ge=0,
    )
    pixel_size_um: float | None = _column(
        "number",
        "Of a slide that cuts are taken from: size of a pixel, where the file does not say it.",
        unit="um",
        gt=0,
    )


class Biomarker(Row):
    """One value of a blood marker."""

    patient: Identifier = _column("id", "As in the draws.", default=REQUIRED)
    date: datetime.date = _column("date", "Day of the blood sample.", default=REQUIRED, unit="date")
    analyte: str = _column("text", "CEA, cfDNA, ...", default=REQUIRED, min_length=1)
    value: float = _column("number", "The result.", default=REQUIRED, unit="as `unit`", ge=0)
    unit: str = _column("text", "Unit of the value, such as ug/L.", default=REQUIRED, min_length=1)


class ClinicalEvent(Row):
    """A treatment, a surgery or an imaging result."""

    patient: Identifier = _column("id", "As in the draws.", default=REQUIRED)
    date: datetime.date = _column("date", "First day.", default=REQUIRED, unit="date")
    end_date: datetime.date | None = _column("date", "Last day of what lasts.", unit="date")
    kind: EventKind = _column("choice", "`treatment`, `surgery` or `imaging`.", default=REQUIRED)
    detail: str | None = _column("text", "What; for imaging CR, PR, SD or PD.")
