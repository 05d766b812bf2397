"""The stitched tonsil against MCMICRO's table: printed as docs/stitching.md shows it.

cycif-tonsil-cycle[123].ome.tif (nf-core test data, after mcmicro's exemplar): nine overlapping
tiles in three cycles. cycif_tonsil_cell.csv: mcquant's means of eight channels over the cells of
quantification__cell.ome.tif, of a slide that ASHLAR stitched.
"""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from chc_gating.imaging.slide import open_slide
from chc_gating.imaging.stitching_record import Stitching
from chc_gating.stages.stitch import Camera, stitch
from chc_gating.storage.records import read_record

PANEL = """\
modality: image
channel_names: [DNA 1, Na/K ATPase, CD3, CD45RO, DNA 2, Antigen Ki67, Pan-cytokeratin,
                Aortic smooth muscle actin, DNA 3, CD8a, CD4, PD-1]
channels:
  DNA 1: {role: dna}
  CD45RO: {marker: CD45RO, role: leukocyte}
  CD3: {marker: CD3, role: other}
  Pan-cytokeratin: {marker: CK, role: epithelial}
"""
CYCLES = tuple(f"cycif-tonsil-cycle{i}.ome.tif" for i in (1, 2, 3))


@dataclass(frozen=True)
class Agreement:
    """A channel's cell means of ours against mcquant's: correlation, and quantiles of ours/its."""

    channel: str
    correlation: float
    ratio_median: float
    ratio_p1: float
    ratio_p99: float


@dataclass(frozen=True)
class TonsilRun:
    """What stitching the tonsil gave."""

    agreements: tuple[Agreement, ...]
    record: Stitching
    seconds: float


def gather_tiles(data: Path, folder: Path) -> Path:
    """Copy the raw tiles of the three cycles into a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CYCLES:
        shutil.copy(data / name, folder / name)
    return folder


def compare_tonsil(data: Path, folder: Path, *, flat_field: bool = True) -> TonsilRun:
    """Stitch the tonsil and hold its cells' means against the shipped table."""
    tiles = gather_tiles(data, folder / "tiles")
    panel = folder / "tonsil.yaml"
    panel.write_text(PANEL, encoding="utf-8")
    stitch(tiles, panel=panel, output=folder)  # compiles the kernels, if they are not cached
    started = time.perf_counter()
    stitch(tiles, panel=panel, output=folder, camera=Camera(flat_field=flat_field))
    seconds = time.perf_counter() - started
    mask = tifffile.imread(data / "quantification__cell.ome.tif")
    with (data / "cycif_tonsil_cell.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name in PANEL]
    theirs = {name: np.array([float(row[name]) for row in rows]) for name in names}
    ids = np.array([int(float(row["CellID"])) for row in rows])
    with open_slide(folder / "slide.ome.tif") as slide:
        height, width = slide.shape
        ours = {
            name: measure_means(
                slide.read(slide.channels.index(name), 0, height, 0, width), mask, ids
            )
            for name in names
        }
    return TonsilRun(
        tuple(_agree(name, ours[name], theirs[name]) for name in names),
        read_record(folder / "stitching.json", Stitching),
        seconds,
    )


def measure_means(
    image: NDArray[np.uint16], mask: NDArray[np.int32], ids: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean grey level of each cell of a mask over the part that both images cover."""
    height, width = min(image.shape[0], mask.shape[0]), min(image.shape[1], mask.shape[1])
    cells, levels = mask[:height, :width].ravel(), image[:height, :width].ravel()
    sums = np.bincount(cells, weights=levels, minlength=int(mask.max()) + 1)
    areas = np.bincount(cells, minlength=int(mask.max()) + 1)
    return np.asarray(sums[ids] / np.maximum(areas[ids], 1))


def _agree(name: str, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Agreement:
    ratio = ours / theirs
    return Agreement(
        name,
        float(np.corrcoef(ours, theirs)[0, 1]),
        float(np.median(ratio)),
        *(float(q) for q in np.quantile(ratio, [0.01, 0.99])),
    )


def table_lines(run: TonsilRun) -> Iterator[str]:
    """Yield the figures as Markdown."""
    yield "| channel | correlation with mcquant | ours / mcquant: median | 1 % | 99 % |"
    yield "|---|---|---|---|---|"
    for a in run.agreements:
        yield (
            f"| {a.channel} | {a.correlation:.4f} | {a.ratio_median:.4f} | {a.ratio_p1:.3f} | "
            f"{a.ratio_p99:.3f} |"
        )
    record = run.record
    yield ""
    yield (
        f"{len(record.edges)} edges, {record.dropped_edges} dropped; residual of the places "
        f"{record.residual_median_px:.2f} px (median), {record.residual_max_px:.2f} px (largest)."
    )
    for cycle in record.cycles[1:]:
        yield (
            f"Cycle {cycle.cycle} against the first: {cycle.residual_median_px:.2f} px (median), "
            f"{cycle.residual_p95_px:.2f} px (95 %), turned by {cycle.rotation_deg:.3f} degrees."
        )
    yield f"27 tiles of 4 channels, 220 x 180 px: {run.seconds:.1f} s in one thread, kernels ready."
