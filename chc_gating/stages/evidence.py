"""One acquisition's results, read from its folder for the draw's page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.batch.layout import TILES
from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionQuality, AcquisitionResult
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.evidence import (
    Candidates,
    CellPlaces,
    Crops,
    Evidence,
    Overview,
    TileMaps,
)
from chc_gating.storage.densities import read_densities
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table

if TYPE_CHECKING:
    import pyarrow

    from chc_gating.model.events import FloatArray


IntArray = NDArray[np.int64]

_OWN_COLUMNS = (
    "candidate",
    "event",
    "time_bin",
    "phenotype",
    "sub_phenotype",
    "flags",
    "centroid_y_px",
    "centroid_x_px",
)


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
        overview=read_overview(folder) if result.modality == "image" else None,
        tiles=read_tiles(folder / TILES, result),
    )


def read_tiles(path: Path, result: AcquisitionResult) -> TileMaps | None:
    """Return the maps of a slide's squares; None of a tube, and of a slide without quality."""
    quality = result.slide.quality if result.slide else None
    if quality is None or result.slide is None:
        return None
    table = read_table(path)
    columns = -(-result.slide.width_px // quality.square_px)

    def grid(name: str) -> NDArray[Any]:
        values = table.column(name).to_pylist() if name == "state" else _column(table, name)
        return np.asarray(values).reshape(-1, columns)

    def by_channel(what: str) -> dict[str, FloatArray]:
        names = [name for name in table.column_names if name.startswith(f"{what}:")]
        return {name.removeprefix(f"{what}:"): grid(name) for name in names}

    return TileMaps(
        nuclei=grid("nuclei"),
        focus=grid("focus"),
        state=grid("state"),
        background=by_channel("background"),
        saturated_share=by_channel("saturated_share"),
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
        explanations={
            name: _column(table, name)
            for name in names
            if name not in _OWN_COLUMNS and not name.startswith(("raw:", "compensated:"))
        },
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
    """Return the crops of a slide's candidates and controls, or None where it has neither.

    Raises ChcError where they are not the crops of these candidates.
    """
    # Imported here: the pages of tubes need neither the image reader nor its codecs.
    import tifffile

    from chc_gating.imaging.crops import OUTLINES, CropStack

    stack = read_record(folder / "crops.json", CropStack)
    count = len(stack.candidates) + len(stack.controls)
    if not count or stack.pixel_size_um is None:
        return None
    shape = (count, len(stack.channels), stack.size_px, stack.size_px)
    outlines = None
    if stack.has_outlines:
        outlines = tifffile.imread(folder / OUTLINES).reshape(shape[0], *shape[2:])
    return Crops(
        pixels=tifffile.imread(folder / "crops.tif").reshape(shape),
        valid=np.array(stack.valid),
        channels=stack.channels,
        pixel_size_um=stack.pixel_size_um,
        rows=_find_rows(np.array(stack.candidates, np.int64), candidates, folder),
        outlines=outlines,
        controls=tuple(zip(stack.control_phenotypes, stack.controls, strict=True)),
    )


def _find_rows(named: IntArray, candidates: Candidates, folder: Path) -> IntArray:
    """Return the rows of candidates that the crops name, by cell id."""
    rows: IntArray = np.searchsorted(candidates.event, named)
    known = rows < len(candidates)
    if not known.all() or not np.array_equal(candidates.event[rows], named):
        raise ChcError(
            f"{folder / 'crops.json'}: names other candidates than candidates.parquet beside it; "
            "run `chc gate-image` again"
        )
    return rows


def read_overview(folder: Path) -> Overview | None:
    """Return the slide made small, None of a slide that was not measured."""
    import tifffile

    from chc_gating.imaging.crops import OVERVIEW, CropStack

    stack = read_record(folder / "crops.json", CropStack)
    if stack.overview_px is None:
        return None
    levels = np.atleast_2d(tifffile.imread(folder / OVERVIEW))
    return Overview(levels=levels, side_px=stack.overview_px, of=stack.overview_of)
