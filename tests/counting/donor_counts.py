"""The healthy donors of science.md section 3, as arrays and as counts of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chc_gating.model.count import CountRow, DrawCount

COUNTS = np.array([0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 5, 0, 1, 0, 0, 2, 0, 1, 0, 1], dtype=float)
EQUAL = np.full(20, 5.0)
UNEQUAL = np.array([4.0, 5.0, 6.0, 5.0] * 5)


def make_count(
    draw: str,
    patient: str,
    *,
    cohort: str = "donor",
    chc: int | None = 0,
    ctc: int = 0,
    exposure_ml: float | None = 5.0,
    nucleated: int | None = 1_000_000,
    lot: str | None = "L1",
    collected_on: str = "2026-01-05",
    panel: str = "chc3",
    **cells: object,
) -> DrawCount:
    """A draw of CHC, CTC and leukocytes; not counted where ``chc`` is None."""
    counted = chc is not None
    base = {
        "draw": draw,
        "patient": patient,
        "cohort": cohort,
        "collected_on": collected_on,
        "modality": "flow",
        "panel": panel,
        "gates": "chc",
        "lot": lot,
        "exposure_ml": exposure_ml if counted else None,
        "exposure_source": "fractions" if counted and exposure_ml else None,
        "nucleated_cells": nucleated if counted else None,
        "call": "not_assessable" if counted else None,
        "status": "counted" if counted else "not_counted",
        "reason": None if counted else "nothing measured",
        "software_version": "0",
        "config_hash": "0" * 16,
        **cells,
    }
    numbers = {"CHC": chc, "CHC_EPCAM": chc, "CTC": ctc, "leukocyte": 900_000}
    rows = [
        CountRow.model_validate(
            {**base, "phenotype": name, "count": number if counted else None, **_rate(number, base)}
        )
        for name, number in numbers.items()
    ]
    return DrawCount(
        software_version="0",
        inputs=(),
        parameters={},
        draw={
            "draw": draw,
            "patient": patient,
            "cohort": cohort,
            "collected_on": collected_on,
        },
        status=base["status"],
        reason=base["reason"],
        rows=tuple(rows),
    )


def _rate(count: int | None, base: dict[str, object]) -> dict[str, float]:
    volume = base["exposure_ml"]
    if count is None or not isinstance(volume, float):
        return {}
    return {
        "per_7_5_ml": 7.5 * count / volume,
        "per_ml": count / volume,
        "exposure_cv": 0.0,
        "ci95_low_per_7_5_ml": 0.0,
        "ci95_high_per_7_5_ml": 7.5 * (count + 5) / volume,
        "upper95_per_7_5_ml": 7.5 * (count + 4) / volume,
    }


def make_donors(
    counts: Sequence[float] = tuple(COUNTS),
    exposures: Sequence[float] = tuple(UNEQUAL),
    *,
    lot: str | None = "L1",
    first: int = 1,
) -> list[DrawCount]:
    """Donors N01, N02, ... with one draw each."""
    return [
        make_count(f"N{i:02d}-T1", f"N{i:02d}", chc=int(k), exposure_ml=float(e), lot=lot)
        for i, (k, e) in enumerate(zip(counts, exposures, strict=True), start=first)
    ]
