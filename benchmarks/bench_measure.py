"""Measuring cells alone: `measure_cells` beside scikit-image's regionprops_table, equal columns.

    python benchmarks/bench_measure.py SLIDE LABELS.tif [--ring-um 2.5] [--turns 3]

Both measure the same labels of the same slide in one process with one thread, pixels read from the
disk's cache included, ours with its table written. Every column that both have is compared, and the
program fails where one differs. The slide must fit into memory, as regionprops_table wants it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.measure import MeasuredCells, measure_cells
from chc_gating.imaging.rings import grow_cells
from chc_gating.imaging.slide import open_slide
from chc_gating.storage.tables import read_table

Result = TypeVar("Result")
Columns = dict[str, NDArray[np.float64]]

SHAPES = {"area": "area_px", "eccentricity": "eccentricity", "solidity": "solidity"}
LEVELS = ("mean", "median", "q90", "sd", "min", "max", "saturated_fraction", "positive_fraction")
RELATIVE = 1e-6
"""sd and shares are float32 in our table."""


def measure_ours(slide: Path, labels: Path, table: Path, *, ring_um: float) -> MeasuredCells:
    """Write the table of a slide's cells."""
    with open_slide(slide) as opened, Labels(labels) as image:
        names = opened.channels
        return measure_cells(
            opened, image, channels=names, dna=names[0], output=table, ring_um=ring_um
        )


def measure_theirs(
    slide: Path, labels: Path, measured: MeasuredCells, *, ring_um: float
) -> Columns:
    """Return the columns that regionprops_table and numpy's functions of each cell give."""
    with open_slide(slide) as opened, Labels(labels) as image:
        whole = Box(0, opened.shape[0], 0, opened.shape[1])
        stack = [opened.read_box(c, whole) for c in range(len(opened.channels))]
        found, names = image.read(whole), opened.channels
        ring_px = ring_um / opened.pixel_size_um
    nuclei = np.unique(found, return_inverse=True)[1].reshape(found.shape).astype(np.int32)
    cells = grow_cells(nuclei, ring_px)
    pixels = np.moveaxis(np.stack(stack), 0, -1)
    limits = np.array(measured.thresholds)
    marks = np.concatenate([pixels >= measured.saturation, pixels > limits], axis=-1)

    def sd(mask: NDArray[np.bool_], levels: NDArray[np.uint16]) -> np.float64:
        return np.std(levels[mask])

    def quantiles(mask: NDArray[np.bool_], levels: NDArray[np.uint16]) -> NDArray[np.float64]:
        return np.quantile(levels[mask], (0.5, 0.9))

    columns: Columns = {}
    parts = {"nucleus": nuclei, "ring": np.where(nuclei > 0, 0, cells), "cell": cells}
    for part, mask in parts.items():
        more = tuple(SHAPES) if part == "nucleus" else ()
        table = regionprops_table(
            mask,
            pixels,
            properties=("label", *more, "intensity_mean", "intensity_min", "intensity_max"),
            extra_properties=(sd, quantiles),
        )
        shares = regionprops_table(mask, marks, properties=("intensity_mean",))
        columns |= {SHAPES[name]: table[name] for name in more}
        columns |= _name_levels(table, shares, part, names)
    return columns


def _name_levels(table: Columns, shares: Columns, part: str, names: tuple[str, ...]) -> Columns:
    """Return the columns of grey levels under our names; channels come one after the other."""
    found: Columns = {f"{part}:rows": table["label"] - 1}
    for c, name in enumerate(names):
        theirs = {
            "mean": table[f"intensity_mean-{c}"],
            "min": table[f"intensity_min-{c}"],
            "max": table[f"intensity_max-{c}"],
            "sd": table[f"sd-{c}"],
            "median": table[f"quantiles-0-{c}"],
            "q90": table[f"quantiles-1-{c}"],
            "saturated_fraction": shares[f"intensity_mean-{c}"],
            "positive_fraction": shares[f"intensity_mean-{len(names) + c}"],
        }
        found |= {f"{part}_{what}:{name}": theirs[what] for what in LEVELS}
    return found


def find_differences(table: Path, theirs: Columns) -> list[str]:
    """Return the columns that differ by more than rounding."""
    ours = read_table(table)
    differing = []
    for name, expected in theirs.items():
        if name.endswith(":rows"):
            continue
        part = name.partition("_")[0] if ":" in name else "nucleus"
        rows = theirs[f"{part}:rows"].astype(np.int64)
        values = ours[name].to_numpy()[rows].astype(np.float64)
        if not np.allclose(values, expected, rtol=RELATIVE, atol=1e-6):
            differing.append(name)
    return differing


def take_time(work: Callable[[], Result]) -> tuple[float, float, Result]:
    """Return seconds by the clock, seconds of the processor, and what the work returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def main() -> int:
    """Print both times, their ratio and whether the columns are equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("slide", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--ring-um", type=float, default=2.5)
    parser.add_argument("--turns", type=int, default=3, help="of ours, the fastest counts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "measurements.parquet"
        turns = [
            take_time(lambda: measure_ours(given.slide, given.labels, table, ring_um=given.ring_um))
            for _ in range(given.turns + 1)  # the first loads the kernels
        ][1:]
        wall, cpu, measured = min(turns, key=lambda turn: turn[0])
        their_wall, their_cpu, theirs = take_time(
            lambda: measure_theirs(given.slide, given.labels, measured, ring_um=given.ring_um)
        )
        differing = find_differences(table, theirs)
    compared = sum(not name.endswith(":rows") for name in theirs)
    print(f"{measured.cells:,} cells, {compared} columns in both")
    print(f"measure_cells      {wall:8.2f} s, of the processor {cpu:8.2f} s")
    print(f"regionprops_table  {their_wall:8.2f} s, of the processor {their_cpu:8.2f} s")
    print(f"ratio              {their_wall / wall:8.1f},   of the processor {their_cpu / cpu:8.1f}")
    print("equal" if not differing else f"differ: {', '.join(differing)}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
