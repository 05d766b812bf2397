"""OME-XML is read without trusting it, and never echoed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.imaging.metadata import MetadataError, OmeImage, parse_ome

OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
    '<Image Name="Jane Doe"><Pixels SizeX="7" SizeY="5" SizeC="2" SizeZ="{z}" SizeT="1" {size}>'
    '<Channel Name="DAPI"/><Channel Name="CD45"/>{data}</Pixels></Image></OME>'
)


def parse(*, size: str = "", z: int = 1, data: str = "<TiffData/>") -> OmeImage:
    (image,) = parse_ome(OME.format(size=size, z=z, data=data))
    if isinstance(image, MetadataError):
        raise image
    return image


@pytest.mark.parametrize(
    ("unit", "size"),
    [("\u00b5m", 0.5), ("\u03bcm", 0.5), ("nm", 500), ("mm", 5e-4), ("\u00c5", 5000), ("cm", 5e-5)],
)
def test_units_are_converted_to_um(unit: str, size: float) -> None:
    text = " ".join(f'PhysicalSize{a}="{size}" PhysicalSize{a}Unit="{unit}"' for a in "XY")
    assert parse(size=text).pixel_size_um == pytest.approx((0.5, 0.5))


def test_the_default_unit_is_um() -> None:
    assert parse(size='PhysicalSizeX="0.5" PhysicalSizeY="0.6"').pixel_size_um == (0.6, 0.5)


@pytest.mark.parametrize(
    "size",
    [
        "",
        'PhysicalSizeX="0.5"',
        'PhysicalSizeX="0" PhysicalSizeY="0"',
        'PhysicalSizeX="nan" PhysicalSizeY="nan"',
        'PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1" PhysicalSizeYUnit="pixel"',
        'PhysicalSizeX="1" PhysicalSizeXUnit="reference frame" PhysicalSizeY="1"',
    ],
)
def test_what_is_no_length_is_no_pixel_size(size: str) -> None:
    assert parse(size=size).pixel_size_um is None


def test_pages_follow_the_tiff_data_elements() -> None:
    data = '<TiffData FirstC="1" IFD="0"/><TiffData FirstC="0" IFD="3"/>'
    assert parse(data=data).planes == (3, 0)
    assert parse(data='<TiffData IFD="4" PlaneCount="2"/>').planes == (4, 5)
    assert parse().planes == (0, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "names no pages"),
        ('<TiffData IFD="0"/>', "one page for each channel"),
        ("<TiffData><UUID>urn:uuid:2</UUID></TiffData>", "one file of several"),
        ('<TiffData IFD="-1"/>', "no valid IFD"),
    ],
)
def test_pages_that_cannot_be_told_are_refused(data: str, message: str) -> None:
    with pytest.raises(MetadataError, match=message):
        parse(data=data)


def test_a_z_axis_is_refused() -> None:
    with pytest.raises(MetadataError, match="Z axis"):
        parse(z=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE OME [<!ENTITY a "b">]><OME/>', "document type"),
        ("<OME><Image></OME>", "not well-formed"),
        ("<html/>", "not OME-XML"),
        ("<OME><BinaryOnly MetadataFile='x' UUID='y'/></OME>", "another file"),
        ("<OME/>", "describes no image"),
    ],
)
def test_unusable_xml_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(MetadataError, match=message) as caught:
        parse_ome(text)
    assert "\n" not in str(caught.value)


def test_metadata_values_are_not_echoed() -> None:
    with pytest.raises(MetadataError) as caught:
        parse(data="")
    assert "Jane" not in str(caught.value)


def test_every_real_ome_xml_is_read_or_refused(shared_data: Path) -> None:
    read = refused = 0
    for path in sorted((shared_data / "image" / "ome_xml").glob("*.xml")):
        try:
            images = parse_ome(path.read_text(encoding="utf-8"))
        except MetadataError:
            refused += 1
            continue
        read += sum(isinstance(image, OmeImage) for image in images)
    assert read >= 4
    assert refused <= 2


WORDS = st.sampled_from(
    [
        "<OME>",
        "</OME>",
        "<Image>",
        "</Image>",
        "<Pixels SizeX='2' SizeY='1' SizeC='1' SizeZ='1' SizeT='1'>",
        "<Pixels SignificantBits='9'>",
        "</Pixels>",
        "<TiffData/>",
        "<TiffData IFD='9'/>",
        "<Channel SamplesPerPixel='3'/>",
        "&a;",
        "\x00",
        "\ud800",
        "<?xml ?>",
    ]
)


@given(st.lists(WORDS, max_size=14).map("".join) | st.text())
def test_any_text_is_images_or_a_metadata_error(text: str) -> None:
    try:
        images = parse_ome(text)
    except MetadataError:
        return
    assert all(isinstance(image, OmeImage | MetadataError) for image in images)
