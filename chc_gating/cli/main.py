"""The `chc` command: parses arguments, prints, and turns errors into exit codes.

A command imports its stage when it is called: a cluster starts thousands of processes, and
each pays only for what it runs.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from chc_gating import __version__
from chc_gating.errors import ChcError

EXIT_MACHINE_OR_BUG = 1
EXIT_USER = 2

app = typer.Typer(
    name="chc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Counts of circulating hybrid cells (CHC) and tumour cells (CTC) per 7.5 mL of blood, "
    "from FCS files and slide images. Research use only.",
)

Panel = Annotated[Path, typer.Option("--panel", help="Panel file (YAML).")]
Gates = Annotated[Path, typer.Option("--gates", help="Gates file (YAML or Gating-ML).")]
OutputFolder = Annotated[Path, typer.Option("--output", help="Folder for the results.")]
OutputFile = Annotated[Path, typer.Option("--output", help="File to write.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads; results are the same.")]
OneThread = Annotated[
    int, typer.Option("--threads", min=1, help="Taken like by every stage; this one uses one.")
]
RecordFaults = Annotated[
    bool,
    typer.Option(
        "--record-faults",
        help="A fault inside the raw file becomes a result (not_counted) and exit code 0.",
    ),
]
NoFingerprint = Annotated[
    bool, typer.Option("--no-fingerprint", help="Leave out the SHA-256 of the raw file.")
]
ImageIndex = Annotated[int, typer.Option("--image", min=0, help="Image of a file of several.")]
PixelSize = Annotated[
    float | None, typer.Option("--pixel-size-um", help="um per pixel; wins over the file's own.")
]
TilePx = Annotated[
    int, typer.Option("--tile-px", min=256, help="Pixels read at once; results are the same.")
]
SpilloverFile = Annotated[
    Path | None, typer.Option("--spillover", help="spillover.json of `chc spillover`.")
]
Results = Annotated[Path, typer.Option("--results", help="Folder of the batch's results.")]
Config = Annotated[
    Path,
    typer.Argument(help="The batch's config.yaml; paths in it start at the working directory."),
]
Draw = Annotated[str, typer.Option("--draw", help="Id of the draw.")]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def _set_log_level(name: str) -> None:
    level = logging.getLevelNamesMapping().get(name.upper())
    if level is None:
        raise typer.BadParameter(f"{name!r} is not one of debug, info, warning, error")
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", stream=sys.stderr)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"chc_gating {__version__}")
        raise typer.Exit


@app.callback()
def _chc(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass


@app.command("new-batch", epilog="Example: chc new-batch batch7 --scan /data/2026-11-24")
def new_batch_command(
    folder: Annotated[Path, typer.Argument(help="New batch folder.")],
    scan: Annotated[
        Path | None, typer.Option(help="Folder of FCS files and images to fill the sheets from.")
    ] = None,
    log_level: LogLevel = "warning",
) -> None:
    """Write a batch folder with commented sheets; with --scan, filled from file headers."""
    _set_log_level(log_level)
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
    _set_log_level(log_level)
    from chc_gating.stages.check import check

    report = check(config, directory=directory)
    typer.echo(report.text)
    if report.faults:
        raise typer.Exit(EXIT_USER)


@app.command("inspect", epilog="Example: chc inspect raw/p01.fcs --json")
def inspect_command(
    file: Annotated[Path, typer.Argument(help="FCS file or slide image.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    log_level: LogLevel = "warning",
) -> None:
    """Print what a reader sees: channels, markers, events, repairs; or axes and pixel size."""
    _set_log_level(log_level)
    from chc_gating.stages.inspect_file import inspect_file

    typer.echo(inspect_file(file, as_json=as_json))


@app.command("spillover", epilog="Example: chc spillover comp.csv --panel p.yaml --output s.json")
def spillover_command(
    table: Annotated[Path, typer.Argument(help="CSV of names x names; a row is a fluorochrome.")],
    panel: Panel,
    output: OutputFile,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Read spillover from a table, check it against a panel, and write it as a result."""
    _set_log_level(log_level)
    from chc_gating.stages.spillover import spillover

    spillover(table, panel=panel, output=output)


