"""Commands of draws, patients and the batch: from classes to counts and pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chc_gating.cli.app import app
from chc_gating.cli.options import (
    Config,
    Draw,
    LogLevel,
    OneThread,
    OutputFile,
    OutputFolder,
    Results,
)


@app.command(
    "count",
    epilog="Example: chc count config/config.yaml --draw P01-T1 --results results "
    "--output results/draws/P01-T1/count.json",
)
def count_command(
    config: Config,
    draw: Draw,
    results: Results,
    output: OutputFile,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Count one draw: acquisitions to counts, exposure (mL) and intervals per 7.5 mL."""
    from chc_gating.stages.count import count

    count(config, draw=draw, results=results, output=output)


@app.command(
    "limits",
    epilog="Example: chc limits config/config.yaml --panel chc4 --gates chc --lot L2508 "
    "--results results --output results/limits/chc4/chc/L2508/limits.json",
)
def limits_command(
    config: Config,
    panel: Annotated[str, typer.Option("--panel", help="Name of the panel.")],
    gates: Annotated[str, typer.Option("--gates", help="Name of the gates file.")],
    lot: Annotated[str, typer.Option("--lot", help="Reagent lot; - where it is blank.")],
    results: Results,
    output: OutputFile,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Healthy donors' draws to background (events per mL), LoB, LoD and LoQ (events)."""
    from chc_gating.stages.limits import limits

    limits(config, panel=panel, gates=gates, lot=lot, results=results, output=output)


@app.command(
    "report-draw",
    epilog="Example: chc report-draw config/config.yaml --draw P01-T1 --results results "
    "--output results/draws/P01-T1/report.html",
)
def report_draw_command(
    config: Config,
    draw: Draw,
    results: Results,
    output: OutputFile,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Write the page of one draw."""
    from chc_gating.stages.report_draw import report_draw

    report_draw(config, draw=draw, results=results, output=output)


@app.command(
    "cohort",
    epilog="Example: chc cohort config/config.yaml --results results "
    "--output results/batch/cohort.json",
)
def cohort_command(
    config: Config,
    results: Results,
    output: OutputFile,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Compare groups, stages and responses, CHC with CTC, and measurements of one draw."""
    from chc_gating.stages.cohort import cohort

    cohort(config, results=results, output=output)


@app.command(
    "monitor",
    epilog="Example: chc monitor config/config.yaml --patient P01 --results results "
    "--output results/patients/P01",
)
def monitor_command(
    config: Config,
    patient: Annotated[str, typer.Option("--patient", help="Id of the patient.")],
    results: Results,
    output: OutputFolder,
    limits: Annotated[
        list[Path] | None, typer.Option("--limits", help="limits.json; may be repeated.")
    ] = None,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Follow one patient: change between draws, trend, alarms, analytes; writes a page."""
    from chc_gating.stages.monitor import monitor

    monitor(config, patient=patient, results=results, output=output, limits=limits or [])


@app.command(
    "report-batch",
    epilog="Example: chc report-batch config/config.yaml --results results --output results/batch",
)
def report_batch_command(
    config: Config,
    results: Results,
    output: OutputFolder,
    cohort: Annotated[
        Path | None, typer.Option(help="cohort.json; without it the page has no groups.")
    ] = None,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Write counts.tsv, counts.parquet, not_counted.tsv and the page of the batch."""
    from chc_gating.stages.report_batch import report_batch

    report_batch(config, results=results, output=output, cohort=cohort)


@app.command(
    "require-counted",
    epilog="Example: chc require-counted results/batch/counts.tsv --output strict.json",
)
def require_counted_command(
    counts: Annotated[Path, typer.Argument(help="counts.tsv of a batch.")],
    output: OutputFile,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Fail (exit code 2) when a draw of the batch, or a part of one, was not counted."""
    from chc_gating.stages.require_counted import require_counted

    require_counted(counts, output=output)
