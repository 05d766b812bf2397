"""`chc inspect`: what a reader sees of a raw file, flow or image, or of a folder of tiles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chc_gating.errors import RawFileError

if TYPE_CHECKING:
    from chc_gating.flow.fcs import FcsFile
    from chc_gating.imaging.raw_tiles import TileSet
    from chc_gating.imaging.slide import Slide

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

_BLOCK_ROWS = 1024
"""Rows of a slide that are held at once."""


@dataclass(frozen=True)
class ChannelSummary:
    """Extremes and mean of a channel's finite values, None where it has none."""

    channel: str
    marker: str | None
    minimum: float | None
    maximum: float | None
    mean: float | None
    nonfinite: int
    saturated: int


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


def summarise_events(fcs: FcsFile) -> tuple[ChannelSummary, ...]:
    """Return per channel what its linear values are, in one pass over the file."""
    stream = fcs.event_stream()
    tally = _Tally(len(fcs.channels), stream.saturation)
    for batch in fcs.batches():
        tally.add(batch)
    return tally.summaries(fcs.channels, fcs.markers)


def summarise_pixels(slide: Slide) -> tuple[ChannelSummary, ...]:
    """Return per channel what its grey levels are, some rows at a time."""
    height, width = slide.shape
    summaries: list[ChannelSummary] = []
    for index, name in enumerate(slide.channels):
        tally = _Tally(1, np.array([float(slide.maximum)]))
        for y in range(0, height, _BLOCK_ROWS):
            rows = slide.read(index, y, min(y + _BLOCK_ROWS, height), 0, width)
            tally.add(rows.reshape(-1, 1).astype(np.float64))
        summaries.extend(tally.summaries((name,), (None,)))
    return tuple(summaries)


class _Tally:
    """Running extremes and sums of m channels."""

    def __init__(self, channels: int, saturation: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        self._saturation = saturation
        self._minimum = np.full(channels, np.inf)
        self._maximum = np.full(channels, -np.inf)
        self._sum = np.zeros(channels)
        self._finite = np.zeros(channels, dtype=np.int64)
        self._saturated = np.zeros(channels, dtype=np.int64)
        self._rows = 0

    def add(self, values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Add k rows, (k, m)."""
        finite = np.isfinite(values)
        self._minimum = np.minimum(self._minimum, np.where(finite, values, np.inf).min(axis=0))
        self._maximum = np.maximum(self._maximum, np.where(finite, values, -np.inf).max(axis=0))
        self._sum += np.where(finite, values, 0.0).sum(axis=0)
        self._finite += finite.sum(axis=0)
        self._saturated += (finite & (values >= self._saturation)).sum(axis=0)
        self._rows += len(values)

    def summaries(
        self, channels: tuple[str, ...], markers: tuple[str | None, ...]
    ) -> tuple[ChannelSummary, ...]:
        """Return one summary a channel."""
        return tuple(
            ChannelSummary(
                channel=name,
                marker=marker,
                minimum=_known(self._minimum[i]),
                maximum=_known(self._maximum[i]),
                mean=_known(self._sum[i] / self._finite[i]) if self._finite[i] else None,
                nonfinite=self._rows - int(self._finite[i]),
                saturated=int(self._saturated[i]),
            )
            for i, (name, marker) in enumerate(zip(channels, markers, strict=True))
        )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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


def summarise_tiles(tiles: TileSet) -> tuple[ChannelSummary, ...]:
    """Return per channel what the grey levels of all its tiles are, one tile at a time."""
    from chc_gating.imaging.tile_reader import TileReader

    summaries: list[ChannelSummary] = []
    with TileReader(tiles) as reader:
        for cycle in tiles.cycles:
            for index, name in enumerate(cycle.channels):
                tally = _Tally(1, np.array([float(tiles.maximum)]))
                for tile in cycle.tiles:
                    pixels = reader.read(tile, index)
                    tally.add(pixels.reshape(-1, 1).astype(np.float64))
                summaries.extend(tally.summaries((name,), (None,)))
    return tuple(summaries)


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
