"""`chc gate-image` on slides of up to ten million cells, which are one measured slide repeated.

    make many-cells                                   # and its section of the document
    python benchmarks/many_cells.py --grids 1x1 4x4   # smaller, printed only

A slide of 6,144 px is simulated, segmented and measured. Its table is repeated on a grid with
places, ids and grey levels of their own (up to 2 % brighter or darker), in groups of rows as `chc
measure` writes them. The picture and the labels are one file each, whose tiles stand at many places
of it at once, so that crops cost what they cost on a slide. (Labels keep the ids of the one slide:
outlines take as long, and show other nuclei.)
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from bench_slide import CONFIG, describe_machine, run_stages, simulate, write_panel, write_section
from processes import chc

from chc_gating.imaging.cell_table import write_rows

SIDE_PX = 6144
GRIDS = ("1x1", "6x7", "17x18")
BRIGHTNESS = ("_mean:", "_median:", "_q90:", "_sd:")
NAMES = ("DAPI", "CD45", "EPCAM", "panCK")
ROWS = 1 << 17
OFFSETS, SIZES = 324, 325
"""The TIFF tags of where tiles start and how long they are."""


def repeat_rows(table: pa.Table, down: int, across: int) -> Iterator[pa.Table]:
    """Yield the cells of the grid in ascending order of id, some at a time."""
    y, x = np.divmod(table["id"].to_numpy(), SIDE_PX)
    rng = np.random.default_rng(1)
    for row in range(down):
        start = (y + row * SIDE_PX) * across * SIDE_PX + x
        ids = np.concatenate([start + column * SIDE_PX for column in range(across)])
        order = np.argsort(ids)
        for first in range(0, ids.size, ROWS):
            here = order[first : first + ROWS]
            column, cell = np.divmod(here, table.num_rows)
            found = table.take(pa.array(cell))
            moved = {"y": row * SIDE_PX, "x": column * SIDE_PX}
            gain = rng.uniform(0.98, 1.02, here.size)
            yield pa.Table.from_arrays(
                [
                    pa.array(ids[here]) if field.name == "id" else move(found, field, moved, gain)
                    for field in table.schema
                ],
                schema=table.schema,
            )


def move(table: pa.Table, field: pa.Field, moved: dict[str, object], gain: np.ndarray) -> pa.Array:
    """Return a column at its place in the grid."""
    column = table[field.name].combine_chunks()
    axis = field.name.removeprefix("centroid_").removeprefix("box_")[:1]
    if field.name.startswith(("centroid_", "box_")):
        return pa.array(column.to_numpy() + moved[axis], type=field.type)
    if any(what in field.name for what in BRIGHTNESS):
        values = column.to_numpy(zero_copy_only=False) * gain
        return pa.array(values, type=field.type, from_pandas=True)
    return column


def repeat_squares(table: pa.Table, down: int, across: int) -> pa.Table:
    """Return tiles.parquet of the grid."""
    side = table["height_px"][0].as_py()
    count = SIDE_PX // side
    places = np.tile(np.arange(count * count).reshape(count, count), (down, across))
    found = table.take(pa.array(places.ravel()))
    for axis, place in zip("yx", np.divmod(np.arange(places.size), places.shape[1]), strict=True):
        index = found.schema.get_field_index(f"{axis}0_px")
        found = found.set_column(index, found.schema.field(index), pa.array(place * side))
    return found


def repeat_image(source: Path, path: Path, down: int, across: int) -> None:
    """Write a tiled TIFF whose tiles are those of another, each at many places."""
    with tifffile.TiffFile(source) as file:
        pages = [(page.dataoffsets, page.databytecounts) for page in file.pages]
        form, count = file.pages.first, len(file.pages)
    side = SIDE_PX // form.tilewidth
    stored = source.read_bytes()
    shape = (down * SIDE_PX, across * SIDE_PX)
    um = {f"PhysicalSize{axis}": 0.5 for axis in "XY"}
    named = {"axes": "CYX", "Channel": {"Name": list(NAMES)}, **um}
    tifffile.imwrite(
        path,
        (b"\0" for _ in range(count * side**2 * down * across)),
        shape=(count, *shape) if count > 1 else shape,
        dtype=form.dtype,
        tile=(form.tilelength, form.tilewidth),
        compression=int(form.compression),
        photometric="minisblack",
        bigtiff=True,
        ome=count > 1,
        metadata=named if count > 1 else None,
    )
    with tifffile.TiffFile(path) as file:
        tags = [[page.tags[code] for code in (OFFSETS, SIZES)] for page in file.pages]
    with path.open("r+b") as file:
        start = file.seek(0, 2)
        file.write(stored)
        for places, (offsets, sizes) in zip(tags, pages, strict=True):
            for tag, values in zip(places, (np.array(offsets) + start, sizes), strict=True):
                grid = np.tile(np.reshape(values, (side, side)), (down, across))
                file.seek(tag.valueoffset)
                file.write(grid.astype({4: "<u4", 16: "<u8"}[int(tag.dtype)]).tobytes())


def repeat_slide(source: Path, slide: Path, output: Path, *, down: int, across: int) -> int:
    """Write the measured folder of a grid, and its slide; return the number of its cells."""
    output.mkdir()
    record = json.loads((source / "measurement.json").read_text())
    rows = repeat_rows(pq.read_table(source / "measurements.parquet"), down, across)
    cells = write_rows(output / "measurements.parquet", rows, channels=record["channels"])
    squares = pq.read_table(source / "tiles.parquet")
    pq.write_table(repeat_squares(squares, down, across), output / "tiles.parquet")
    facts = record["slide"]
    record["cells"] = facts["nuclei"] = cells
    facts["height_px"], facts["width_px"] = down * SIDE_PX, across * SIDE_PX
    facts["area_mm2"] *= down * across
    (output / "measurement.json").write_text(json.dumps(record))
    repeat_image(slide, output / "slide.ome.tif", down, across)
    repeat_image(source / "labels.tif", output / "labels.tif", down, across)
    return cells


def measure_grids(grids: Sequence[str], *, folder: Path | None) -> str:
    """Make a slide of each grid in a temporary folder, gate it, and return the section."""
    machine, rows = describe_machine(), []
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        slide, panel = simulate(work, SIDE_PX), write_panel(work, "watershed")
        run_stages(slide, panel, work / "one")
        for grid in grids:
            down, across = map(int, grid.split("x"))
            output = work / grid
            cells = repeat_slide(work / "one", slide, output, down=down, across=across)
            rows.append(gate(output, panel, grid=grid, cells=cells))
            shutil.rmtree(output)
    return SECTION.format(machine=machine, rows="\n".join(rows))


def gate(measured: Path, panel: Path, *, grid: str, cells: int) -> str:
    """Gate a slide with one thread and with two; return its row of the table."""
    one, two = (
        chc(
            "gate-image", measured, "--slide", measured / "slide.ome.tif", "--panel", panel,
            "--gates", CONFIG / "gates" / "chc-slide.yaml", "--output", measured / "gated",
            threads=threads,
        )
        for threads in (1, 2)
    )  # fmt: skip
    candidates = pq.read_metadata(measured / "gated" / "candidates.parquet").num_rows
    down, across = (SIDE_PX * int(count) for count in grid.split("x"))
    return (
        f"| {cells:,} | {candidates:,} | {down:,} x {across:,} | {one.wall_s:.1f} | "
        f"{one.cpu_s:.1f} | {one.peak_mb:,.0f} | {two.wall_s:.1f} | "
        f"{one.wall_s / two.wall_s:.2f} | {two.peak_mb:,.0f} |"
    )


SECTION = """<!-- many cells -->
## Ten million cells

Printed by `make many-cells` (`benchmarks/many_cells.py`). {machine}

`chc gate-image` alone, on one measured slide that is repeated on a grid; zlib. At most 5,000
candidates have crops, which are most of the time: a tile of every channel is decompressed for each.
The last three columns are of two threads.

| cells | candidates | px | wall s | processor s | peak MB | wall s | times as fast | peak MB |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}
<!-- end -->
"""


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grids", nargs="+", default=GRIDS, help="of 6,144 px a side each")
    parser.add_argument("--folder", type=Path, help="where 5 GB fit; default: the system's")
    parser.add_argument("--output", type=Path, help="write the section into this document")
    given = parser.parse_args()
    section = measure_grids(given.grids, folder=given.folder)
    print(section)
    if given.output:
        write_section(given.output, "many cells", section)


if __name__ == "__main__":
    main()
