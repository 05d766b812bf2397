"""What is wrong with a slide file is one clear RawFileError."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_scenes import write_tiff

from chc_gating.errors import RawFileError
from chc_gating.imaging.slide import open_slide

PIXELS = np.random.default_rng(0).integers(0, 60000, (3, 150, 170)).astype(np.uint16)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("axes/cells-2t.ome.tif", "has a T axis"),
        ("axes/cells-2z.ome.tif", "has a Z axis"),
        ("axes/cells.ome.tif", "colour image"),
        ("czi/xt-scan-lsm980.czi", "is a line scan"),
        ("dsb2018/0287e7ee5b00_img.tif", "no pixel size"),
        ("tonsil/quantification__cell.ome.tif", "pixels of type int32"),
    ],
)
def test_real_files_that_are_no_slide_are_refused(
    shared_data: Path, name: str, message: str
) -> None:
    with pytest.raises(RawFileError, match=message):
        open_slide(shared_data / "image" / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match=r"gone\.tif: no such file"):
        open_slide(tmp_path / "gone.tif")


def test_the_writers_default_resolution_is_no_pixel_size(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "s.tif", PIXELS, resolution=(72, 72), resolutionunit="INCH")
    with pytest.raises(RawFileError, match="pixel_size_um"):
        open_slide(path)
    with open_slide(path, pixel_size_um=0.5) as slide:
        assert slide.pixel_size_um == 0.5


def test_pixels_that_are_not_square_are_refused(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "s.tif", PIXELS, resolution=(20000, 30000))
    with pytest.raises(RawFileError, match="not square"):
        open_slide(path)


def test_panel_names_must_name_every_channel(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "s.tif", PIXELS)
    with pytest.raises(RawFileError, match=r"has 3 channels without names.*name 4"):
        open_slide(path, channel_names=("DAPI", "CD45", "EPCAM", "CK"))


def test_a_panel_channel_that_the_slide_lacks_is_named(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "s.tif", PIXELS)
    with (
        open_slide(path, channel_names=("DAPI", "CD45", "CK")) as slide,
        pytest.raises(RawFileError, match="needs EPCAM, the image has channels DAPI, CD45, CK"),
    ):
        slide.find_channels(("DAPI", "EPCAM"), panel="chc3")


def test_an_image_index_beyond_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match=r"has 1 image.*image 1"):
        open_slide(write_tiff(tmp_path / "s.tif", PIXELS), image=1)


def test_an_imagej_z_stack_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "z.tif"
    tifffile.imwrite(path, PIXELS, imagej=True, metadata={"axes": "ZYX", "unit": "um"})
    with pytest.raises(RawFileError, match="Z axis of 3"):
        open_slide(path, pixel_size_um=0.5)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_file_cut_short_is_refused_when_it_is_opened(
    tmp_path: Path, compression: str | None
) -> None:
    path = write_tiff(
        tmp_path / "s.ome.tif",
        PIXELS,
        tile=(64, 64),
        compression=compression,
        metadata={"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RawFileError, match="ends before its p"):
        open_slide(path)


def test_a_damaged_tile_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "s.tif", PIXELS, tile=(64, 64), compression="zlib")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        start = file.pages[1].dataoffsets[0]
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    with open_slide(path) as slide:
        assert slide.read(0, 0, 150, 0, 170).shape == (150, 170)
        with pytest.raises(RawFileError, match="cannot be decoded"):
            slide.read(1, 0, 150, 0, 170)


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_is_a_raw_file_error_or_pixels(tmp_path: Path, seed: int) -> None:
    path = write_tiff(tmp_path / "s.tif", PIXELS, tile=(64, 64), compression="zlib")
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for place in rng.integers(0, 800, 4):
        data[place] = rng.integers(256)
    path.write_bytes(data)
    try:
        with open_slide(path, pixel_size_um=0.5) as slide:
            for c in range(len(slide.channels)):
                slide.read(c, 0, slide.shape[0], 0, slide.shape[1])
    except RawFileError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017


@pytest.mark.parametrize("size_um", [0.001, 500.0])
def test_a_pixel_size_that_no_slide_has_is_refused(tmp_path: Path, size_um: float) -> None:
    metadata = {"axes": "CYX", "PhysicalSizeX": size_um, "PhysicalSizeY": size_um}
    path = write_tiff(tmp_path / "s.ome.tif", PIXELS, metadata=metadata)
    with pytest.raises(RawFileError, match="pixel size that no slide scan has"):
        open_slide(path)
    with open_slide(path, pixel_size_um=0.5) as slide:
        assert slide.pixel_size_um == 0.5
    with pytest.raises(RawFileError, match="the sheet's pixel_size_um"):
        open_slide(path, pixel_size_um=size_um)
