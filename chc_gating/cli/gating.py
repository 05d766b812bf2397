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
