"""What a TIFF says of itself: its OME-XML, read without trusting it.

Values found here may name a person; messages say what is wrong, never what was written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from chc_gating.errors import RawFileError

UM_PER_UNIT = {
    "m": 1e6,
    "dm": 1e5,
    "cm": 1e4,
    "mm": 1e3,
    "\u00b5m": 1.0,  # micro sign
    "\u03bcm": 1.0,  # Greek mu
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "nm": 1e-3,
    "pm": 1e-6,
    "\u00c5": 1e-4,  # A with ring
    "\u212b": 1e-4,  # the angstrom sign
    "in": 25400.0,
    "inch": 25400.0,
    "thou": 25.4,
    "pt": 25400.0 / 72,
}
PLAUSIBLE_UM = (0.02, 20.0)
"""Pixel sizes of a slide image: 100x with a small camera to a slide scanner's overview."""

SIZE_TOLERANCE = 0.01
"""Two pixel sizes that differ by less are one."""


class MetadataError(ValueError):
    """The metadata cannot be used; the message says why, without its values."""

    def of_file(self, path: Path, *, remedy: str) -> RawFileError:
        """Return the fault of a file, with what to do where the message does not say it."""
        return RawFileError(f"{path}: {self}" if "; " in str(self) else f"{path}: {self}; {remedy}")


@dataclass(frozen=True)
class OmeImage:
    """One image of a file as its OME-XML describes it.

    planes : for each channel that has pages of its own, the index of its page (IFD).
    samples : samples per page; channels count planes x samples.
    channels : a name per channel, None where it has none.
    pixel_size_um : (y, x), None where it is absent or has no length unit.
    pixel_size_problem : why a size that is stated is none.
    significant_bits : of the stored integers, None where not said.
    axes : the axes in the order in which they are stored, the fastest last.
    repairs : what was not taken as it is said, in words.
    """

    size_y: int
    size_x: int
    planes: tuple[int, ...]
    samples: int
    channels: tuple[str | None, ...]
    pixel_size_um: tuple[float, float] | None
    significant_bits: int | None
    pixel_size_problem: str | None = None
    axes: str = "CYX"
    repairs: tuple[str, ...] = ()


