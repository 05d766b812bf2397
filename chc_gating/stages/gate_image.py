"""`chc gate-image`: the measured cells of a slide, through the same gate plan as a tube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

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
from chc_gating.imaging.cell_groups import CellGroups, open_cells
from chc_gating.imaging.cells import cell_stream
from chc_gating.imaging.crops import write_no_crops
from chc_gating.imaging.records import Measurement
from chc_gating.imaging.tiles_table import LostSquares
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.spillover import Spillover
from chc_gating.stages.acquisition import (
    Measured,
    Origin,
    describe_rule_files,
    write_gated,
    write_not_counted,
)
from chc_gating.stages.apply_cutoffs import judge_cutoffs, read_cutoffs, require_cutoffs
from chc_gating.stages.autofluorescence import resolve_slide_spillover
from chc_gating.stages.candidate_crops import CONTROL_CROPS, Opening, find_labels, write_slide_crops
from chc_gating.stages.cell_marks import mark_cells, read_lost
from chc_gating.stages.cells_table import CELLS, cells_schema, write_cells
from chc_gating.stages.explain import explain
from chc_gating.stages.progress import show_progress
from chc_gating.stages.spillover import describe_spillover
from chc_gating.storage.atomic import replacing_files
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import write_table


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
            *describe_rule_files(
                panel, gates, source=the_gates.file, spillover=spillover, cutoffs=cutoffs
            ),
        ),
        parameters=measurement.parameters,
    )
    with replacing_files(output) as folder:
        if measurement.status != "counted":
            reason = measurement.reason or "the slide was not measured"
            _write_nothing(folder, origin, reason=reason)
            return
        try:
            cells = open_cells(measured / layout.MEASUREMENTS)
            gated = _gate(
                cells,
                origin,
                measurement=measurement,
                spillover=spillover,
                given_cuts=read_cutoffs(cutoffs, the_panel, the_gates),
                lost=read_lost(measured, measurement),
                threads=threads,
            )
            told = explain(
                gated.result,
                cells,
                origin=origin,
                measurement=measurement,
                seed=gated.seed,
                threads=threads,
            )
            result = told.result
            write_slide_crops(
                folder,
                result,
                opening=Opening(
                    slide, cells, find_labels(measured, labels), measurement, the_panel
                ),
                controls=control_crops,
                seed=gated.seed,
                threads=threads,
            )
        except RawFileError as error:
            if not record_faults:
                raise
            _write_nothing(folder, origin, reason=str(error))
            return
        facts = Measured(
            saturated=gated.saturated,
            has_margins=False,
            spillover=None if gated.spillover is None else describe_spillover(gated.spillover),
            slide=measurement.slide,
            repairs=measurement.repairs,
            draw_flags=(*_cut_flags(result), *gated.doubts),
        )
        write_gated(folder, result=result, origin=origin, measured=facts)
        write_cells(folder, result, cells, explanations=told.columns, threads=threads)


def _levels(measurement: Measurement) -> dict[str, PixelLevel]:
    """Return what is known of the pixels outside cells, by channel."""
    return {level.channel: PixelLevel(level.background, level.sd) for level in measurement.levels}


def _cut_flags(result: GatingResult) -> tuple[str, ...]:
    found = [cut.background for cut in result.cuts if cut.background is not None]
    return ("majority_not_negative",) if any(b.doubtful for b in found) else ()


@dataclass(frozen=True)
class _Gated:
    """A slide's result, flags of its cuts from controls, its saturated cells per channel, the
    seed of its draws, and what was compensated with.
    """

    result: GatingResult
    doubts: tuple[str, ...]
    saturated: list[int]
    seed: int
    spillover: Spillover | None


def _gate(
    cells: CellGroups,
    origin: Origin,
    *,
    measurement: Measurement,
    spillover: Path | None,
    given_cuts: Mapping[str, AppliedCut],
    lost: LostSquares | None,
    threads: int,
) -> _Gated:
    """Gate the cells; of each its class and its flags are kept, and nothing else."""
    panel, gates = origin.panel, origin.gates
    fractions = list_fraction_channels(panel, gates)
    stream = cell_stream(cells, panel, fractions=fractions, threads=threads)
    used = resolve_slide_spillover(stream, panel, table=spillover, fractions=fractions)
    cuts = find_background_cuts(
        stream, panel, gates, spillover=used, levels=_levels(measurement), threads=threads
    )
    plan = compile_gates(
        panel,
        gates,
        channels=stream.channels,
        labels=stream.labels,
        spillover=used,
        found_cuts={**given_cuts, **cuts},
    )
    marks = mark_cells(cells, panel, plan.arrays, lost=lost, threads=threads)
    shown = show_progress(replace(stream, event_flags=marks.flags), "gating cells")
    result = run_plan(shown, plan, threads=threads, keep_events=("class", "flags"))
    result, doubts = judge_cutoffs(result)
    return _Gated(result, doubts, marks.saturated.tolist(), marks.seed, used)


def _write_nothing(folder: Path, origin: Origin, *, reason: str) -> None:
    write_not_counted(folder, origin=origin, reason=reason)
    write_no_crops(folder)
    write_table(folder / CELLS, cells_schema().empty_table())
