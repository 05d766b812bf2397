"""What formats say of names, sizes and axes: taken, repaired with a note, or refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_scenes import write_tiff
from slide_formats import (
    write_bioformats2raw,
    write_channel_folder,
    write_czi,
    write_ome_tiff,
    write_qptiff,
    write_zarr,
)

from chc_gating.errors import RawFileError
from chc_gating.imaging.channel_folder import name_channels
from chc_gating.imaging.slide import open_slide

PIXELS = np.random.default_rng(0).integers(0, 60000, (3, 150, 170)).astype(np.uint16)


def test_qptiff_channels_are_named_by_their_biomarkers(tmp_path: Path) -> None:
    path = write_qptiff(tmp_path, PIXELS, names=("DAPI", "Cy5", "Cy3"), markers=("DAPI", "CK", "x"))
    with open_slide(path) as slide:
        assert slide.channels == ("DAPI", "CK", "x")
        assert slide.repairs == ("channel names: the biomarkers, not the fluorophores",)
        assert slide.format == "QPTIFF"


def test_a_qptiffs_scan_profile_is_a_pixel_size(tmp_path: Path) -> None:
    with open_slide(write_qptiff(tmp_path, PIXELS, size="0.25", resolution=None)) as slide:
        assert slide.pixel_size_um == 0.25


def test_a_qptiff_of_two_pixel_sizes_needs_the_sheets(tmp_path: Path) -> None:
    path = write_qptiff(tmp_path, PIXELS, size="0.25")
    with pytest.raises(RawFileError, match="two pixel sizes that differ; fill pixel_size_um"):
        open_slide(path)
    with open_slide(path, pixel_size_um=0.25) as slide:
        assert slide.repairs == (
            "pixel size: the sheet's 0.25 um was taken; the file states two pixel sizes that "
            "differ",
        )


def test_a_qptiff_in_colour_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "he.qptiff"
    text = (
        "<PerkinElmer-QPI-ImageDescription><ImageType>FullResolution</ImageType>"
        "</PerkinElmer-QPI-ImageDescription>"
    )
    colour = np.zeros((64, 64, 3), np.uint8)
    tifffile.imwrite(path, colour, photometric="rgb", description=text, metadata=None)
    with pytest.raises(RawFileError, match="colour image"):
        open_slide(path)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("unit", "scale", "size"),
    [("nanometer", 325.0, 0.325), ("millimeter", 0.0005, 0.5), ("angstrom", 5000.0, 0.5)],
)
def test_a_zarrs_axes_have_units(
    tmp_path: Path, version: str, unit: str, scale: float, size: float
) -> None:
    path = write_zarr(tmp_path, PIXELS, version=version, unit=unit, scale=scale)
    with open_slide(path) as slide:
        assert slide.pixel_size_um == pytest.approx(size)


@pytest.mark.parametrize(
    ("unit", "message"),
    [(None, "states no unit of its axes"), ("pixel", "a unit that is no length")],
)
def test_a_zarr_without_a_length_needs_the_sheets_pixel_size(
    tmp_path: Path, unit: str | None, message: str
) -> None:
    path = write_zarr(tmp_path, PIXELS, unit=unit)
    with pytest.raises(RawFileError, match=f"{message}.*; fill pixel_size_um"):
        open_slide(path)
    with open_slide(path, pixel_size_um=0.5) as slide:
        assert slide.pixel_size_um == 0.5


@pytest.mark.parametrize("axes", ["tcyx", "czyx"])
def test_a_zarr_axis_of_time_or_depth_is_no_channel(tmp_path: Path, axes: str) -> None:
    stack = np.stack([PIXELS, PIXELS], axis=0 if axes[0] == "t" else 1)
    path = write_zarr(tmp_path, stack, axes=axes, chunks=(1, 1, 64, 64))
    with pytest.raises(RawFileError, match=r"has a [TZ] axis \((time|depth)\) of 2"):
        open_slide(path)


def test_zarr_axes_of_length_one_are_passed_over(tmp_path: Path) -> None:
    path = write_zarr(tmp_path, PIXELS[None, :, None], axes="tczyx", chunks=(1, 1, 1, 64, 64))
    with open_slide(path) as slide:
        assert slide.axes == "TCZYX"
        np.testing.assert_array_equal(slide.read(2, 0, 99, 5, 99), PIXELS[2, :99, 5:99])


def test_an_absent_chunk_is_the_fill_value_and_counted(tmp_path: Path) -> None:
    path = write_zarr(tmp_path, PIXELS)
    (path / "0" / "1.0.1").unlink()
    with open_slide(path) as slide:
        assert slide.repairs == ("pixels: 1 of 27 chunks are absent and read as the fill value",)
        assert not slide.read(1, 0, 64, 64, 128).any()
        np.testing.assert_array_equal(slide.read(1, 64, 150, 0, 170), PIXELS[1, 64:])


def test_a_zarr_of_int32_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match="pixels of type int32"):
        open_slide(write_zarr(tmp_path, PIXELS.astype(np.int32)))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "without OME-Zarr image metadata"),
        ({"plate": {}}, "is a plate"),
        ({"multiscales": 3}, "not those of an OME-Zarr image"),
        ({"multiscales": [{"axes": [{"name": "x"}, {"name": "y"}]}]}, "last axes"),
        ({"multiscales": [{"axes": ["c", "y", "x"], "datasets": []}]}, "name no array"),
        (
            {"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "../../etc"}]}]},
            "outside of the store",
        ),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "9"}]}]}, "lacks an array"),
    ],
)
def test_zarr_metadata_of_another_shape_are_refused(
    tmp_path: Path, attributes: dict[str, object], message: str
) -> None:
    path = write_zarr(tmp_path, PIXELS)
    (path / ".zattrs").write_text(json.dumps(attributes))
    with pytest.raises(RawFileError, match=message) as caught:
        open_slide(path)
    assert "; " in str(caught.value)


def test_a_zarrs_metadata_that_are_no_json_are_refused(tmp_path: Path) -> None:
    path = write_bioformats2raw(tmp_path, PIXELS)
    (path / "0" / ".zattrs").write_text('{"Jane Doe')
    with pytest.raises(RawFileError, match=r"\.zattrs is not well-formed JSON") as caught:
        open_slide(path)
    assert "Jane" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "panel", "names"),
    [
        (["P1_DAPI", "P1_CD45"], None, ("DAPI", "CD45")),
        (["a-DAPI-raw", "a-CD45-raw"], None, ("DAPI", "CD45")),
        (["x c1 DAPI", "x c2 CD45"], None, ("c1_DAPI", "c2_CD45")),
        (["x c1 dapi", "x c2 CD45"], ["DAPI", "CD45"], ("DAPI", "CD45")),
        (["x_c1", "x_c2"], ["DAPI", "CD45"], (None, None)),
        (["1", "2"], None, (None, None)),
        (["P1_DAPI", "P1_CD45"], ["DNA", "CD45"], ("DAPI", "CD45")),
        (["CK8_CK", "CK8_CD45"], ["CK8", "CD45"], ("CK", "CD45")),
        (["DAPI"], None, ("DAPI",)),
    ],
)
def test_channels_of_a_folder_are_named_by_their_files(
    files: list[str], panel: list[str] | None, names: tuple[str | None, ...]
) -> None:
    assert name_channels([f"{file}.ome.tif" for file in files], panel) == names


def test_numbered_files_come_in_natural_order_with_the_panels_names(tmp_path: Path) -> None:
    path = write_channel_folder(tmp_path, PIXELS, names=("c1", "c2", "c10"))
    with open_slide(path, channel_names=("DAPI", "CD45", "CK")) as slide:
        assert slide.channels == ("DAPI", "CD45", "CK")
        np.testing.assert_array_equal(slide.read(2, 0, 9, 0, 9), PIXELS[2, :9, :9])


def test_a_folders_files_must_be_alike(tmp_path: Path) -> None:
    path = write_channel_folder(tmp_path, PIXELS)
    write_tiff(path / "P1_more.tif", PIXELS[0, :99])
    with pytest.raises(RawFileError, match=r"P1_more\.tif: has another size"):
        open_slide(path)
    write_tiff(path / "P1_more.tif", PIXELS[0], resolution=(10000, 10000))
    with pytest.raises(RawFileError, match=r"P1_more\.tif: states another pixel size"):
        open_slide(path)
    write_tiff(path / "P1_more.tif", PIXELS)
    with pytest.raises(RawFileError, match=r"P1_more\.tif: has 3 channels"):
        open_slide(path)


def test_a_folder_that_holds_no_slide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match="is a folder that holds no slide"):
        open_slide(tmp_path)


@pytest.mark.parametrize(
    ("module", "suffix", "magic", "extra"),
    [
        ("pylibCZIrw", "czi", b"ZISRAWFILE", "czi"),
        ("nd2", "nd2", b"\xda\xce\xbe\x0a", "nd2"),
    ],
)
def test_a_missing_extra_is_one_clear_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    module: str,
    suffix: str,
    magic: bytes,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / f"slide.{suffix}"
    path.write_bytes(magic.ljust(100, b"\0"))
    with pytest.raises(RawFileError, match=rf"pip install 'chc_gating\[{extra}\]'"):
        open_slide(path)


def test_a_czi_between_whose_tiles_lies_nothing_reads_zero(tmp_path: Path) -> None:
    pytest.importorskip("pylibCZIrw")
    image = PIXELS.copy()
    path = write_czi(tmp_path, image)
    with open_slide(path) as slide:
        assert (slide.format, slide.axes) == ("CZI", "TZCYX")
        assert slide.pixel_size_um == pytest.approx(0.5)


@pytest.mark.parametrize("axis", ["T", "Z"])
def test_a_czi_axis_of_time_or_depth_is_refused(tmp_path: Path, axis: str) -> None:
    library = pytest.importorskip("pylibCZIrw.czi")
    path = tmp_path / "stack.czi"
    with library.create_czi(str(path)) as file:
        for i in range(2):
            tile = np.ascontiguousarray(PIXELS[0, :64, :64, np.newaxis])
            file.write(tile, plane={"C": 0, axis: i})
    with pytest.raises(RawFileError, match=f"has a {axis} axis"):
        open_slide(path)


def test_a_scene_of_a_czi_is_chosen_by_image(tmp_path: Path) -> None:
    library = pytest.importorskip("pylibCZIrw.czi")
    path = tmp_path / "scenes.czi"
    with library.create_czi(str(path)) as file:
        for scene in range(2):
            tile = np.ascontiguousarray(PIXELS[scene, : 64 + scene, :64, np.newaxis])
            file.write(tile, location=(500 * scene, 0), plane={"C": 0}, scene=scene)
        file.write_metadata("s", scale_x=5e-7, scale_y=5e-7)
    with open_slide(path, image=1) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 65, 0, 64), PIXELS[1, :65, :64])


def test_whole_number_floats_are_the_grey_levels_they_are(tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path, PIXELS.astype(np.float32))
    with open_slide(path) as slide:
        assert (slide.dtype, slide.maximum) == (np.uint16, 65535)
        np.testing.assert_array_equal(slide.read(1, 5, 150, 0, 170), PIXELS[1, 5:])
        assert slide.repairs == (
            "pixels: stored as float32; taken as grey levels and rounded to whole ones",
        )


def test_fractions_of_grey_levels_are_rounded_half_to_even(tmp_path: Path) -> None:
    image = np.array([[0.0, 0.5, 1.5], [2.25, 65534.5, 65535.4]], np.float64)
    with open_slide(write_tiff(tmp_path / "s.tif", image)) as slide:
        assert slide.read(0, 0, 2, 0, 3).tolist() == [[0, 0, 2], [2, 65534, 65535]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_shares_of_one_are_scaled_by_the_full_scale(tmp_path: Path, dtype: type) -> None:
    image = np.array([[0, 0.25], [0.5, 1.0]], dtype)
    with open_slide(write_tiff(tmp_path / "s.tif", image)) as slide:
        assert slide.read(0, 0, 2, 0, 2).tolist() == [[0, 16384], [32768, 65535]]
        assert slide.repairs == (
            f"pixels: stored as {np.dtype(dtype)}; no value exceeds 1: each was multiplied by "
            "65,535 and rounded",
        )


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, 65536.0])
def test_floats_that_are_no_grey_levels_are_refused(tmp_path: Path, value: float) -> None:
    image = np.array([[5, 2000], [300, value]], np.float32)
    with (
        pytest.raises(RawFileError, match=r"float pixels.*; export it with 16-bit"),
        open_slide(write_tiff(tmp_path / "s.tif", image)) as slide,
    ):
        slide.read(0, 0, 2, 0, 2)


def test_significant_bits_of_a_czi_say_where_a_pixel_is_saturated() -> None:
    from chc_gating.imaging.czi import _Metadata

    text = (
        "<ImageDocument><Metadata><Information><Image><Dimensions><Channels>"
        "<Channel><ComponentBitCount>12</ComponentBitCount></Channel>"
        "</Channels></Dimensions></Image></Information></Metadata></ImageDocument>"
    )
    assert _Metadata(text).maximum(np.dtype(np.uint16)) == 4095


def test_contradicting_channel_names_are_noted(tmp_path: Path) -> None:
    path = write_zarr(tmp_path, PIXELS, names=("DAPI", "CD45"))
    with open_slide(path, channel_names=("a", "b", "c")) as slide:
        assert slide.channels == ("a", "b", "c")
        assert slide.repairs == (
            "channel names: the metadata name another number than there are channels",
        )
    again = tmp_path / "again"
    again.mkdir()
    with open_slide(write_zarr(again, PIXELS, names=("DAPI", "CK", "CK"))) as slide:
        assert slide.channels == ("channel 1", "channel 2", "channel 3")
        assert slide.repairs == (
            "channel names: the file's are incomplete or not unique; channels are numbered",
        )
