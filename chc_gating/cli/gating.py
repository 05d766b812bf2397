"""Commands of one acquisition: from a raw file to classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chc_gating.cli.app import app
from chc_gating.cli.options import (
    CutoffsFile,
    Gates,
    ImageIndex,
    LogLevel,
    NoFingerprint,
    OneThread,
    OutputFile,
    OutputFolder,
    Panel,
    PixelSize,
    RecordFaults,
    SlideImage,
    SpilloverFile,
    StitchingFile,
    Threads,
    TilePx,
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
    cutoffs: CutoffsFile = None,
    bead_population: Annotated[
        str | None, typer.Option(help="Population of counting beads.")
    ] = None,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    no_fingerprint: NoFingerprint = False,
    log_level: LogLevel = "warning",
) -> None:
    """Stream one FCS file through the gates: populations, phenotypes, candidates."""
    from chc_gating.stages.gate_flow import gate_flow

    gate_flow(
        file,
        panel=panel,
        gates=gates,
        output=output,
        spillover=spillover,
        cutoffs=cutoffs,
        bead_population=bead_population,
        threads=threads,
        record_faults=record_faults,
        fingerprint=not no_fingerprint,
    )


@app.command(
    "segment", epilog="Example: chc segment s1.ome.tif --panel if4.yaml --output results/s1"
)
def segment_command(
    slide: SlideImage,
    panel: Panel,
    output: OutputFolder,
    image: ImageIndex = 0,
    pixel_size_um: PixelSize = None,
    stitching: StitchingFile = None,
    labels_from: Annotated[
        Path | None,
        typer.Option(
            help="Label image (TIFF of whole numbers, of the slide's size) of another tool, for "
            "panels with segmentation method labels or external."
        ),
    ] = None,
    tile_px: TilePx = 4096,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    no_fingerprint: NoFingerprint = False,
    log_level: LogLevel = "warning",
) -> None:
    """Find nuclei on the DNA channel, block by block; writes labels.tif."""
    from chc_gating.stages.segment import segment

    segment(
        slide,
        panel=panel,
        output=output,
        image=image,
        pixel_size_um=pixel_size_um,
        labels_from=labels_from,
        tile_px=tile_px,
        threads=threads,
        record_faults=record_faults,
        fingerprint=not no_fingerprint,
        stitching=stitching,
    )


@app.command(
    "measure",
    epilog="Example: chc measure s1.ome.tif --panel if4.yaml --labels results/s1 "
    "--output results/s1",
)
def measure_command(
    slide: SlideImage,
    panel: Panel,
    labels: Annotated[Path, typer.Option(help="Folder that holds labels.tif.")],
    output: OutputFolder,
    ring_um: Annotated[float, typer.Option(min=0, help="Width of the ring, um.")] = 2.5,
    focus_drop: Annotated[
        float,
        typer.Option(
            min=1,
            help="A square is out of focus below the slide's upper quartile of focus over this.",
        ),
    ] = 3.0,
    tile_px: TilePx = 4096,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    log_level: LogLevel = "warning",
) -> None:
    """Measure every cell in every channel, nucleus and ring apart; writes one row per cell."""
    from chc_gating.stages.measure import measure

    measure(
        slide,
        panel=panel,
        labels=labels,
        output=output,
        ring_um=ring_um,
        focus_drop=focus_drop,
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
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds labels.tif, for the outlines in crops; default: the measured "
            "folder, where it holds one."
        ),
    ] = None,
    spillover: SpilloverFile = None,
    cutoffs: CutoffsFile = None,
    control_crops: Annotated[
        int, typer.Option(min=0, max=1000, help="Crops of random cells that are no candidates.")
    ] = 24,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    log_level: LogLevel = "warning",
) -> None:
    """Give every cell its class; write candidates with what could explain them, and crops."""
    from chc_gating.stages.gate_image import gate_image

    gate_image(
        measured,
        slide=slide,
        panel=panel,
        gates=gates,
        output=output,
        labels=labels,
        spillover=spillover,
        cutoffs=cutoffs,
        control_crops=control_crops,
        threads=threads,
        record_faults=record_faults,
    )
