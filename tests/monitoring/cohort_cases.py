"""Draws made of records, as `chc count` would write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chc_gating.model.count import AcquisitionSummary, CountRow, DrawCount


def make_row(draw: str, phenotype: str, count: int, **values: object) -> CountRow:
    """Return a counted row of 5 mL by flow, unless ``values`` say otherwise."""
    exposure = values.get("exposure_ml", 5.0)
    fields: dict[str, object] = {
        "patient": draw.split("-")[0],
        "cohort": "patient",
        "collected_on": "2026-01-05",
        "modality": "flow",
        "panel": "chc4",
        "gates": "chc",
        "exposure_ml": 5.0,
        "exposure_source": "fractions",
        "per_7_5_ml": None if exposure is None else 7.5 * count / float(str(exposure)),
        "status": "counted",
        "software_version": "0",
        "config_hash": "0",
    }
    return CountRow.model_validate(
        {"draw": draw, "phenotype": phenotype, "count": count} | fields | values
    )


def make_draw(
    draw: str,
    chc: int,
    ctc: int = 0,
    *,
    facts: Mapping[str, str] | None = None,
    rows: Sequence[CountRow] = (),
    acquisitions: Sequence[AcquisitionSummary] = (),
    **values: object,
) -> DrawCount:
    """Return a counted draw; ``facts`` are further columns of its row of the sheet."""
    own = tuple(make_row(draw, name, k, **values) for name, k in (("CHC", chc), ("CTC", ctc)))
    first = own[0]
    sheet = {
        "draw": draw,
        "patient": first.patient,
        "cohort": first.cohort,
        "collected_on": first.collected_on,
    }
    return DrawCount(
        software_version="0",
        inputs=(),
        parameters={},
        draw=sheet | dict(facts or {}),
        status="counted",
        acquisitions=tuple(acquisitions),
        rows=(*own, *rows),
    )


def make_acquisition(
    name: str, chc: int, exposure_ml: float = 2.0, **row: str
) -> AcquisitionSummary:
    """Return one counted acquisition with its row's cells."""
    cells = {"modality": "image", "panel": "if4", "gates": "chc-slide"} | row
    return AcquisitionSummary(
        acquisition=name,
        row=cells,
        status="counted",
        exposure_ml=exposure_ml,
        exposure_source="volume_plated_ml",
        counts={"CHC": chc, "CTC": 0},
    )
