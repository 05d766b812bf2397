"""A slide of 4 x 40,000 x 40,000 px: made in a stream, run to the end, deleted.

    make big-slide                                       # and its section of the document
    python benchmarks/big_slide.py --side 12288          # smaller, printed only

A patch of 4,096 px is simulated with its cells (`chc simulate`); the slide repeats crops of it,
each turned over and brightened at random, so that making it takes minutes. Nuclei that the edge of
a crop cuts are cut. BigTIFF, tiles of 512 px, zstd (`--raw`: not compressed, 12.8 GB). A row of
crops is held in memory while it is written.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
from bench_slide import (
    CHANNELS,
    STEPS,
    describe_machine,
    run_stages,
    simulate,
    write_panel,
    write_section,
)
from numpy.typing import NDArray

PATCH_PX, CROP_PX, TILE_PX = 4096, 2048, 512
NAMES = ("DAPI", "CD45", "EPCAM", "panCK")


def crop_patch(
    patch: NDArray[np.uint16], channel: int, row: int, column: int
) -> NDArray[np.uint16]:
    """Return the crop at a place of the slide's grid: of all channels the same one."""
    rng = np.random.default_rng((row, column))
    y, x = rng.integers(0, PATCH_PX - CROP_PX, 2)
    crop = patch[channel, y : y + CROP_PX, x : x + CROP_PX]
    crop = crop[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
    gain = rng.uniform(0.9, 1.1)
    return np.minimum(crop * gain, 65535).astype(np.uint16)


def slide_tiles(patch: NDArray[np.uint16], side_px: int) -> Iterator[NDArray[np.uint16]]:
    """Yield the tiles of every channel in raster order; a row of crops is held at a time."""
    across = -(-side_px // CROP_PX)
    for channel in range(CHANNELS):
        for y in range(0, side_px, TILE_PX):
            if y % CROP_PX == 0:
                crops = [crop_patch(patch, channel, y // CROP_PX, i) for i in range(across)]
            for x in range(0, side_px, TILE_PX):
                rows, columns = y % CROP_PX, x % CROP_PX
                tile = crops[x // CROP_PX][rows : rows + TILE_PX, columns : columns + TILE_PX]
                yield np.ascontiguousarray(tile)


def write_big_slide(path: Path, patch: NDArray[np.uint16], *, side_px: int, raw: bool) -> None:
    """Write the slide as OME-TIFF."""
    how = {} if raw else {"compression": "zstd", "compressionargs": {"level": 1}}
    tifffile.imwrite(
        path,
        slide_tiles(patch, side_px),
        shape=(CHANNELS, side_px, side_px),
        dtype=np.uint16,
        tile=(TILE_PX, TILE_PX),
        photometric="minisblack",
        bigtiff=True,
        ome=True,
        metadata={
            "axes": "CYX",
            "Channel": {"Name": list(NAMES)},
            "PhysicalSizeX": 0.5,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "µm",
        },
        **how,
    )


def measure_big(side_px: int, *, raw: bool, methods: Sequence[str], folder: Path | None) -> str:
    """Make a slide in a temporary folder, run the stages, and return the section."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        patch = tifffile.imread(simulate(work, PATCH_PX))
        slide = work / "big.ome.tif"
        start = time.perf_counter()
        write_big_slide(slide, patch, side_px=side_px, raw=raw)
        made_s, size_gb = time.perf_counter() - start, slide.stat().st_size / 1e9
        rows = []
        for method in methods:
            (own := work / method).mkdir()
            panel, output = write_panel(own, method), own / "result"
            one, two = (run_stages(slide, panel, output, threads=n) for n in (1, 2))
            nuclei = count_nuclei(output)
            rows += [
                f"| {method} | {step} | {one[step].wall_s:,.1f} | {one[step].cpu_s:,.1f} | "
                f"{one[step].peak_mb:,.0f} | {nuclei:,} | {nuclei / one[step].wall_s:,.0f} | "
                f"{two[step].wall_s:,.1f} | {one[step].wall_s / two[step].wall_s:.2f} | "
                f"{two[step].peak_mb:,.0f} |"
                for step in STEPS
            ]
    return SECTION.format(
        machine=machine,
        side=f"{side_px:,}",
        kind="not compressed" if raw else "zstd",
        size_gb=size_gb,
        made_s=made_s,
        rows="\n".join(rows),
    )


def count_nuclei(output: Path) -> int:
    """Return how many nuclei were found."""
    from chc_gating.imaging.records import Segmentation
    from chc_gating.storage.records import read_record

    record = read_record(output / "segmentation.json", Segmentation)
    assert record.slide is not None
    return record.slide.nuclei


SECTION = """<!-- big slide -->
## A slide of {side} px

Printed by `make big-slide` (`benchmarks/big_slide.py`). {machine}

4 channels x {side} x {side} px, {kind}, {size_gb:.1f} GB, made in {made_s:.0f} s and not kept.
One thread; the last three columns are of two.

| method | stage | wall s | processor s | peak MB | nuclei | nuclei/s | wall s | times | peak MB |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}
<!-- end -->
"""


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=40_000, help="px")
    parser.add_argument("--raw", action="store_true", help="do not compress the slide")
    parser.add_argument("--methods", nargs="+", default=["watershed", "network"])
    parser.add_argument("--folder", type=Path, help="where 15 GB fit; default: the system's")
    parser.add_argument("--output", type=Path, help="write the section into this document")
    given = parser.parse_args()
    section = measure_big(given.side, raw=given.raw, methods=given.methods, folder=given.folder)
    print(section)
    if given.output:
        write_section(given.output, "big slide", section)


if __name__ == "__main__":
    main()
