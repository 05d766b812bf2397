"""`chc gate-flow`: one FCS file, streamed once through the gate plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from chc_gating.batch.gates import load_gates
from chc_gating.batch.panels import load_panel
from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import FcsFile, open_fcs
from chc_gating.flow.quality import assess_time, describe_stability
from chc_gating.flow.volume import read_flow_facts
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.empty import explain_empty
from chc_gating.gating.imported_sample import ImportedSample
from chc_gating.gating.plan import GatePlan
from chc_gating.gating.result import GatingResult
from chc_gating.gating.run import run_plan
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover
from chc_gating.stages.acquisition import (
    Measured,
    Origin,
    describe_rule_files,
    write_gated,
    write_not_counted,
)
from chc_gating.stages.apply_cutoffs import judge_cutoffs, read_cutoffs, require_cutoffs
from chc_gating.stages.candidates_table import candidates_table
from chc_gating.stages.flowjo import choose_sample, rename_in_sample
from chc_gating.stages.progress import show_progress
from chc_gating.stages.spillover import describe_spillover, resolve_tube_spillover
from chc_gating.storage.atomic import replacing_files
from chc_gating.storage.provenance import describe_input
from chc_gating.storage.tables import write_table


def gate_flow(
    file: Path,
    *,
    panel: Path,
    gates: Path,
    output: Path,
    spillover: Path | None = None,
    cutoffs: Path | None = None,
    bead_population: str | None = None,
    threads: int = 1,
    record_faults: bool = False,
    fingerprint: bool = True,
) -> None:
    """Gate one FCS file and write its result folder.

    ``cutoffs`` is the cutoffs.json that gates with cuts from controls need.
    Raises ConfigError for faults of panel and gates; RawFileError for a fault inside the file,
    unless ``record_faults`` makes that a result (``status: not_counted``).
    """
    the_panel = load_panel(panel)
    the_gates = load_gates(gates, panel=the_panel)
    require_cutoffs(cutoffs, the_gates)
    origin = Origin(
        panel=the_panel,
        gates=the_gates,
        inputs=(
            describe_input("raw", file, fingerprint=fingerprint),
            *describe_rule_files(
                panel, gates, source=the_gates.file, spillover=spillover, cutoffs=cutoffs
            ),
        ),
        parameters={"bead_population": bead_population},
    )
    try:
        result, origin, measured = _gate(
            file,
            origin,
            spillover=spillover,
            cuts=read_cutoffs(cutoffs, the_panel, the_gates),
            bead_population=bead_population,
            threads=threads,
        )
    except RawFileError as error:
        if not record_faults:
            raise
        with replacing_files(output) as folder:
            write_not_counted(folder, origin=origin, reason=str(error))
        return
    with replacing_files(output) as folder:
        write_gated(folder, result=result, origin=origin, measured=measured)
        write_table(folder / "candidates.parquet", candidates_table(result))


def _gate(
    file: Path,
    origin: Origin,
    *,
    spillover: Path | None,
    cuts: Mapping[str, AppliedCut],
    bead_population: str | None,
    threads: int,
) -> tuple[GatingResult, Origin, Measured]:
    """Return the result, what it was made from (a workspace's sample chosen), and the facts."""
    fcs = open_fcs(file)
    try:
        bead_population = rename_in_sample(bead_population, origin.gates, fcs)
        imported = choose_sample(origin.gates, fcs)
        plan, found = _compile(
            fcs,
            origin.panel,
            imported,
            spillover=spillover,
            cuts=cuts,
            bead_population=bead_population,
        )
    except RawFileError as error:
        raise RawFileError(f"{file}: {error}") from None
    origin = replace(origin, gates=imported.gates)
    stream = show_progress(fcs.event_stream(), f"gating {file.name}")
    result, doubts = judge_cutoffs(run_plan(stream, plan, threads=threads))
    bins = assess_time(result)
    measured = Measured(
        saturated=[
            count if known else None
            for count, known in zip(
                result.channel_saturated.tolist(), np.isfinite(stream.saturation), strict=True
            )
        ],
        spillover=None if found is None else describe_spillover(found),
        flow=read_flow_facts(fcs).model_copy(
            update={"time_bins": len(bins), "unstable_bins": sum(b.unstable for b in bins)}
        ),
        repairs=fcs.repairs,
        scaling=fcs.scaling,
        time_bins=bins,
        notes=(
            *describe_stability(bins),
            *imported.notes,
            *explain_empty(result, plan, origin.gates, stream),
        ),
        draw_flags=[*doubts, *(["time_unstable"] if any(b.unstable for b in bins) else [])],
    )
    return result, origin, measured


def _compile(
    fcs: FcsFile,
    panel: Panel,
    imported: ImportedSample,
    *,
    spillover: Path | None,
    cuts: Mapping[str, AppliedCut],
    bead_population: str | None,
) -> tuple[GatePlan, Spillover | None]:
    """Return the plan, and what the file is compensated with."""
    found, own = resolve_tube_spillover(fcs, panel, imported, table=spillover)
    plan = compile_gates(
        panel,
        imported.gates,
        channels=fcs.channels,
        labels=fcs.markers,
        spillover=found,
        found_cuts=cuts,
        bead_population=bead_population,
        file_spillover=own,
    )
    return plan, found
