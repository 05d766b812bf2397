"""However a slide is stored, and however many threads read it, its cells measure the same."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pytest
import tifffile
from image_scenes import draw_discs, write_panel, write_tiff
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box, map_in_order
from chc_gating.imaging.labels import Labels, write_labels
from chc_gating.imaging.measure import measure_cells
from chc_gating.imaging.pieces import measure_block
from chc_gating.imaging.plane_segments import SegmentCache
from chc_gating.imaging.planes import PagePlane
from chc_gating.imaging.slide import open_slide
from chc_gating.imaging.sums import BlockPixels, MeasureRule, index_cells
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.tables import build_numbers

Item = TypeVar("Item")

SHAPE = (2060, 1300)
LAYOUTS: dict[str, dict[str, object]] = {
    "flat": {},
    "tiles, zlib": {"tile": (256, 256), "compression": "zlib"},
    "tiles that fit no block": {"tile": (240, 368), "compression": "zstd"},
    "strips": {"rowsperstrip": 100, "compression": "zlib"},
    "samples side by side": {"planarconfig": "contig", "tile": (512, 512), "compression": "zlib"},
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[NDArray[np.uint16], Path]:
    """Return three channels of discs, many across the borders of blocks, and their labels.tif."""
    one, disc = draw_discs((23, 21), [(9, 9)], radius=7)
    repeats = (-(-SHAPE[0] // 23), -(-SHAPE[1] // 21))
    rng = np.random.default_rng(3)
    dna = np.tile(one, repeats)[: SHAPE[0], : SHAPE[1]] + rng.integers(0, 90, SHAPE)
    numbers = np.arange(1, repeats[0] * repeats[1] + 1).reshape(repeats)
    discs = np.tile(disc, repeats) * np.kron(numbers, np.ones((23, 21), np.int64))
    discs = discs[: SHAPE[0], : SHAPE[1]]
    others = [dna // 2 + rng.integers(0, 500, SHAPE), rng.integers(0, 65536, SHAPE)]
    _, first, which = np.unique(discs, return_index=True, return_inverse=True)
    labels = np.where(discs > 0, first[which].reshape(SHAPE) + 1, 0)
    path = tmp_path_factory.mktemp("scene") / "labels.tif"
    blocks = (
        labels[y : y + 1024, x : x + 1024]
        for y in range(0, SHAPE[0], 1024)
        for x in range(0, SHAPE[1], 1024)
    )
    write_labels(path, SHAPE, blocks)
    return np.stack([dna, *others]).astype(np.uint16), path


def measure_to(output: Path, slide: Path, labels: Path, **options: Any) -> bytes:
    with open_slide(slide) as opened, Labels(labels) as image:
        names = opened.channels
        measured = measure_cells(
            opened, image, channels=names, dna=names[0], output=output, **options
        )
    assert measured.cells > 5000
    return output.read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_threads_and_tiles_change_no_byte(
    tmp_path: Path, scene: tuple[NDArray[np.uint16], Path], layout: str
) -> None:
    image, labels = scene
    options = LAYOUTS[layout]
    stored = np.moveaxis(image, 0, -1) if "planarconfig" in options else image
    expected = measure_to(
        tmp_path / "flat.parquet", write_tiff(tmp_path / "flat.tif", image), labels
    )
    slide = write_tiff(tmp_path / "slide.tif", stored, **options)
    for threads, tile_px in ((1, 1024), (2, 4096), (3, 1024)):
        found = measure_to(tmp_path / "m.parquet", slide, labels, threads=threads, tile_px=tile_px)
        assert found == expected


def test_a_tile_is_decoded_once(
    tmp_path: Path, scene: tuple[NDArray[np.uint16], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, labels = scene
    slide = write_tiff(tmp_path / "s.tif", image, tile=(512, 512), compression="zlib")
    decoded: Counter[tuple[Path, int, int]] = Counter()
    decode = PagePlane._decode_segment

    def count(plane: PagePlane, index: int) -> NDArray[Any]:
        decoded[plane._path, plane._page.offset, index] += 1
        return decode(plane, index)

    monkeypatch.setattr(PagePlane, "_decode_segment", count)
    for threads in (1, 3):
        decoded.clear()
        measure_to(tmp_path / "m.parquet", slide, labels, threads=threads)
        assert len(decoded) == 3 * 15 + 6
        assert set(decoded.values()) == {1}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_read_together_hold_what_each_holds(tmp_path: Path, layout: str) -> None:
    image = np.random.default_rng(1).integers(0, 65536, (3, 700, 900)).astype(np.uint16)
    options = LAYOUTS[layout]
    stored = np.moveaxis(image, 0, -1) if "planarconfig" in options else image
    boxes = [Box(0, 512, 0, 256), Box(13, 700, 250, 900), Box(500, 700, 3, 4)]
    with open_slide(write_tiff(tmp_path / "s.tif", stored, **options)) as slide:
        for c in range(3):
            targets = [(box, np.full(box.shape, 7, np.uint16)) for box in boxes]
            slide.read_into(c, targets)
            for box, found in targets:
                np.testing.assert_array_equal(found, image[(c, *box.slices)])


def test_threads_share_a_file(tmp_path: Path) -> None:
    image = np.random.default_rng(2).integers(0, 65536, (1, 640, 640)).astype(np.uint16)
    path = write_tiff(tmp_path / "s.tif", image, tile=(16, 16), compression="zlib")
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, image[0].astype(np.uint32), tile=(16, 16), compression="zlib")
    with open_slide(path) as slide, Labels(labels) as opened:

        def read(y: int) -> bool:
            box = Box(y, y + 16, 8, 632)
            same = np.array_equal(slide.read_box(0, box), image[(0, *box.slices)])
            (ids,) = opened.read_stored([box])
            return same and np.array_equal(ids, image[(0, *box.slices)])

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, [y for y in range(0, 624, 3) for _ in range(4)]))


def test_a_segment_that_two_threads_want_is_decoded_by_one() -> None:
    cache, begun, go = SegmentCache(), threading.Event(), threading.Event()
    calls = []

    def decode() -> NDArray[Any]:
        calls.append(1)
        begun.set()
        assert go.wait(10)
        return np.ones(3)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.fetch, (1,), decode)
        assert begun.wait(10)
        second = pool.submit(cache.fetch, (1,), decode)
        go.set()
        assert first.result() is second.result()
    assert calls == [1]


def test_a_fault_reaches_all_who_wait_and_is_not_kept() -> None:
    cache = SegmentCache()

    def fail() -> NDArray[Any]:
        raise RawFileError("s.tif: a tile or strip cannot be decoded")

    for _ in range(2):
        with pytest.raises(RawFileError, match="cannot be decoded"):
            cache.fetch((1,), fail)
    assert cache.fetch((1,), lambda: np.ones(2)).size == 2


def test_what_lies_highest_is_given_up_first() -> None:
    cache, calls = SegmentCache(limit_bytes=40), []

    def fetch(y: int) -> None:
        cache.fetch((y,), lambda: (calls.append(y), np.zeros(2))[1])

    for y in (1, 9, 5, 9, 5, 1):  # two fit
        fetch(y)
    assert calls == [1, 9, 5, 1]
    cache.forget_above(5)
    fetch(9)
    fetch(5)
    assert calls == [1, 9, 5, 1, 5]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_damaged_tile_is_one_message_and_nothing_half_written(
    tmp_path: Path, threads: int
) -> None:
    dna, _ = draw_discs((1100, 1100), [(40, 40), (600, 700)], radius=9)
    slide = write_tiff(tmp_path / "s.tif", np.stack([dna] * 3), tile=(256, 256), compression="zlib")
    panel, out = write_panel(tmp_path), tmp_path / "out"
    segment(slide, panel=panel, output=out)
    with tifffile.TiffFile(slide) as file:
        start = file.pages[2].dataoffsets[-1]
    data = bytearray(slide.read_bytes())
    data[start : start + 40] = bytes(40)
    slide.write_bytes(data)
    before = sorted(out.iterdir())
    with pytest.raises(RawFileError) as raised:
        measure(slide, panel=panel, labels=out, output=out, threads=threads)
    assert str(raised.value).startswith(f"{slide}: a tile or strip cannot be decoded")
    assert "\n" not in str(raised.value)
    assert sorted(out.iterdir()) == before
    assert not list(tmp_path.glob(".*"))


def test_an_interrupt_leaves_nothing(
    tmp_path: Path, scene: tuple[NDArray[np.uint16], Path]
) -> None:
    image, labels = scene
    slide = write_tiff(tmp_path / "s.tif", image, tile=(256, 256), compression="zlib")

    def interrupt(done: Iterator[Item], total: int) -> Iterator[Item]:
        yield next(done)
        raise KeyboardInterrupt

    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        measure_to(folder / "m.parquet", slide, labels, threads=2, watch=interrupt)
    assert list(folder.iterdir()) == []


def test_after_a_fault_no_piece_begins() -> None:
    begun: list[int] = []
    first_done = threading.Event()

    def work(i: int) -> int:
        begun.append(i)
        if i == 0:
            first_done.set()
            raise RawFileError("s.tif: damaged")
        return i

    with pytest.raises(RawFileError):
        list(map_in_order(work, range(100), threads=1))
    assert begun == [0]
    begun.clear()
    with pytest.raises(RawFileError):
        list(map_in_order(work, range(100), threads=2))
    assert len(begun) <= 4


@pytest.mark.parametrize(
    "levels",
    [
        lambda rng, n: rng.integers(0, 65536, n),
        lambda rng, n: np.full(n, 65535),
        lambda rng, n: np.where(np.arange(n) % 3, 65535, 0),
        lambda rng, n: np.minimum(rng.exponential(30, n) ** 2, 65535),
        lambda rng, n: np.arange(n) % 2,
    ],
)
@pytest.mark.parametrize("side", [1, 2, 11, 12, 180, 300])  # 121 and 144 px: about a chunk
def test_quantiles_of_cells_of_any_size_are_numpys(
    levels: Callable[[np.random.Generator, int], NDArray[Any]], side: int
) -> None:
    rng = np.random.default_rng(side)
    shape = (side + 6, side + 6)
    labels = np.zeros(shape, np.uint32)
    labels[3:-3, 3:-3] = 3 * shape[1] + 4
    stack = levels(rng, labels.size).astype(np.uint16).reshape(1, *shape)
    whole = Box(0, shape[0], 0, shape[1])
    cells = index_cells(labels, ring_px=2.0)
    rule = MeasureRule(shape, saturation=65535, thresholds=np.array([700]), dna=None)
    sums, _ = measure_block(BlockPixels(labels, stack, whole, whole), cells, rule=rule)
    parts = (labels > 0, (cells.cells > 0) & (labels == 0), cells.cells > 0)
    for part, mask in enumerate(parts):
        expected = np.quantile(stack[0][mask], (0.5, 0.9))
        np.testing.assert_array_equal(sums.quantiles[0, part, 0], expected)


def test_columns_of_numbers_are_those_of_pyarrow() -> None:
    values = np.array([1.5, np.nan, -3.0, np.inf, np.nan] * 5)
    made = build_numbers(values, pa.float32(), empty=np.isnan(values))
    assert made.equals(pa.array(values, pa.float32(), from_pandas=True))
    assert made.null_count == 10
    whole = np.arange(7)
    assert build_numbers(whole, pa.int32(), empty=whole < 0).equals(pa.array(whole, pa.int32()))


def test_measuring_imports_neither_pandas_nor_numba(tmp_path: Path) -> None:
    dna, _ = draw_discs((150, 160), [(40, 40), (100, 110)], radius=9)
    slide = write_tiff(tmp_path / "s.tif", np.stack([dna] * 3), tile=(64, 64), compression="zlib")
    panel, out = write_panel(tmp_path), tmp_path / "out"
    segment(slide, panel=panel, output=out)
    measure(slide, panel=panel, labels=out, output=out)  # compiles kernels, where there are none
    script = (
        "import sys; from pathlib import Path; from chc_gating.stages.measure import measure\n"
        f"measure(Path({str(slide)!r}), panel=Path({str(panel)!r}), labels=Path({str(out)!r}),"
        f" output=Path({str(out)!r}))\n"
        "print(sorted({'pandas', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
