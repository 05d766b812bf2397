"""A simulated scan in two cycles, stitched, against the places and the camera it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chc_gating.imaging.flat_field import FlatField
from chc_gating.imaging.stitching_record import Stitching
from chc_gating.simulate.raw_tiles import TrueTiles, field_gain, write_raw_tiles
from chc_gating.simulate.recipe import RawScan, SlideFile
from chc_gating.simulate.slide_cells import CHANNEL_NAMES
from chc_gating.simulate.slide_layout import SlideLayout
from chc_gating.stages.stitch import stitch
from chc_gating.storage.records import read_record

SCAN = RawScan(
    tile_px=768, jitter_px=6, cycles=(("DAPI", "CD45"), ("DAPI", "EPCAM", "panCK")), dark_level=100
)
SIDE_PX = 6200
PANEL = """\
modality: image
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  EPCAM: {marker: EPCAM, role: epithelial}
  panCK: {marker: CK, role: epithelial}
"""


@dataclass(frozen=True)
class FieldError:
    """A channel's fitted gain against the true one, as shares of it over all pixels."""

    channel: str
    depth: float
    rms: float
    p99: float
    largest: float
    claimed: float | None


@dataclass(frozen=True)
class ScanRun:
    """What stitching the scan gave; errors of places in pixels, along the worse axis."""

    fields: tuple[FieldError, ...]
    place_errors: tuple[float, ...]
    dark_level: float
    tiles: int


def write_scan(folder: Path, scan: RawScan, *, side_px: int, seed: int) -> None:
    """Simulate a square slide of the default kind; write its raw tiles and their truth."""
    slide = SlideFile(
        file="tiles",
        patient="P1",
        panel="if4",
        gates="chc",
        modality="image",
        width_px=side_px,
        height_px=side_px,
        scan=scan,
    )
    layout = SlideLayout(slide, seed=(seed,))
    write_raw_tiles(folder / "tiles", layout, scan, truth=folder / "truth")


def compare_scan(folder: Path) -> ScanRun:
    """Simulate a scan, stitch it, and hold places and gains against the truth."""
    write_scan(folder, SCAN, side_px=SIDE_PX, seed=11)
    panel = folder / "if4.yaml"
    panel.write_text(PANEL, encoding="utf-8")
    stitch(folder / "tiles", panel=panel, output=folder / "out")
    record = read_record(folder / "out" / "stitching.json", Stitching)
    truth = read_record(folder / "truth" / "tiles.json", TrueTiles)
    errors = [
        float(np.abs(np.array([(t.y_px, t.x_px) for t in cycle.tiles]) - places).max())
        for cycle, places in zip(record.cycles, truth.places_px, strict=True)
    ]
    return ScanRun(
        fields=tuple(_compare_fields(record)),
        place_errors=tuple(errors),
        dark_level=record.dark_level or 0.0,
        tiles=len(truth.places_px[0]),
    )


def _compare_fields(record: Stitching) -> Iterator[FieldError]:
    for found in record.flat_fields:
        true = field_gain(SCAN, CHANNEL_NAMES.index(found.channel.split(" cycle")[0]))
        true = true / true.mean()
        gain = (
            FlatField(true.shape, found.coefficients, 0.0).gain()
            if found.applied
            else np.ones_like(true)
        )
        error = np.abs(gain / true - 1)
        yield FieldError(
            found.channel,
            float(true.max() / true.min() - 1),
            float(np.sqrt(np.mean(error**2))),
            float(np.quantile(error, 0.99)),
            float(error.max()),
            found.gain_error,
        )


def table_lines(run: ScanRun) -> Iterator[str]:
    """Yield the figures as Markdown."""
    yield "| channel | brightest over darkest | error: RMS | 99 % of pixels | largest | claimed |"
    yield "|---|---|---|---|---|---|"
    for f in run.fields:
        claimed = "-" if f.claimed is None else f"{100 * f.claimed:.1f} %"
        yield (
            f"| {f.channel} | +{100 * f.depth:.0f} % | {100 * f.rms:.1f} % | {100 * f.p99:.1f} % | "
            f"{100 * f.largest:.1f} % | {claimed} |"
        )
    yield ""
    places = " and ".join(f"{error:.2f} px" for error in run.place_errors)
    yield (
        f"{run.tiles} tiles of {SCAN.tile_px} px a cycle; dark level {run.dark_level:.0f} (true: "
        f"{SCAN.dark_level:.0f}); largest error of a tile's place in the two cycles: {places}."
    )
