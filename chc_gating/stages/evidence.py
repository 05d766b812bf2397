"""One acquisition's results, read from its folder for the draw's page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionQuality, AcquisitionResult
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.evidence import Candidates, CellPlaces, Crops, Evidence
from chc_gating.storage.densities import read_densities
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table

if TYPE_CHECKING:
    import pyarrow

    from chc_gating.model.events import FloatArray


def read_evidence(folder: Path, *, acquisition: str) -> Evidence:
    """Return what the stages wrote on one acquisition; crops only where a slide has them."""
    result = read_record(folder / "populations.json", AcquisitionResult)
    totals = {row.name: row.events for row in result.phenotypes if row.name in CANDIDATE_CLASSES}
    candidates = replace(read_candidates(folder / "candidates.parquet"), totals=totals)
    return Evidence(
        acquisition=acquisition,
        result=result,
        quality=read_record(folder / "quality.json", AcquisitionQuality),
        densities=read_densities(folder / "densities.npz"),
        candidates=candidates,
        crops=read_crops(folder, candidates) if result.modality == "image" else None,
        cells=read_cells(folder / "cells.parquet") if result.modality == "image" else None,
    )


def read_cells(path: Path) -> CellPlaces:
    """Return where the cells of cells.parquet lie."""
    table = read_table(path)
    return CellPlaces(_column(table, "centroid_y_px"), _column(table, "centroid_x_px"))


def read_candidates(path: Path) -> Candidates:
    """Return a candidates table as arrays."""
    table = read_table(path)
    names = table.column_names
    return Candidates(
        number=_column(table, "candidate").astype(np.int64),
        event=_column(table, "event").astype(np.int64),
        time_bin=_column(table, "time_bin").astype(np.int64),
        phenotype=tuple(table.column("phenotype").to_pylist()),
        sub_phenotype=tuple(table.column("sub_phenotype").to_pylist()),
        flags=tuple(
            tuple(flag for flag in (cell or "").split(";") if flag)
            for cell in table.column("flags").to_pylist()
        ),
        centroid_y_px=_column(table, "centroid_y_px") if "centroid_y_px" in names else None,
        centroid_x_px=_column(table, "centroid_x_px") if "centroid_x_px" in names else None,
        raw=_channels(table, "raw:"),
        compensated=_channels(table, "compensated:"),
    )


def _column(table: pyarrow.Table, name: str) -> FloatArray:
    values = table.column(name).to_numpy()
    return np.asarray(values) if values.dtype.kind == "i" else np.asarray(values, np.float64)


def _channels(table: pyarrow.Table, prefix: str) -> dict[str, FloatArray]:
    return {
        name.removeprefix(prefix): _column(table, name)
        for name in table.column_names
        if name.startswith(prefix)
    }


def read_crops(folder: Path, candidates: Candidates) -> Crops | None:
    """Return the crops of a slide's candidates, or None where it has no candidate.

    Raises ChcError where they are not the crops of these candidates.
    """
    # Imported here: the pages of tubes need neither the image reader nor its codecs.
    import tifffile

    from chc_gating.imaging.crops import CropStack

    stack = read_record(folder / "crops.json", CropStack)
    if not stack.candidates or stack.pixel_size_um is None:
        return None
    named = np.array(stack.candidates)
    if not any(np.array_equal(named, ids) for ids in (candidates.number, candidates.event)):
        raise ChcError(
            f"{folder / 'crops.json'}: names other candidates than candidates.parquet beside it; "
            "run `chc gate-image` again"
        )
    shape = (len(named), len(stack.channels), stack.size_px, stack.size_px)
    return Crops(
        pixels=tifffile.imread(folder / "crops.tif").reshape(shape),
        valid=np.array(stack.valid),
        channels=stack.channels,
        pixel_size_um=stack.pixel_size_um,
    )
