"""`chc gate-image`: the measured cells of a slide, through the same gate plan as a tube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chc_gating.batch import layout
from chc_gating.batch.gates import load_gates
from chc_gating.batch.panels import load_panel
from chc_gating.errors import RawFileError
from chc_gating.gating.background_cuts import (
    PixelLevel,
    find_background_cuts,
    list_fraction_channels,
)
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.result import GatingResult
from chc_gating.gating.run import run_plan
from chc_gating.imaging.cells import CellStream, cell_stream
from chc_gating.imaging.crops import write_no_crops
from chc_gating.imaging.records import Measurement
from chc_gating.imaging.tiles_table import find_lost_cells
from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.events import EventStream
from chc_gating.model.flags import LOST_FLAG, event_flag_bit, event_flag_names
from chc_gating.model.spillover import Spillover
from chc_gating.stages.acquisition import (
    Measured,
    Origin,
    describe_source,
    write_gated,
    write_not_counted,
)
from chc_gating.stages.apply_cutoffs import judge_cutoffs, read_cutoffs, require_cutoffs
from chc_gating.stages.autofluorescence import subtract_autofluorescence
from chc_gating.stages.candidate_crops import CONTROL_CROPS, Opening, find_labels, write_slide_crops
from chc_gating.stages.candidates_table import candidates_table
from chc_gating.stages.explain import build_field, explain
from chc_gating.stages.progress import show_progress
from chc_gating.stages.spillover import describe_spillover, resolve_spillover
from chc_gating.storage.atomic import replacing_files
from chc_gating.storage.provenance import describe_input
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import build_numbers, build_texts, write_table

if TYPE_CHECKING:
    import pyarrow


def gate_image(
    measured: Path,
    *,
    slide: Path,
    panel: Path,
    gates: Path,
    output: Path,
    labels: Path | None = None,
    spillover: Path | None = None,
    cutoffs: Path | None = None,
    control_crops: int = CONTROL_CROPS,
    threads: int = 1,
    record_faults: bool = False,
) -> None:
    """Give every measured cell its class, and write candidates with crops of the slide.

    ``measured`` is the folder that `chc measure` wrote; the image of the file and its pixel size
    are those that it was measured with. Outlines in crops are of the labels.tif in ``labels``, by
    default of the one in ``measured``; with neither, crops have none. ``cutoffs`` is the
    cutoffs.json that gates with cuts from controls need. A slide that could not be
    measured is passed on as not counted.

    Raises ConfigError for faults of panel and gates; RawFileError where the slide can no longer
    be read, unless ``record_faults`` makes that a result.
    """
    the_panel = load_panel(panel)
    the_gates = load_gates(gates, panel=the_panel)
    require_cutoffs(cutoffs, the_gates)
    measurement = read_record(measured / layout.MEASUREMENT, Measurement)
    origin = Origin(
        panel=the_panel,
        gates=the_gates,
        inputs=(
            *(file for file in measurement.inputs if file.role != "panel"),
            describe_input("panel", panel),
            describe_input("gates", gates),
            *describe_source(gates, the_gates),
            *([describe_input("spillover", spillover)] if spillover else []),
            *([describe_input("cutoffs", cutoffs)] if cutoffs else []),
        ),
        parameters=measurement.parameters,
    )
    with replacing_files(output) as folder:
        if measurement.status != "counted":
            reason = measurement.reason or "the slide was not measured"
            _write_nothing(folder, origin, reason=reason)
            return
        try:
            given = read_cutoffs(cutoffs, the_panel, the_gates)
            fractions = list_fraction_channels(the_panel, the_gates)
            cells = cell_stream(measured / layout.MEASUREMENTS, the_panel, fractions=fractions)
            cells = _flag_lost(cells, measured / layout.TILES, measurement)
            found = subtract_autofluorescence(
                cells.stream,
                the_panel,
                resolve_spillover(the_panel, table=spillover, keywords={}, channels=(), labels=()),
                fractions=fractions,
            )
            cuts = find_background_cuts(
                cells.stream, the_panel, the_gates, spillover=found, levels=_levels(measurement)
            )
            result = _gate(cells, origin, spillover=found, cuts=given | cuts, threads=threads)
            result, doubts = judge_cutoffs(result)
            field = build_field(cells, measurement)
            told = explain(result, field, origin=origin, measured=measured, measurement=measurement)
            result = told.result
            write_slide_crops(
                folder,
                result,
                field,
                opening=Opening(
                    slide, measured, find_labels(measured, labels), measurement, the_panel
                ),
                controls=control_crops,
            )
        except RawFileError as error:
            if not record_faults:
                raise
            _write_nothing(folder, origin, reason=str(error))
            return
        facts = Measured(
            saturated=cells.saturated.sum(axis=0).tolist(),
            has_margins=False,
            spillover=None if found is None else describe_spillover(found),
            slide=measurement.slide,
            repairs=measurement.repairs,
            draw_flags=(*_cut_flags(result), *doubts),
        )
        write_gated(folder, result=result, origin=origin, measured=facts)
        _write_tables(folder, result, cells, explanations=told.columns)


def _levels(measurement: Measurement) -> dict[str, PixelLevel]:
    """Return what is known of the pixels outside cells, by channel."""
    return {level.channel: PixelLevel(level.background, level.sd) for level in measurement.levels}


def _cut_flags(result: GatingResult) -> tuple[str, ...]:
    found = [cut.background for cut in result.cuts if cut.background is not None]
    return ("majority_not_negative",) if any(b.doubtful for b in found) else ()


def _gate(
    cells: CellStream,
    origin: Origin,
    *,
    spillover: Spillover | None,
    cuts: Mapping[str, AppliedCut],
    threads: int,
) -> GatingResult:
    plan = compile_gates(
        origin.panel,
        origin.gates,
        channels=cells.stream.channels,
        labels=cells.stream.labels,
        spillover=spillover,
        found_cuts=cuts,
    )
    stream = replace(cells.stream, event_flags=_flag_cells(cells, plan.arrays))
    shown = show_progress(stream, "gating cells")
    return run_plan(shown, plan, threads=threads, keep_events=True)


def _flag_lost(cells: CellStream, tiles: Path, measurement: Measurement) -> CellStream:
    """Return the cells, those of areas out of focus with the flag that leaves them out."""
    facts, ids = measurement.slide, cells.stream.event_ids
    if facts is None or ids is None:
        return cells
    lost = find_lost_cells(tiles, ids, slide_shape=(facts.height_px, facts.width_px))
    flags = cells.flags | np.where(lost, event_flag_bit(LOST_FLAG), np.uint32(0))
    return replace(cells, flags=flags.astype(np.uint32))


def _flag_cells(cells: CellStream, arrays: PlanArrays) -> NDArray[np.uint32]:
    """Return the cells' flags, with those of saturation: of a marker's own channel, or of one
    that its compensation takes something from.
    """
    flags = cells.flags.copy()
    for channel in arrays.marker_channel:
        detectors, _ = arrays.terms(channel)
        others = detectors[detectors != channel]
        flags[cells.saturated[:, channel]] |= event_flag_bit("saturated")
        flags[cells.saturated[:, others].any(axis=1)] |= event_flag_bit("leans_on_saturated")
    return flags


def _write_tables(
    folder: Path,
    result: GatingResult,
    cells: CellStream,
    *,
    explanations: Mapping[str, NDArray[np.float64]],
) -> None:
    centroids = cells.centroids_px[result.candidates.event_index]
    positions = {"centroid_y_px": centroids[:, 0], "centroid_x_px": centroids[:, 1], **explanations}
    write_table(folder / "candidates.parquet", candidates_table(result, positions=positions))
    write_table(folder / "cells.parquet", _cells_table(result, cells))


def _cells_table(result: GatingResult, cells: CellStream) -> pyarrow.Table:
    """Return cells.parquet: one row per cell; an empty phenotype is outside its population."""
    import pyarrow

    names = build_texts(["", *result.leaf_names[1:]], pyarrow.string())
    bits, which = np.unique(_flags(result), return_inverse=True)
    flags = build_texts([";".join(event_flag_names(int(b))) for b in bits], pyarrow.string())
    centroids = (build_numbers(column, pyarrow.float64()) for column in cells.centroids_px.T)
    # Taken from the few different texts: ten million texts of their own would fill the memory.
    columns = [
        build_numbers(_ids(cells.stream), pyarrow.int64()),
        *centroids,
        names.take(build_numbers(_classes(result), pyarrow.int16())),
        flags.take(build_numbers(which, pyarrow.int64())),
    ]
    return pyarrow.Table.from_arrays(columns, schema=_cells_schema())


def _cells_schema() -> pyarrow.Schema:
    import pyarrow

    columns = {"id": pyarrow.int64(), "centroid_y_px": pyarrow.float64()}
    columns |= {"centroid_x_px": pyarrow.float64(), "phenotype": pyarrow.string()}
    return pyarrow.schema({**columns, "flags": pyarrow.string()})


def _classes(result: GatingResult) -> NDArray[np.int16]:
    return np.empty(0, np.int16) if result.event_class is None else result.event_class


def _ids(stream: EventStream) -> NDArray[np.int64]:
    return np.arange(stream.event_count) if stream.event_ids is None else stream.event_ids


def _flags(result: GatingResult) -> NDArray[np.uint32]:
    return np.empty(0, np.uint32) if result.event_flags is None else result.event_flags


def _write_nothing(folder: Path, origin: Origin, *, reason: str) -> None:
    write_not_counted(folder, origin=origin, reason=reason)
    write_no_crops(folder)
    write_table(folder / "cells.parquet", _cells_schema().empty_table())
