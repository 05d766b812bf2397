"""The options that several commands take: one spelling, one help text each."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

SlideImage = Annotated[Path, typer.Argument(help="Slide image (TIFF).")]
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
StitchingFile = Annotated[
    Path | None,
    typer.Option("--stitching", help="stitching.json of `chc stitch`, for a stitched slide."),
]
SpilloverFile = Annotated[
    Path | None, typer.Option("--spillover", help="spillover.json of `chc spillover`.")
]
CutoffsFile = Annotated[
    Path | None, typer.Option("--cutoffs", help="cutoffs.json of `chc cutoffs`.")
]
Results = Annotated[Path, typer.Option("--results", help="Folder of the batch's results.")]
Config = Annotated[
    Path,
    typer.Argument(help="The batch's config.yaml; paths in it start at the working directory."),
]
Draw = Annotated[str, typer.Option("--draw", help="Id of the draw.")]


def _set_log_level(name: str) -> str:
    """Send the log to stderr from this level on."""
    level = logging.getLevelNamesMapping().get(name.upper())
    if level is None:
        raise typer.BadParameter(f"{name!r} is not one of debug, info, warning, error")
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", stream=sys.stderr)
    return name


LogLevel = Annotated[
    str,
    typer.Option("--log-level", callback=_set_log_level, help="debug, info, warning or error."),
]
"""Takes effect where it is parsed: a command names it in its signature and does no more."""