def differ(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Return whether two pixel sizes (y, x) differ by more than 1 %."""
    return any(abs(a / b - 1) > SIZE_TOLERANCE for a, b in zip(one, other, strict=True))


def parse_xml(text: str, *, what: str) -> ElementTree.Element:
    """Return the root of an XML text, tags without namespaces; ``what`` it is, for messages.

    Raises MetadataError where it is not well-formed, or declares a document type (entities in it
    could grow without bound).
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise MetadataError(f"{what} declares a document type, which is not read")
    # The declared encoding is of the original document; here is decoded text.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise MetadataError(f"{what} is not well-formed (line {error.position[0]})") from None
    except ValueError:  # characters that XML cannot hold
        raise MetadataError(f"{what} is not well-formed") from None
    for element in root.iter():
        element.tag = re.sub(r"^\{.*?\}", "", str(element.tag))
    return root


def parse_ome(text: str) -> tuple[OmeImage | MetadataError, ...]:
    """Return the images that an OME-XML text describes, in its order.

    An image that cannot be used stands as the error that says why, so that it does no harm to
    the others of the file.

    Raises
    ------
    MetadataError
        The text is not well-formed OME-XML, or declares a document type (entities in it could
        grow without bound).
    """
    root = parse_xml(text, what="its OME-XML")
    if root.tag != "OME":
        raise MetadataError("its description is XML but not OME-XML")
    if root.find("BinaryOnly") is not None:
        raise MetadataError("its metadata are in another file, which is not read")
    images = root.findall("Image")
    if not images:
        raise MetadataError("its OME-XML describes no image")
    return tuple(_parse_image(image, own_uuid=root.get("UUID")) for image in images)


def pixel_size_from_resolution(tags: Mapping[str, object], unit: str) -> float | None:
    """Return um per pixel from TIFF resolution tags, None where they hold no length.

    ``tags`` has XResolution as (numerator, denominator), pixels per ``unit``. A size that no
    slide has (72 dots per inch is a writer's default) is no pixel size.
    """
    resolution = tags.get("XResolution")
    if unit not in UM_PER_UNIT or not isinstance(resolution, tuple) or 0 in resolution:
        return None
    size = UM_PER_UNIT[unit] * resolution[1] / resolution[0]
    return size if PLAUSIBLE_UM[0] <= size <= PLAUSIBLE_UM[1] else None


def _parse_image(image: ElementTree.Element, *, own_uuid: str | None) -> OmeImage | MetadataError:
    try:
        return _parse_pixels(image, own_uuid=own_uuid)
    except MetadataError as error:
        return error


def _parse_pixels(image: ElementTree.Element, *, own_uuid: str | None) -> OmeImage:
    pixels = image.find("Pixels")
    if pixels is None:
        raise MetadataError("its OME-XML describes no pixels")
    sizes = {axis: _read_count(pixels, f"Size{axis}") for axis in "XYCZT"}
    for axis, word in (("T", "time"), ("Z", "depth")):
        if sizes[axis] > 1:
            raise MetadataError(f"has a {axis} axis ({word}) of {sizes[axis]}; export one plane")
    channels = pixels.findall("Channel")
    samples = {_read_count(channel, "SamplesPerPixel", default=1) for channel in channels} or {1}
    if len(samples) > 1 or sizes["C"] % max(samples):
        raise MetadataError("its OME-XML gives channels of unequal samples")
    per_page = samples.pop()
    pages = sizes["C"] // per_page
    names = [_clean_name(channel.get("Name")) for channel in channels]
    repairs = []
    if channels and len(names) != sizes["C"]:
        names = []
        repairs = ["channel names: the OME-XML names another number than it has channels"]
    names = names or [None] * sizes["C"]
    bits = pixels.get("SignificantBits", "")
    size, problem = _read_pixel_size(pixels)
    return OmeImage(
        size_y=sizes["Y"],
        size_x=sizes["X"],
        planes=_read_planes(pixels, pages, per_page=per_page, own_uuid=own_uuid),
        samples=per_page,
        channels=tuple(names),
        pixel_size_um=size,
        significant_bits=int(bits) if bits.isdigit() else None,
        pixel_size_problem=problem,
        axes=_read_axes(pixels),
        repairs=tuple(repairs),
    )


def _read_axes(pixels: ElementTree.Element) -> str:
    order = pixels.get("DimensionOrder", "")
    return order[::-1] if sorted(order) == sorted("XYCZT") else "CYX"


def _read_planes(
    pixels: ElementTree.Element, pages: int, *, per_page: int, own_uuid: str | None
) -> tuple[int, ...]:
    """Return the page of each channel from the TiffData elements.

    With T and Z of length 1 the order of dimensions does not matter. Without IFD and PlaneCount
    an element maps all pages of the file in order (the OME-TIFF specification).
    """
    found: dict[int, int] = {}
    for element in pixels.findall("TiffData"):
        uuid = element.find("UUID")
        if uuid is not None and own_uuid and (uuid.text or "").strip() != own_uuid.strip():
            raise MetadataError("is one file of several that hold the image; give one whole file")
        first = _read_count(element, "IFD", default=0, least=0)
        channel = _read_count(element, "FirstC", default=0, least=0) // per_page
        whole = pages - channel if element.get("IFD") is None else 1
        for i in range(_read_count(element, "PlaneCount", default=whole, least=0)):
            found[channel + i] = first + i
    if not found:
        raise MetadataError("its OME-XML names no pages for its pixels")
    if sorted(found) != list(range(pages)):
        raise MetadataError("its OME-XML does not name one page for each channel")
    return tuple(found[i] for i in range(pages))


def _read_pixel_size(
    pixels: ElementTree.Element,
) -> tuple[tuple[float, float] | None, str | None]:
    """Return the size (y, x) in um, or None and what is wrong with what is said of it."""
    texts = [pixels.get(f"PhysicalSize{axis}") for axis in "YX"]
    if texts == [None, None]:
        return None, None
    if None in texts:
        return None, "states a pixel size for one axis only"
    sizes = []
    for axis, text in zip("YX", texts, strict=True):
        factor = UM_PER_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").strip())
        if factor is None:
            return None, "states its pixel size in a unit that is no length"
        try:
            size = float(text or "") * factor
        except ValueError:
            size = math.nan
        if not (math.isfinite(size) and size > 0):
            return None, "states a pixel size that is no length above 0"
        sizes.append(size)
    return (sizes[0], sizes[1]), None


def _read_count(
    element: ElementTree.Element, name: str, *, default: int | None = None, least: int = 1
) -> int:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        count = int(text or "")
    except ValueError:
        raise MetadataError(f"its OME-XML has no valid {name}") from None
    if not least <= count <= 1 << 31:
        raise MetadataError(f"its OME-XML has no valid {name}")
    return count


def _clean_name(name: str | None) -> str | None:
    name = (name or "").strip()
    return name or None
