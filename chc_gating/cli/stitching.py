"""The command that makes one slide of raw tiles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from chc_gating.cli.app import app
from chc_gating.cli.options import (
    ImageIndex,
    LogLevel,
    NoFingerprint,
    OutputFolder,
    Panel,
    PixelSize,
    RecordFaults,
    Threads,
)


@app.command("stitch", epilog="Example: chc stitch scans/s1/ --panel if4.yaml --output results/s1")
def stitch_command(
    tiles: Annotated[
        Path,
        typer.Argument(
            help="Raw tiles: a folder, a table (file, image, cycle, x_um, y_um), or an OME-TIFF "
            "of several images with stage positions."
        ),
    ],
    panel: Panel,
    output: OutputFolder,
    camera_tile_px: Annotated[
        str | None,
        typer.Option(help="TILES is one slide, an unstitched grid of WIDTHxHEIGHT px tiles."),
    ] = None,
    flat_field: Annotated[
        Literal["auto", "none"],
        typer.Option(help="auto: fitted on the raw tiles and applied where they agree on it."),
    ] = "auto",
    dark_level: Annotated[
        float | None,
        typer.Option(min=0, help="Grey level of the camera without light; fitted if not given."),
    ] = None,
    image: ImageIndex = 0,
    pixel_size_um: PixelSize = None,
    threads: Threads = 1,
    record_faults: RecordFaults = False,
    no_fingerprint: NoFingerprint = False,
    log_level: LogLevel = "warning",
) -> None:
    """Stitch raw tiles, cycles registered by DNA, light evened; writes slide.ome.tif."""
    if camera_tile_px is not None and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", camera_tile_px):
        raise typer.BadParameter(f"{camera_tile_px!r} is not WIDTHxHEIGHT, such as 2048x2048")
    from chc_gating.stages.stitch import Camera, parse_tile_shape, stitch

    stitch(
        tiles,
        panel=panel,
        output=output,
        camera=Camera(
            tile_shape=None if camera_tile_px is None else parse_tile_shape(camera_tile_px),
            flat_field=flat_field == "auto",
            dark_level=dark_level,
        ),
        image=image,
        pixel_size_um=pixel_size_um,
        threads=threads,
        record_faults=record_faults,
        fingerprint=not no_fingerprint,
    )
