"""One set of tests for every form: equal pixels, names, size; faults in one line."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from slide_formats import FORMATS, NAMES, PYRAMIDS, UM

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.slide import Slide, open_slide

SHAPE = (3, 150, 170)
PIXELS = np.random.default_rng(0).integers(0, 60000, SHAPE).astype(np.uint16)
NAMED = [name for name in FORMATS if name != "TIFF"]


def order_channels(slide: Slide) -> list[int]:
    """Return the index of each written channel: a folder's are in the order of file names."""
    return [slide.channels.index(name) for name in NAMES]


def open_format(folder: Path, form: str, image: np.ndarray = PIXELS) -> Slide:
    return open_slide(FORMATS[form](folder, image), channel_names=NAMES)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_random_boxes_equal_the_pixels_written(
    tmp_path: Path, form: str, dtype: type[np.generic]
) -> None:
    image = (PIXELS % 251).astype(dtype) if dtype is np.uint8 else PIXELS
    rng = np.random.default_rng(1)
    with open_format(tmp_path, form, image) as slide:
        assert (slide.shape, slide.dtype) == (SHAPE[1:], dtype)
        assert slide.maximum == np.iinfo(dtype).max
        for _ in range(30):
            c = int(rng.integers(3))
            y0, y1 = np.sort(rng.choice(SHAPE[1] + 1, 2, replace=False)).tolist()
            x0, x1 = np.sort(rng.choice(SHAPE[2] + 1, 2, replace=False)).tolist()
            found = slide.read(order_channels(slide)[c], y0, y1, x0, x1)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, image[c, y0:y1, x0:x1])


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_states_names_pixel_size_and_axes(tmp_path: Path, form: str) -> None:
    path = FORMATS[form](tmp_path, PIXELS)
    with open_slide(path) as slide:
        expected = NAMES if form in NAMED else ("channel 1", "channel 2", "channel 3")
        assert sorted(slide.channels) == sorted(expected)
        assert slide.pixel_size_um == pytest.approx(UM)
        assert slide.axes[-2:] == "YX"
        assert slide.repairs == ()


@pytest.mark.parametrize("form", PYRAMIDS)
def test_the_levels_of_a_pyramid_are_read(tmp_path: Path, form: str) -> None:
    with open_format(tmp_path, form) as slide:
        assert [level.shape for level in slide.levels] == [(150, 170), (75, 85), (38, 43)]
        for level, step in enumerate((1, 2, 4)):
            for c in range(3):
                np.testing.assert_array_equal(
                    slide.read_box(c, Box(3, 30, 5, 40), level=level),
                    PIXELS[c, ::step, ::step][3:30, 5:40],
                )


@pytest.mark.parametrize("form", [name for name in FORMATS if name not in PYRAMIDS])
def test_a_slide_without_pyramid_has_one_level(tmp_path: Path, form: str) -> None:
    with open_format(tmp_path, form) as slide:
        assert len(slide.levels) == 1


@pytest.mark.parametrize("form", FORMATS)
def test_threads_read_the_same_pixels(tmp_path: Path, form: str) -> None:
    start = threading.Barrier(4)

    with open_format(tmp_path, form) as slide, ThreadPoolExecutor(4) as pool:

        def read(c: int) -> np.ndarray:
            start.wait()
            return slide.read(order_channels(slide)[c % 3], 0, 150, 0, 170)

        for c, found in enumerate(pool.map(read, range(4))):
            np.testing.assert_array_equal(found, PIXELS[c % 3])


@pytest.mark.parametrize("form", FORMATS)
def test_an_image_index_beyond_the_slide_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(RawFileError, match=r"has 1 image.*image 1"):
        open_slide(FORMATS[form](tmp_path, PIXELS), image=1)


def _list_files(path: Path) -> list[Path]:
    """Return the file, or the files of a folder that hold pixels, largest first."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sorted(files, key=lambda file: (-file.stat().st_size, file))


def _read_all(path: Path) -> None:
    with open_slide(path, pixel_size_um=UM) as slide:
        for c in range(3):
            slide.read(c, 0, 150, 0, 170)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_cut_short_is_refused_in_one_line(tmp_path: Path, form: str) -> None:
    path = FORMATS[form](tmp_path, PIXELS)
    for file in _list_files(path):
        if path.is_file() or "zarr" not in str(path) or file.stat().st_size > 500:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(RawFileError) as caught:
        _read_all(path)
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("seed", range(6))
def test_any_damage_is_a_raw_file_error_or_pixels(tmp_path: Path, form: str, seed: int) -> None:
    path = FORMATS[form](tmp_path, PIXELS)
    rng = np.random.default_rng(seed)
    for file in _list_files(path):
        data = bytearray(file.read_bytes())
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        file.write_bytes(data)
    try:
        with open_slide(path, pixel_size_um=UM) as slide:
            for c in range(len(slide.channels)):
                assert slide.read(c, 0, 99, 0, 99).shape == (99, 99)
    except RawFileError as error:
        assert "\n" not in str(error)  # noqa: PT017
