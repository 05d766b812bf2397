"""Regions of slide files: every layout gives the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_scenes import write_tiff

from chc_gating.imaging.slide import open_slide

PIXELS = np.random.default_rng(0).integers(0, 60000, (4, 150, 170)).astype(np.uint16)

LAYOUTS = {
    "flat pages": {},
    "flat pages, one IFD": {"contiguous": True, "metadata": None},
    "strips, zlib": {"compression": "zlib", "predictor": True, "rowsperstrip": 32},
    "tiles": {"tile": (64, 48)},
    "tiles, LZW": {"tile": (64, 64), "compression": "lzw", "predictor": True},
    "tiles, zstd": {"tile": (32, 64), "compression": "zstd"},
    "big-endian": {"byteorder": ">"},
    "big-endian tiles, zlib": {"byteorder": ">", "tile": (64, 64), "compression": "zlib"},
    "BigTIFF": {"bigtiff": True, "tile": (64, 64)},
    "planar samples": {"planarconfig": "separate"},
    "planar samples in tiles": {"planarconfig": "separate", "tile": (64, 64)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_region_equals_the_pixels_written(
    tmp_path: Path, layout: str, dtype: type[np.generic]
) -> None:
    image = (PIXELS % 251).astype(dtype) if dtype is np.uint8 else PIXELS
    path = write_tiff(tmp_path / "slide.tif", image, **LAYOUTS[layout])
    with open_slide(path) as slide:
        assert slide.shape == (150, 170)
        regions = [slide.read(c, 13, 140, 7, 165) for c in range(len(slide.channels))]
    assert regions[0].dtype == dtype
    np.testing.assert_array_equal(regions, image[:, 13:140, 7:165])


def test_interleaved_samples_are_channels(tmp_path: Path) -> None:
    image = np.moveaxis(PIXELS, 0, -1)
    path = write_tiff(tmp_path / "slide.tif", image, planarconfig="contig", tile=(64, 64))
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read(2, 0, 150, 3, 9), PIXELS[2, :, 3:9])


def test_an_image_of_several_is_read_by_its_index(shared_data: Path) -> None:
    path = shared_data / "image" / "tonsil" / "cycif-tonsil-cycle1.ome.tif"
    with tifffile.TiffFile(path) as file, open_slide(path, image=7) as slide:
        assert slide.pixel_size_um == 0.65
        for c in range(4):
            np.testing.assert_array_equal(
                slide.read(c, 20, 180, 0, 99), file.series[7].asarray()[c, 20:180, :99]
            )


def test_two_channels_of_a_file_with_display_palettes_are_read(shared_data: Path) -> None:
    with open_slide(shared_data / "image" / "axes" / "cells-2c.ome.tif") as slide:
        assert (slide.shape, len(slide.channels), slide.pixel_size_um) == ((131, 93), 2, 0.25)


def test_ome_names_and_pixel_size_are_taken(tmp_path: Path) -> None:
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 325.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 325.0,
        "PhysicalSizeYUnit": "nm",
        "Channel": {"Name": ["DAPI", "CD45", "EPCAM", "CK"]},
    }
    path = write_tiff(tmp_path / "slide.ome.tif", PIXELS, metadata=metadata)
    with open_slide(path, channel_names=("a", "b", "c", "d")) as slide:
        assert slide.channels == ("DAPI", "CD45", "EPCAM", "CK")
        assert slide.pixel_size_um == pytest.approx(0.325)
        assert slide.repairs == (
            "pixel size: the OME-XML's was taken; the TIFF tags say otherwise",
            "channel names: the file's were taken, not the panel's channel_names",
        )


def test_the_sheets_pixel_size_wins_and_the_difference_is_noted(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tif", PIXELS)  # .5 um
    with open_slide(path, pixel_size_um=0.51) as slide:
        assert slide.pixel_size_um == 0.51
        assert slide.repairs == (
            "pixel size: the sheet's 0.51 um was taken; the file says otherwise",
        )
    with open_slide(path, pixel_size_um=0.502) as slide:  # within 1 %
        assert slide.repairs == ()


def test_imagej_units_are_a_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "imagej.tif"
    tifffile.imwrite(
        path, PIXELS, imagej=True, resolution=(2.0, 2.0), metadata={"axes": "CYX", "unit": "um"}
    )
    with open_slide(path) as slide:
        assert slide.pixel_size_um == pytest.approx(0.5)
        np.testing.assert_array_equal(slide.read(3, 5, 9, 5, 9), PIXELS[3, 5:9, 5:9])


def test_significant_bits_say_where_a_pixel_is_saturated(tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "SignificantBits": 12, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    path = write_tiff(tmp_path / "slide.ome.tif", PIXELS >> 4, metadata=metadata)
    with open_slide(path) as slide:
        assert slide.maximum == 4095
    with open_slide(write_tiff(tmp_path / "plain.tif", PIXELS)) as slide:
        assert slide.maximum == 65535
