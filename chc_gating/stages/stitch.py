"""`chc stitch`: raw tiles of one or several cycles to one slide, evenly lit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chc_gating.batch.layout import STITCHED_SLIDE, STITCHING
from chc_gating.batch.panels import load_panel
from chc_gating.batch.rows import Acquisition
from chc_gating.errors import RawFileError
from chc_gating.imaging.camera_fields import leave_fields, measure_fields
from chc_gating.imaging.mosaic import write_mosaic
from chc_gating.imaging.raw_tiles import TileSet, grid_tiles, open_tiles
from chc_gating.imaging.records import Parameters
from chc_gating.imaging.stitching import Stitched, compose_slide, place_grid, place_tiles
from chc_gating.imaging.stitching_record import (
    Stitching,
    describe_cycles,
    describe_edges,
    describe_fields,
)
from chc_gating.imaging.tile_reader import TileReader
from chc_gating.imaging.tile_source import source_files
from chc_gating.model.acquisition import InputFile
from chc_gating.model.panel import Panel
from chc_gating.stages.progress import BlockProgress
from chc_gating.stages.segment import find_dna_channel
from chc_gating.storage.atomic import replacing_files
from chc_gating.storage.provenance import describe_input, describe_inputs, software_version
from chc_gating.storage.records import write_record


@dataclass(frozen=True)
class Camera:
    """What the sheet says of the camera.

    tile_shape : (y, x) pixels of its field, where the slide is an unstitched grid of such.
    flat_field : whether to correct its field. dark_level : fitted where None.
    """

    tile_shape: tuple[int, int] | None = None
    flat_field: bool = True
    dark_level: float | None = None


def stitch(
    source: Path,
    *,
    panel: Path,
    output: Path,
    camera: Camera = Camera(),
    image: int = 0,
    pixel_size_um: float | None = None,
    threads: int = 1,
    record_faults: bool = False,
    fingerprint: bool = True,
) -> None:
    """Stitch raw tiles and write slide.ome.tif and stitching.json into ``output``.

    ``source`` is a folder of raw tiles, a table of them, an OME-TIFF of several images with stage
    positions, or, with ``camera.tile_shape``, a slide that is a grid of tiles. ``threads`` change
    no pixel. Raises ConfigError for faults of the panel or of a tile table; RawFileError for a
    fault of the tiles, unless ``record_faults`` makes that a result (``status: not_counted``).
    """
    the_panel = load_panel(panel)
    find_dna_channel(the_panel, file=str(panel))
    files = _describe_files(source, fingerprint=fingerprint)
    origin = _Origin(
        inputs=(
            describe_inputs("raw", source, files),
            describe_input("panel", panel),
        ),
        files=files,
        parameters=_parameters(camera, image=image, pixel_size_um=pixel_size_um),
    )
    with replacing_files(output) as folder:
        try:
            tiles = _open(source, the_panel, camera, image=image, pixel_size_um=pixel_size_um)
            with TileReader(tiles) as reader:
                stitched = _place(tiles, reader, the_panel, camera)
                write_mosaic(
                    folder / STITCHED_SLIDE,
                    stitched.mosaic,
                    reader,
                    threads=threads,
                    watch=BlockProgress(f"stitching {source.name}"),
                )
            record = _describe(stitched, origin)
        except RawFileError as error:
            if not record_faults:
                raise
            _write_no_slide(folder / STITCHED_SLIDE)
            record = _describe_fault(error, origin)
        write_record(folder / STITCHING, record)


@dataclass(frozen=True)
class _Origin:
    inputs: tuple[InputFile, ...]
    files: tuple[InputFile, ...]
    parameters: Parameters


def _describe_files(source: Path, *, fingerprint: bool) -> tuple[InputFile, ...]:
    if not source.exists():
        return (describe_input("raw", source),)
    found = source_files(source)
    return tuple(describe_input("raw", file, fingerprint=fingerprint) for file in found)


def _parameters(camera: Camera, *, image: int, pixel_size_um: float | None) -> Parameters:
    shape = camera.tile_shape
    return {
        "image": image,
        "pixel_size_um": pixel_size_um,
        "camera_tile_px": None if shape is None else f"{shape[1]}x{shape[0]}",
        "flat_field": "auto" if camera.flat_field else "none",
        "dark_level": camera.dark_level,
    }


def _open(
    source: Path, panel: Panel, camera: Camera, *, image: int, pixel_size_um: float | None
) -> TileSet:
    """Return the tiles of a source; refuse them where they lack a channel of the panel."""
    if camera.tile_shape is None:
        tiles = open_tiles(source, pixel_size_um=pixel_size_um, channel_names=panel.channel_names)
    else:
        tiles = grid_tiles(
            source,
            camera.tile_shape,
            image=image,
            pixel_size_um=pixel_size_um,
            channel_names=panel.channel_names,
        )
    require_channels(tiles, panel)
    return tiles


def check_tiles(source: Path, row: Acquisition, panel: Panel) -> TileSet:
    """Return the raw tiles of an acquisition, opened as a run would; raises as `stitch` does."""
    shape = None if row.camera_tile_px is None else parse_tile_shape(row.camera_tile_px)
    return _open(
        source,
        panel,
        Camera(tile_shape=shape),
        image=row.image,
        pixel_size_um=row.pixel_size_um,
    )


def require_channels(tiles: TileSet, panel: Panel) -> None:
    """Raise RawFileError where no cycle has a channel that the panel needs."""
    missing = [name for name in panel.channels if name not in tiles.channels]
    if missing:
        raise RawFileError(
            f"{tiles.source}: panel {panel.name} needs {', '.join(missing)}, the tiles have "
            f"channels {', '.join(tiles.channels)}; fix config/panels/{panel.name}.yaml or give "
            "other tiles"
        )


def _place(tiles: TileSet, reader: TileReader, panel: Panel, camera: Camera) -> Stitched:
    if tiles.is_grid:
        placed = place_grid(tiles)
    else:
        placed = place_tiles(tiles, reader, dna=panel.channels_with_role("dna"))
    fields = (
        measure_fields(
            tiles,
            placed.places,
            reader,
            dark_level=camera.dark_level,
            watch=BlockProgress("fitting the flat field"),
        )
        if camera.flat_field
        else leave_fields(tiles)
    )
    return compose_slide(tiles, placed, fields)


def _describe(stitched: Stitched, origin: _Origin) -> Stitching:
    tiles, alignment = stitched.mosaic.tiles, stitched.placed.alignment
    edges = () if alignment is None else describe_edges(alignment.edges)
    used = [e.residual_px for e in edges if e.used and e.residual_px is not None]
    dark = stitched.flat_fields.dark_level
    return Stitching(
        software_version=software_version(),
        inputs=origin.inputs,
        files=origin.files,
        parameters=origin.parameters,
        status="counted",
        width_px=stitched.mosaic.shape[1],
        height_px=stitched.mosaic.shape[0],
        pixel_size_um=tiles.pixel_size_um,
        tile_width_px=tiles.shape[1],
        tile_height_px=tiles.shape[0],
        orientation=None if alignment is None else alignment.orientation.name,
        threshold=None if alignment is None else round(alignment.threshold, 3),
        cycles=describe_cycles(stitched),
        edges=edges,
        dropped_edges=sum(not edge.used for edge in edges),
        residual_median_px=round(float(np.median(used)), 3) if used else None,
        residual_max_px=max(used, default=None),
        dark_level=None if dark is None else round(dark, 2),
        flat_fields=describe_fields(stitched.flat_fields),
        repairs=(*tiles.repairs, *stitched.placed.notes),
    )


def _describe_fault(error: RawFileError, origin: _Origin) -> Stitching:
    return Stitching(
        software_version=software_version(),
        inputs=origin.inputs,
        files=origin.files,
        parameters=origin.parameters,
        status="not_counted",
        reason=str(error),
    )


def _write_no_slide(path: Path) -> None:
    """Write one black pixel: the file that is declared; later stages read the reason instead."""
    import tifffile

    tifffile.imwrite(
        path, np.zeros((1, 1), np.uint8), photometric="minisblack", software=False, metadata=None
    )


def parse_tile_shape(text: str) -> tuple[int, int]:
    """Return (y, x) of a camera's field that a sheet writes as WIDTHxHEIGHT."""
    width, height = (int(part) for part in text.lower().split("x"))
    return height, width
