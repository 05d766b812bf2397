"""Commands around a batch: make it, check it, look at files, simulate and compare, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chc_gating.cli.app import EXIT_MACHINE_OR_BUG, EXIT_USER, app
from chc_gating.cli.options import (
    LogLevel,
    OutputFile,
    OutputFolder,
    Panel,
    SpilloverFile,
)


@app.command("new-batch", epilog="Example: chc new-batch batch7 --scan /data/2026-11-24")
def new_batch_command(
    folder: Annotated[Path, typer.Argument(help="New batch folder.")],
    scan: Annotated[
        Path | None, typer.Option(help="Folder of FCS files and images to fill the sheets from.")
    ] = None,
    log_level: LogLevel = "warning",
) -> None:
    """Write a batch folder with commented sheets; with --scan, filled from file headers."""
    from chc_gating.stages.new_batch import new_batch

    typer.echo(new_batch(folder, scan=scan))


@app.command("check", epilog="Example: chc check config/config.yaml")
def check_command(
    config: Annotated[Path, typer.Argument(help="The batch's config.yaml.")],
    directory: Annotated[
        Path, typer.Option("--directory", help="Folder that paths in the configuration start at.")
    ] = Path(),
    log_level: LogLevel = "warning",
) -> None:
    """Check sheets, panels, gates, files, channels and units; list all faults at once."""
    from chc_gating.stages.check import check

    report = check(config, directory=directory)
    typer.echo(report.text)
    if report.faults:
        raise typer.Exit(EXIT_USER)


@app.command("inspect", epilog="Example: chc inspect raw/p01.fcs --json")
def inspect_command(
    file: Annotated[Path, typer.Argument(help="FCS file, slide, or folder of raw tiles.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    log_level: LogLevel = "warning",
) -> None:
    """Print what a reader sees: channels, markers, events, repairs; axes, pixel size, tiles."""
    from chc_gating.stages.inspect_file import inspect_file

    typer.echo(inspect_file(file, as_json=as_json))


@app.command(
    "simulate",
    epilog="Example: chc simulate config/simulation.yaml --output data/demo",
)
def simulate_command(
    recipe: Annotated[Path, typer.Argument(help="What to simulate (YAML).")],
    output: OutputFolder,
    log_level: LogLevel = "warning",
) -> None:
    """Write draws with known truth: FCS files, slides, true outlines and truth.tsv."""
    from chc_gating.stages.simulate import simulate

    simulate(recipe, output=output)


@app.command(
    "compare",
    epilog="Example: chc compare results --truth data/demo/truth.tsv",
)
def compare_command(
    results: Annotated[Path, typer.Argument(help="Folder of the batch's results.")],
    truth: Annotated[Path | None, typer.Option(help="truth.tsv of `chc simulate`.")] = None,
    flowjo: Annotated[Path | None, typer.Option(help="FlowJo 10 workspace (.wsp).")] = None,
    expected: Annotated[
        Path | None, typer.Option(help="Table of acquisition, population, count (TSV or CSV).")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Group of the workspace's samples.")] = None,
    tolerance_percent: Annotated[
        float, typer.Option(min=0, help="Difference that counts as none, % of the other count.")
    ] = 0.0,
    log_level: LogLevel = "warning",
) -> None:
    """Print counts beside a truth, a FlowJo workspace's or expected ones; exit 1 if they differ."""
    sources = {"--truth": truth, "--flowjo": flowjo, "--expected": expected}
    given = [name for name, path in sources.items() if path is not None]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        raise typer.BadParameter(f"give exactly one of {', '.join(sources)}; found {found}")
    if group is not None and flowjo is None:
        raise typer.BadParameter("--group belongs to --flowjo")
    if truth is not None and tolerance_percent:
        raise typer.BadParameter("--tolerance-percent belongs to --flowjo and --expected")
    if truth is not None:
        from chc_gating.stages.compare import compare

        comparison = compare(results, truth=truth)
    else:
        from chc_gating.stages.compare_populations import compare_populations

        comparison = compare_populations(
            results,
            workspace=flowjo,
            group=group,
            table=expected,
            tolerance_percent=tolerance_percent,
        )
    typer.echo(comparison.text)
    if not comparison.agrees:
        raise typer.Exit(EXIT_MACHINE_OR_BUG)


@app.command("warm", epilog="Example: chc warm")
def warm_command(log_level: LogLevel = "warning") -> None:
    """Compile the gating kernels for this processor; done at set-up, once a type of node."""
    from chc_gating.stages.warm import warm

    warm()


export_app = typer.Typer(
    no_args_is_help=True,
    help="Write gates for other programs.",
    epilog="Example: chc export gating-ml chc.yaml --panel chc4.yaml --output chc.xml",
)
app.add_typer(export_app, name="export")


@export_app.command(
    "gating-ml",
    epilog="Example: chc export gating-ml chc.yaml --panel chc4.yaml --output chc.xml",
)
def export_gating_ml_command(
    gates: Annotated[Path, typer.Argument(help="Gates file (YAML).")],
    panel: Panel,
    output: OutputFile,
    spillover: SpilloverFile = None,
    log_level: LogLevel = "warning",
) -> None:
    """Write a gates file as Gating-ML 2.0: populations, cuts and phenotypes as gates."""
    from chc_gating.stages.export_gating_ml import export_gating_ml

    export_gating_ml(gates, panel=panel, output=output, spillover=spillover)


@app.command("schema", epilog="Example: chc schema --output schemas/")
def schema_command(output: OutputFolder, log_level: LogLevel = "warning") -> None:
    """Write the JSON Schema of every YAML file and sheet."""
    from chc_gating.stages.schema import write_schemas

    write_schemas(output)