@app.command(
    "gate-flow",
    epilog="Example: chc gate-flow p01.fcs --panel chc4.yaml --gates chc.yaml --output p01/",
)
def gate_flow_command(
    file: Annotated[Path, typer.Argument(help="FCS file (2.0 to 3.2).")],
    panel: Panel,
    gates: Gates,
    output: OutputFolder,
    spillover: SpilloverFile = None,
    bead_population: Annotated[
        str | None, typer.Option(help="Population of counting beads.")
    ] = None,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    no_fingerprint: NoFingerprint = False,
    log_level: LogLevel = "warning",
) -> None:
    """Stream one FCS file through the gates: populations, phenotypes, candidates."""
    _set_log_level(log_level)
    from chc_gating.stages.gate_flow import gate_flow

    gate_flow(
        file,
        panel=panel,
        gates=gates,
        output=output,
        spillover=spillover,
        bead_population=bead_population,
        threads=threads,
        record_faults=record_faults,
        fingerprint=not no_fingerprint,
    )


@app.command(
    "segment", epilog="Example: chc segment s1.ome.tif --panel if4.yaml --output results/s1"
)
def segment_command(
    slide: Annotated[Path, typer.Argument(help="Slide image (TIFF).")],
    panel: Panel,
    output: OutputFolder,
    image: ImageIndex = 0,
    pixel_size_um: PixelSize = None,
    tile_px: TilePx = 4096,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    no_fingerprint: NoFingerprint = False,
    log_level: LogLevel = "warning",
) -> None:
    """Find nuclei on the DNA channel, block by block; writes labels.tif."""
    _set_log_level(log_level)
    from chc_gating.stages.segment import segment

    segment(
        slide,
        panel=panel,
        output=output,
        image=image,
        pixel_size_um=pixel_size_um,
        tile_px=tile_px,
        threads=threads,
        record_faults=record_faults,
        fingerprint=not no_fingerprint,
    )


@app.command(
    "measure",
    epilog="Example: chc measure s1.ome.tif --panel if4.yaml --labels results/s1 "
    "--output results/s1",
)
def measure_command(
    slide: Annotated[Path, typer.Argument(help="Slide image (TIFF).")],
    panel: Panel,
    labels: Annotated[Path, typer.Option(help="Folder that holds labels.tif.")],
    output: OutputFolder,
    ring_um: Annotated[float, typer.Option(min=0, help="Width of the ring, um.")] = 2.5,
    tile_px: TilePx = 4096,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    log_level: LogLevel = "warning",
) -> None:
    """Measure every cell in every channel, nucleus and ring apart; writes one row per cell."""
    _set_log_level(log_level)
    from chc_gating.stages.measure import measure

    measure(
        slide,
        panel=panel,
        labels=labels,
        output=output,
        ring_um=ring_um,
        tile_px=tile_px,
        threads=threads,
        record_faults=record_faults,
    )


@app.command(
    "gate-image",
    epilog="Example: chc gate-image results/s1 --slide s1.ome.tif --panel if4.yaml "
    "--gates chc.yaml --output results/s1",
)
def gate_image_command(
    measured: Annotated[Path, typer.Argument(help="Folder that `chc measure` wrote.")],
    slide: Annotated[Path, typer.Option(help="Slide image, for the crops.")],
    panel: Panel,
    gates: Gates,
    output: OutputFolder,
    spillover: SpilloverFile = None,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    log_level: LogLevel = "warning",
) -> None:
    """Give every cell its class; write candidates with crops."""
    _set_log_level(log_level)
    from chc_gating.stages.gate_image import gate_image

    gate_image(
        measured,
        slide=slide,
        panel=panel,
        gates=gates,
        output=output,
        spillover=spillover,
        threads=threads,
        record_faults=record_faults,
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
    from chc_gating.stages.require_counted import require_counted

    require_counted(counts, output=output)


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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
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
    _set_log_level(log_level)
    from chc_gating.stages.export_gating_ml import export_gating_ml

    export_gating_ml(gates, panel=panel, output=output, spillover=spillover)


@app.command("schema", epilog="Example: chc schema --output schemas/")
def schema_command(output: OutputFolder, log_level: LogLevel = "warning") -> None:
    """Write the JSON Schema of every YAML file and sheet."""
    _set_log_level(log_level)
    from chc_gating.stages.schema import write_schemas

    write_schemas(output)


def run() -> None:
    """Run the command; exit 0 done, 2 the data's or configuration's fault, 1 bug or machine."""
    try:
        app()
    except ChcError as error:
        print(f"chc: {error}", file=sys.stderr)
        sys.exit(EXIT_USER)
    except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        print(f"chc: {error.filename}: {error.strerror}; give another path", file=sys.stderr)
        sys.exit(EXIT_USER)
    except MemoryError:
        print("chc: out of memory; ask for more (mem_mb) and run it again", file=sys.stderr)
        sys.exit(EXIT_MACHINE_OR_BUG)
    except OSError as error:
        print(f"chc: the machine failed: {error}; it may be tried again", file=sys.stderr)
        sys.exit(EXIT_MACHINE_OR_BUG)
