"""Tiles, threads and block borders change nothing, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_scenes import PANEL, draw_discs, scatter_nuclei, write_panel, write_tiff

from chc_gating.imaging.blocks import BLOCK_PX, Box, grid_blocks
from chc_gating.imaging.labels import Labels, choose_label_type
from chc_gating.imaging.methods import choose_method
from chc_gating.imaging.rings import grow_cells
from chc_gating.imaging.slide import open_slide
from chc_gating.model.segmentation import Method
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.tables import read_table

METHODS: tuple[Method, ...] = ("watershed", "network")
"""Those that look at the DNA channel."""
SLIDE = (1300, 2200)
FILES = (
    "labels.tif",
    "segmentation.json",
    "measurements.parquet",
    "measurement.json",
    "tiles.parquet",
)


def make_slide(folder: Path, shape: tuple[int, int]) -> Path:
    dna, truth = scatter_nuclei(shape, diameter=18, share=0.3, touching=0.5, seed=11)
    stack = np.stack([dna, dna // 2, dna[::-1]])
    write_tiff(folder / "given.tif", truth, tile=(256, 256), compression="zlib")
    return write_tiff(folder / "slide.tif", stack, tile=(256, 256), compression="zlib")


def run(
    slide: Path, folder: Path, *, tile_px: int, threads: int, method: Method = "watershed"
) -> dict[str, bytes]:
    panel = write_panel(slide.parent, PANEL + f"segmentation: {{method: {method}}}\n")
    out = folder / f"{tile_px}-{threads}"
    segment(
        slide,
        panel=panel,
        output=out,
        labels_from=folder / "given.tif" if method == "labels" else None,
        tile_px=tile_px,
        threads=threads,
    )
    measure(slide, panel=panel, labels=out, output=out, tile_px=tile_px, threads=threads)
    return {name: (out / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("method", [*METHODS, "labels"])
def test_tile_size_and_threads_change_no_byte(tmp_path: Path, method: Method) -> None:
    slide = make_slide(tmp_path, SLIDE)
    expected = run(slide, tmp_path, tile_px=4096, threads=1, method=method)
    assert run(slide, tmp_path, tile_px=512, threads=1, method=method) == expected
    assert run(slide, tmp_path, tile_px=2048, threads=2, method=method) == expected


@pytest.mark.parametrize("method", METHODS)
def test_blocks_label_a_slide_as_one_block_would(method: Method) -> None:
    shape = (1200, 1150)
    dna, _ = scatter_nuclei(shape, diameter=18, share=0.5, touching=0.7, seed=4)
    prepared = choose_method(method).prepare(lambda box: dna[box.slices], shape, diameter_px=18.0)

    def label(block: Box) -> np.ndarray:
        outer = block.grow(prepared.reach_px, shape)
        return prepared.label_block(dna[outer.slices], block, outer=outer)

    whole = label(Box(0, shape[0], 0, shape[1]))
    assert np.unique(whole).size > 500
    pieces = np.empty(shape, np.int64)
    for block in reversed(list(grid_blocks(shape))):  # the order of blocks is no matter
        pieces[block.slices] = label(block)
    np.testing.assert_array_equal(pieces, whole)
    # Smaller blocks than the grid's have more seams; they agree as well.
    for y in range(0, shape[0], 300):
        for x in range(0, shape[1], 300):
            block = Box(y, y + 300, x, x + 300).clip(shape)
            np.testing.assert_array_equal(label(block), whole[block.slices])


@pytest.mark.parametrize("method", METHODS)
def test_numbers_of_the_whole_slide_do_not_depend_on_how_it_is_read(method: Method) -> None:
    dna, _ = scatter_nuclei((900, 1500), diameter=18, share=0.3, touching=0.5, seed=4)
    block = Box(500, 800, 700, 1000)

    def label(read: Callable[[Box], np.ndarray]) -> np.ndarray:
        prepared = choose_method(method).prepare(read, dna.shape, diameter_px=18.0)
        outer = block.grow(prepared.reach_px, dna.shape)
        return prepared.label_block(read(outer), block, outer=outer)

    padded = np.pad(dna, 3)  # rows of other strides, and of another byte order
    expected = label(lambda box: dna[box.slices].copy())
    assert expected.max() > 0
    views = (padded[3:-3, 3:-3], dna.astype(">u2"), np.asfortranarray(dna))
    for view in views:
        np.testing.assert_array_equal(label(lambda box, view=view: view[box.slices]), expected)


def test_a_nucleus_on_a_seam_is_counted_once_and_whole(tmp_path: Path) -> None:
    edge = BLOCK_PX
    centres = [(edge, 500.0), (500.0, edge), (edge, edge - 2.0), (300.0, 300.0)]
    dna, truth = draw_discs((edge + 200, edge + 200), centres, radius=9)
    slide = write_tiff(tmp_path / "slide.tif", np.stack([dna, dna, dna]))
    segment(slide, panel=write_panel(tmp_path), output=tmp_path / "out")
    with Labels(tmp_path / "out" / "labels.tif") as labels:
        found = labels.read(Box(0, *truth.shape[:1], 0, truth.shape[1]))
    for label in range(1, len(centres) + 1):
        (single,) = np.unique(found[(truth == label) & (found > 0)])
        area = np.count_nonzero(found == single)
        assert area == pytest.approx(np.count_nonzero(truth == label), rel=0.15)
    assert np.unique(found).size == len(centres) + 1


def test_an_id_is_the_index_of_a_seed_pixel_inside_the_nucleus(tmp_path: Path) -> None:
    slide = make_slide(tmp_path, (500, 700))
    segment(slide, panel=write_panel(tmp_path), output=tmp_path / "out")
    with Labels(tmp_path / "out" / "labels.tif") as labels:
        found = labels.read(Box(0, 500, 0, 700))
    ids = np.unique(found[found > 0]) - 1
    np.testing.assert_array_equal(found.ravel()[ids], ids + 1)


def test_sums_over_seams_equal_those_over_the_whole_slide(tmp_path: Path) -> None:
    slide = make_slide(tmp_path, (1300, 1200))
    run(slide, tmp_path, tile_px=1024, threads=1)
    folder = tmp_path / "1024-1"
    whole = Box(0, 1300, 0, 1200)
    with Labels(folder / "labels.tif") as file, open_slide(slide) as opened:
        labels, image = file.read(whole), opened.read_box(2, whole).astype(np.int64)
    ids, nuclei = np.unique(labels, return_inverse=True)
    nuclei = nuclei.reshape(labels.shape).astype(np.int32)
    cells = grow_cells(nuclei, 2.5 / 0.5)
    rings = np.where(nuclei > 0, 0, cells)
    table = read_table(folder / "measurements.parquet")
    assert table["id"].to_pylist() == (ids[1:] - 1).tolist()
    for part, mask in (("nucleus", nuclei), ("ring", rings)):
        sums = np.bincount(mask.ravel(), weights=image.ravel(), minlength=ids.size)[1:]
        np.testing.assert_array_equal(table[f"{part}_sum:EPCAM"].to_numpy(), sums)
    np.testing.assert_array_equal(
        table["cell_area_px"].to_numpy(), np.bincount(cells.ravel(), minlength=ids.size)[1:]
    )


def test_labels_widen_before_they_could_overflow() -> None:
    # The largest label is the number of pixels: 65,535 x 65,537 is 2**32 - 1.
    assert choose_label_type((65535, 65537)) is np.uint32
    assert choose_label_type((65536, 65536)) is np.uint64
