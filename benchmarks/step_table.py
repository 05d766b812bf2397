"""Tiles whose background differs by steps: what is left of them in the values of cells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.scan_table import PANEL, write_scan
from chc_gating.imaging.stitching_record import Stitching
from chc_gating.simulate.recipe import RawScan
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.stages.stitch import Camera, stitch
from chc_gating.storage.records import read_record

CHANNELS = ("CD45", "EPCAM", "panCK")
SCAN = RawScan(tile_px=512, cycles=(("DAPI", *CHANNELS),), dark_level=100)
SIDE_PX = 2300
STEP_SD = 60.0
"""Grey levels, a sixth of the background: far more than lamps drift between tiles."""
_NEAR_PX = 64


@dataclass(frozen=True)
class StepError:
    """Change of cells' values (median of nucleus and ring less background) by steps, grey levels.

    steps : SD of the steps. away, near : SD of the changes of cells away from and near to a tile's
    edge; raw : the same without the background taken off. value : median of all cells' values.
    """

    channel: str
    steps: float
    raw: float
    away: float
    near: float
    value: float


def compare_steps(folder: Path) -> tuple[StepError, ...]:
    """Simulate a scan, add a step to each tile, and measure the same cells on both slides."""
    even, uneven = folder / "even", folder / "uneven"
    write_scan(even, SCAN, side_px=SIDE_PX, seed=5)
    shutil.copytree(even, uneven)
    steps = _add_steps(uneven / "tiles" / "cycle1.ome.tif")
    panel = folder / "if4.yaml"
    panel.write_text(PANEL, encoding="utf-8")
    for each in (even, uneven):
        stitch(each / "tiles", panel=panel, output=each, camera=Camera(dark_level=100.0))
    segment(even / "slide.ome.tif", panel=panel, output=even)
    tables = [_measure(each, panel, labels=even) for each in (even, uneven)]
    near = _find_near(tables[0], read_record(even / "stitching.json", Stitching))
    return tuple(
        _compare(tables[0], tables[1], name, steps=float(steps[:, 1 + i].std()), near=near)
        for i, name in enumerate(CHANNELS)
    )


def _add_steps(path: Path) -> NDArray[np.float64]:
    """Add a step to every channel of every tile of a file; return them, (tiles, channels)."""
    with tifffile.TiffFile(path) as file:
        count, channels = len(file.series), file.series[0].shape[0]
    steps = np.random.default_rng(1).normal(0, STEP_SD, (count, channels))
    for i, step in enumerate(steps):
        pixels = tifffile.memmap(path, series=i, mode="r+")
        pixels[:] = np.clip(np.rint(pixels + step[:, None, None]), 0, 65535)
        pixels.flush()
    return steps


def _measure(folder: Path, panel: Path, *, labels: Path) -> dict[str, NDArray[np.float64]]:
    import pyarrow.parquet as pq

    measure(folder / "slide.ome.tif", panel=panel, labels=labels, output=folder)
    table = pq.read_table(folder / "measurements.parquet")
    return {name: table[name].to_numpy() for name in table.column_names}


def _find_near(table: dict[str, NDArray[np.float64]], record: Stitching) -> NDArray[np.bool_]:
    """Return which cells lie near the middle of an overlap, where the slide changes tiles."""
    near = np.zeros(len(table["id"]), np.bool_)
    tiles = record.cycles[0].tiles
    for axis in "yx":
        corners = np.unique(np.rint([getattr(tile, f"{axis}_px") for tile in tiles]))
        seams = corners[corners > SCAN.tile_px / 4] + SCAN.tile_px * SCAN.overlap / 2
        apart = np.abs(table[f"centroid_{axis}_px"][:, None] - seams)
        near |= apart.min(axis=1) < _NEAR_PX
    return near


def _compare(
    even: dict[str, NDArray[np.float64]],
    uneven: dict[str, NDArray[np.float64]],
    name: str,
    *,
    steps: float,
    near: NDArray[np.bool_],
) -> StepError:
    raw, value = (
        [t[f"cell_median:{name}"] - k * t[f"background:{name}"] for t in (even, uneven)]
        for k in (0, 1)
    )
    change = value[1] - value[0]
    return StepError(
        name,
        steps=steps,
        raw=float(np.std(raw[1] - raw[0])),
        away=float(np.std(change[~near])),
        near=float(np.std(change[near])),
        value=float(np.median(value[0])),
    )


def table_lines(errors: tuple[StepError, ...]) -> Iterator[str]:
    """Yield the figures as Markdown."""
    yield (
        "| channel | steps: SD | change of cells: raw | less background | near seams | "
        "median value |"
    )
    yield "|---|---|---|---|---|---|"
    for e in errors:
        yield (
            f"| {e.channel} | {e.steps:.0f} | {e.raw:.1f} | {e.away:.1f} | {e.near:.1f} | "
            f"{e.value:.0f} |"
        )
