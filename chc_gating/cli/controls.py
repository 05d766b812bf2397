"""Commands that turn controls into what samples are given: spillover and cuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chc_gating.cli.app import app
from chc_gating.cli.options import (
    Gates,
    LogLevel,
    OneThread,
    OutputFile,
    Panel,
    RecordFaults,
    SpilloverFile,
)


@app.command("spillover", epilog="Example: chc spillover comp.csv --panel p.yaml --output s.json")
def spillover_command(
    panel: Panel,
    output: OutputFile,
    table: Annotated[
        Path | None, typer.Argument(help="CSV of names x names; a row is a fluorochrome.")
    ] = None,
    single_stain: Annotated[
        list[str] | None,
        typer.Option(help="MARKER=SLIDE, a slide with this stain alone; once for each."),
    ] = None,
    record_faults: RecordFaults = False,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Take spillover from a table or from single-stained slides, and write it as a result."""
    if table is not None:
        if single_stain:
            raise typer.BadParameter("give a table or --single-stain, not both")
        from chc_gating.stages.spillover import spillover

        spillover(table, panel=panel, output=output)
        return
    if not single_stain and not record_faults:
        raise typer.BadParameter(
            "give a table (CSV), or for a panel of slides --single-stain MARKER=SLIDE"
        )
    from chc_gating.stages.spillover_of_controls import spillover_of_controls

    pairs = [text.partition("=") for text in single_stain or []]
    if not all(marker and slide for marker, _, slide in pairs):
        raise typer.BadParameter("--single-stain is MARKER=SLIDE, such as CK=ck_only.ome.tif")
    spillover_of_controls(
        [(marker, Path(slide)) for marker, _, slide in pairs],
        panel=panel,
        output=output,
        record_faults=record_faults,
    )


@app.command(
    "cutoffs",
    epilog="Example: chc cutoffs --fmo CK=results/fmo_ck --panel if4.yaml --gates chc.yaml "
    "--output cutoffs.json",
)
def cutoffs_command(
    panel: Panel,
    gates: Gates,
    output: OutputFile,
    fmo: Annotated[
        list[str] | None,
        typer.Option(
            help="MARKER=PATH of the control without this stain: an FCS file, or the folder of "
            "`chc measure` on a slide; may be repeated."
        ),
    ] = None,
    isotype: Annotated[
        list[str] | None,
        typer.Option(help="MARKER=PATH of the isotype control; =PATH: of every marker."),
    ] = None,
    unstained: Annotated[
        list[Path] | None, typer.Option(help="PATH of the unstained control.")
    ] = None,
    spillover: SpilloverFile = None,
    bead_population: Annotated[
        list[str] | None, typer.Option(help="Population of counting beads, left out.")
    ] = None,
    min_events: Annotated[
        int, typer.Option(min=0, help="Events of a control below which it gives no cut.")
    ] = 1000,
    record_faults: RecordFaults = False,
    threads: OneThread = 1,
    log_level: LogLevel = "warning",
) -> None:
    """Take cuts from controls, in compensated linear units (grey levels on slides)."""
    from chc_gating.stages.cutoffs import ControlSource, cutoffs

    controls = [
        ControlSource("fmo", *_split_control("--fmo", text, needs_marker=True))
        for text in fmo or []
    ]
    controls += [
        ControlSource("isotype", *_split_control("--isotype", text, needs_marker=False))
        for text in isotype or []
    ]
    controls += [ControlSource("unstained", None, folder) for folder in unstained or []]
    cutoffs(
        controls,
        panel=panel,
        gates=gates,
        output=output,
        spillover=spillover,
        beads=bead_population or (),
        min_events=min_events,
        record_faults=record_faults,
    )


def _split_control(option: str, text: str, *, needs_marker: bool) -> tuple[str | None, Path]:
    marker, sign, path = text.partition("=")
    if not sign or not path or (needs_marker and not marker):
        raise typer.BadParameter(f"{option} is MARKER=PATH, such as CK=results/ck; it is {text}")
    return marker or None, Path(path)
