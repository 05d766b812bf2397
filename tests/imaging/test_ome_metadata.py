"""OME-XML is read without trusting it, and never echoed."""

from __future__ import annotations

import re
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


T_AXIS, Z_AXIS = "has a T axis", "has a Z axis"
NO_PAGES = "names no pages"
REAL = {
    # What is said of the images of each real file, with its count: an error, or channels,
    # how many of them have names, and the pixel size. Sizes of 1 cm and of 1 um in
    # sample files are what they state; open_slide refuses the first.
    "2008_instrument": [(1, 0, 10000.0)],
    "MMStack": [T_AXIS] * 2,
    "OverViewScan": [(1, 1, 4.5743626)],
    "ROI": [(3, 0, 10000.0)],
    "bad": [NO_PAGES],
    "commentannotation": [(1, 0, 10000.0)],
    "example": [(28, 28, 0.325), *[(28, 0, None)] * 4],
    "fake-plate-rows-2": [(1, 1, 1.0)] * 2,
    "filter": [(2, 0, None)],
    "folders-larger-taxonomy": [(3, 3, 1.0)],
    "folders-simple-taxonomy": [(3, 3, 1.0)],
    "hcs": [T_AXIS],
    "instrument-units-alternate": [(1, 0, 10000.0)],
    "instrument-units-default": [(1, 0, 10000.0)],
    "instrument": [(1, 0, 10000.0)],
    "invalid_xml_annotation": [T_AXIS],
    "mapannotation": [(1, 0, 10000.0)],
    "metadata-only": [T_AXIS],
    "minimum-specification": [T_AXIS],
    "multi-channel-time-series": [T_AXIS],
    "multi-channel-z-series-time-series": [T_AXIS],
    "multi-channel-z-series": [Z_AXIS],
    "multi-channel": [(3, 0, 10000.0)],
    "no-date": [(1, 0, 10000.0)],
    "ome_ns": [Z_AXIS] * 3,
    "one-screen-one-plate-four-wells": [(1, 0, 10000.0)] * 11,
    "seq0000xy01c1": [(1, 1, 0.644888)],
    "shape-union": [Z_AXIS, (3, 0, None), Z_AXIS],
    "single-image": [(1, 0, 10000.0)],
    "small": [(3, 3, 0.325)],
    "spim": [T_AXIS] * 4,
    "tagannotation": [(1, 0, 10000.0)],
    "time-series": [T_AXIS],
    "timestampannotation-posix-only": [(3, 0, 10000.0)],
    "timestampannotation": [(3, 0, 10000.0)],
    "transfer": [(1, 0, None)] * 2,
    "transformations-downgrade": [(3, 0, 10000.0)],
    "transformations-upgrade": [(3, 0, 10000.0)],
    "tubhiswt": [T_AXIS],
    "two-screens-two-plates-four-wells": [(1, 0, 10000.0)] * 22,
    "xmlannotation-body-space": [(1, 0, 10000.0)],
    "xmlannotation-multi-value": [(1, 0, 10000.0)],
    "xmlannotation-svg": [(1, 0, 10000.0)],
    "z-series-time-series": [T_AXIS],
    "z-series": [Z_AXIS],
}


def give_pages(text: str) -> str:
    """Return the XML as a TIFF would hold it: pages instead of pixels within the XML."""
    element = r"<((?:\w+:)?)(BinData|MetadataOnly)\b[^>]*(?:/>|>[^<]*</(?:\w+:)?\2>)"
    return re.sub(element, r"<\1TiffData/>", text)


def describe(image: OmeImage | MetadataError) -> object:
    if isinstance(image, MetadataError):
        return str(image)
    size = None if image.pixel_size_um is None else pytest.approx(image.pixel_size_um[1], rel=1e-6)
    return len(image.channels), sum(name is not None for name in image.channels), size


@pytest.mark.parametrize("name", REAL)
def test_every_real_ome_xml_is_read_or_refused_as_it_must(shared_data: Path, name: str) -> None:
    text = (shared_data / "image" / "ome_xml" / f"{name}.ome.xml").read_text(encoding="utf-8")
    found = parse_ome(give_pages(text))
    assert len(found) == len(REAL[name])
    for image, expected in zip(found, REAL[name], strict=True):
        if isinstance(expected, str):
            assert isinstance(image, MetadataError)
            assert expected in str(image)
        else:
            assert describe(image) == expected


def test_the_list_of_real_files_is_whole(shared_data: Path) -> None:
    files = (shared_data / "image" / "ome_xml").glob("*.xml")
    assert {file.name.removesuffix(".ome.xml") for file in files} == set(REAL)


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        ('PhysicalSizeX="0.5"', "for one axis only"),
        ('PhysicalSizeX="0" PhysicalSizeY="0"', "no length above 0"),
        (
            'PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1" '
            'PhysicalSizeYUnit="pixel"',
            "a unit that is no length",
        ),
    ],
)
def test_why_a_stated_pixel_size_is_none_is_said(size: str, problem: str) -> None:
    found = parse(size=size).pixel_size_problem
    assert found is not None
    assert problem in found


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
