"""`chc inspect`: what a reader sees of a raw file, flow or image, or of a folder of tiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chc_gating.errors import RawFileError
from chc_gating.stages.inspect_values import (
    ChannelSummary,
    summarise_events,
    summarise_pixels,
    summarise_tiles,
)

# An allow-list, since new vendor keywords that name a person appear every year.
_SHOWN_KEYWORDS = (
    "$MODE",
    "$DATATYPE",
    "$BYTEORD",
    "$TIMESTEP",
    "$VOL",
    "$ABRT",
    "$LOST",
    "$CYT",
)


def inspect_file(path: Path, *, as_json: bool) -> str:
    """Return what a reader sees of an FCS file, a slide or raw tiles, as text or as JSON.

    An FCS file: version, event_count, channels, markers, data type, offsets, what was done to
    stored values, repairs, per channel minimum, maximum and mean of linear values, volume facts.
    A slide: format, axes, shape, pixel size, levels, channels, per channel minimum, maximum and
    mean. Raw tiles (a folder or a table of them): the same of all together, and for each cycle
    the grid and the overlap that the stage positions say. Events and pixels are streamed. Of an
    FCS file's keywords only a few that cannot name a person are shown.

    Raises RawFileError where the file is missing, is neither, or cannot be read.
    """
    path = Path(path)
    report = _inspect_fcs(path) if _begins_like_fcs(path) else _inspect_image(path)
    return json.dumps(report, indent=2, allow_nan=False) if as_json else _as_text(report)


def _begins_like_fcs(path: Path) -> bool:
    if path.is_dir():
        return False
    try:
        with path.open("rb") as file:
            return file.read(3) == b"FCS"
    except FileNotFoundError:
        raise RawFileError(f"{path}: no such file; check the path") from None


def _inspect_fcs(path: Path) -> dict[str, Any]:
    from chc_gating.flow.fcs import open_fcs
    from chc_gating.flow.volume import read_flow_facts

    fcs = open_fcs(path)
    facts = read_flow_facts(fcs).model_dump(exclude={"fcs_version"})
    return {
        "file": path.name,
        "modality": "flow",
        "version": fcs.version,
        "event_count": fcs.event_count,
        "channels": list(fcs.channels),
        "markers": list(fcs.markers),
        "data_type": fcs.layout.describe_types(),
        "data_begin": fcs.data_begin,
        "event_bytes": fcs.layout.event_bytes,
        "scaling": list(fcs.scaling),
        "repairs": list(fcs.repairs),
        **facts,
        "keywords": {key: fcs.keywords[key] for key in _SHOWN_KEYWORDS if key in fcs.keywords},
        "values": _as_rows(summarise_events(fcs)),
    }


def _inspect_image(path: Path) -> dict[str, Any]:
    from chc_gating.imaging.tile_source import is_tile_source

    return _inspect_tiles(path) if is_tile_source(path) else _inspect_slide(path)


def _inspect_tiles(path: Path) -> dict[str, Any]:
    from chc_gating.imaging.raw_tiles import open_tiles
    from chc_gating.imaging.tile_grid import describe_grid

    tiles = open_tiles(path)
    grids = [describe_grid(tiles, cycle) for cycle in tiles.cycles]
    return {
        "file": path.name,
        "modality": "image",
        "format": "raw tiles",
        "shape_yx_px": list(tiles.shape),
        "pixel_size_um": tiles.pixel_size_um,
        "cycles": [
            {
                "cycle": cycle.number,
                "tiles": grid.tiles,
                "rows": grid.rows,
                "columns": grid.columns,
                "overlap_yx_px": list(grid.overlap_px),
            }
            for cycle, grid in zip(tiles.cycles, grids, strict=True)
        ],
        "channels": list(tiles.channels),
        "data_type": str(tiles.dtype),
        "maximum_grey_level": int(tiles.maximum),
        "repairs": list(tiles.repairs),
        "values": _as_rows(summarise_tiles(tiles)),
    }


def _inspect_slide(path: Path) -> dict[str, Any]:
    from chc_gating.imaging.slide import open_slide

    with open_slide(path) as slide:
        return {
            "file": path.name,
            "modality": "image",
            "format": slide.format,
            "axes": slide.axes,
            "shape_yx_px": list(slide.shape),
            "pixel_size_um": slide.pixel_size_um,
            "levels_yx_px": [list(level.shape) for level in slide.levels],
            "channels": list(slide.channels),
            "data_type": str(slide.dtype),
            "maximum_grey_level": int(slide.maximum),
            "repairs": list(slide.repairs),
            "values": _as_rows(summarise_pixels(slide)),
        }


def _as_rows(summaries: tuple[ChannelSummary, ...]) -> list[dict[str, Any]]:
    return [
        {
            "channel": s.channel,
            "marker": s.marker,
            "min": s.minimum,
            "max": s.maximum,
            "mean": s.mean,
            "nonfinite": s.nonfinite,
            "saturated": s.saturated,
        }
        for s in summaries
    ]


def _as_text(report: dict[str, Any]) -> str:
    """Return a report as lines: facts, repairs, then one row per channel."""
    skipped = ("values", "scaling", "repairs", "keywords", "channels", "markers", "cycles")
    lines = [f"{k}: {_cell(v)}" for k, v in report.items() if k not in skipped and v is not None]
    lines += [f"{k}: {v}" for k, v in report.get("keywords", {}).items()]
    lines += [_describe_cycle(cycle) for cycle in report.get("cycles", [])]
    lines += [f"scaling: {line}" for line in report.get("scaling", [])]
    lines += [f"repair: {line}" for line in report["repairs"]] or ["repairs: none"]
    return "\n".join([*lines, "", *_align(report["values"])])


def _describe_cycle(cycle: dict[str, Any]) -> str:
    return (
        f"cycle {cycle['cycle']}: {cycle['tiles']} tiles, {cycle['rows']} rows x "
        f"{cycle['columns']} columns, neighbours share {_cell(cycle['overlap_yx_px'])} px (y x x)"
    )


def _align(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as lines of a table, names to the left and numbers to the right."""
    names = ["channel"] + ["marker"] * any(row["marker"] for row in rows)
    numbers = ["min", "max", "mean", "nonfinite", "saturated"]
    columns = [[key, *(_cell(row[key]) for row in rows)] for key in (*names, *numbers)]
    widths = [max(map(len, column)) for column in columns]
    return [
        "  ".join(
            cell.ljust(width) if i < len(names) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1e5 else f"{value:.6g}"
    if isinstance(value, list):
        nested = any(isinstance(part, list) for part in value)
        return (", " if nested else " x ").join(_cell(part) for part in value)
    return str(value)
