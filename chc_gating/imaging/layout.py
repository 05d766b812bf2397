"""Which pages of a TIFF file are the channels of an image, and what the file says of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.metadata import (
    MetadataError,
    OmeImage,
    parse_ome,
    pixel_size_from_resolution,
)
from chc_gating.imaging.planes import FlatPlane, PagePlane, SegmentCache

_GREY, _WHITE_IS_ZERO, _PALETTE = 1, 0, 3
_PHOTOMETRIC_TAG = 262
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}
_CHANNEL_AXES = "CIQ"
"""Axes that can be channels: named so, or pages in order of which nothing is said."""


class Plane(Protocol):
    """One channel's pixels."""

    shape: tuple[int, int]

    def read(self, box: Box) -> NDArray[Any]:
        """Return the pixels of a box."""


@dataclass(frozen=True)
class Layout:
    """What of the file is the image: a plane per channel, and what the file says of it."""

    planes: tuple[Plane, ...]
    names: tuple[str | None, ...]
    pixel_size_um: tuple[float, float] | None
    dtype: np.dtype[Any]
    maximum: int


def find_layout(file: tifffile.TiffFile, *, path: Path, image: int) -> Layout:
    """Return the planes of an image, by its OME-XML where there is one."""
    try:
        first: Any = file.pages.first
        description = str(first.description)
        if "<OME" in description or "openmicroscopy.org/Schemas" in description:
            return _find_ome_layout(file, description, path=path, image=image)
        if "<!DOCTYPE" in description or "<!ENTITY" in description:
            raise MetadataError("its description declares a document type, which is not read")
        return _find_plain_layout(file, path=path, image=image)
    except MetadataError as error:
        remedy = "" if "; " in str(error) else "; export it as OME-TIFF anew"
        raise RawFileError(f"{path}: {error}{remedy}") from None
    except (MemoryError, OSError, RawFileError):
        raise
    except Exception as error:  # tag parsing meets whatever bytes a damaged file has
        raise RawFileError(
            f"{path}: its TIFF structure is damaged ({type(error).__name__}); "
            "copy the file again or export it anew"
        ) from None


def _find_ome_layout(
    file: tifffile.TiffFile, description: str, *, path: Path, image: int
) -> Layout:
    images = parse_ome(description)
    _check_image_index(image, len(images))
    found = images[image]
    if isinstance(found, MetadataError):
        raise found
    if max(found.planes) >= len(file.pages):
        raise MetadataError("ends before its pages do; copy the file again")
    pages: list[Any] = [file.pages[i] for i in found.planes]
    _check_pages(pages, shape=(found.size_y, found.size_x), samples=found.samples, palette=True)
    return Layout(
        planes=_make_planes(file, pages, path=path),
        names=found.channels,
        pixel_size_um=found.pixel_size_um or _read_resolution(file, pages[0]),
        dtype=_native_dtype(pages[0]),
        maximum=_find_maximum(pages[0], found),
    )


def _find_plain_layout(file: tifffile.TiffFile, *, path: Path, image: int) -> Layout:
    _check_image_index(image, len(file.series))
    series = file.series[image]
    lengths = dict(zip(series.axes, series.shape, strict=True))
    for axis, length in lengths.items():
        if length > 1 and axis not in _CHANNEL_AXES + "SYX":
            raise MetadataError(f"has a {axis} axis of {length}; only channels, y and x are read")
    if sum(lengths.get(axis, 1) > 1 for axis in _CHANNEL_AXES) > 1:
        raise MetadataError("has several axes that could be channels; export it as OME-TIFF")
    shape = (lengths["Y"], lengths["X"])
    pages: list[Any] = [page for page in series.pages if page is not None]
    _check_pages(pages, shape=shape, samples=lengths.get("S", 1))
    channels = math.prod(length for axis, length in lengths.items() if axis in _CHANNEL_AXES)
    if len(pages) < channels and series.dataoffset is not None:
        planes = _make_flat_planes(file, pages[0], count=channels, path=path)
    elif len(pages) == channels:
        planes = _make_planes(file, pages, path=path)
    else:
        raise MetadataError("does not hold one page for each channel; export it as OME-TIFF")
    return Layout(
        planes=planes,
        names=(None,) * len(planes),
        pixel_size_um=_read_resolution(file, pages[0]),
        dtype=_native_dtype(pages[0]),
        maximum=_find_maximum(pages[0], None),
    )


def _check_image_index(image: int, count: int) -> None:
    if not 0 <= image < count:
        raise MetadataError(
            f"has {count} image(s), the sheet asks for image {image}; they are numbered from 0"
        )


def _check_pages(
    pages: Sequence[Any], *, shape: tuple[int, int], samples: int, palette: bool = False
) -> None:
    """Refuse pages that are no grey levels; a palette is a display colour in OME-TIFF only."""
    grey = (_GREY, _WHITE_IS_ZERO, _PALETTE) if palette else (_GREY, _WHITE_IS_ZERO)
    for page in pages:
        form = page.keyframe
        if form.photometric == _WHITE_IS_ZERO and _PHOTOMETRIC_TAG in form.tags:
            raise MetadataError("stores white as zero; export it with black as zero")
        if form.photometric not in grey:
            raise MetadataError(
                "is a colour image (RGB); store fluorescence channels as grey (minisblack)"
            )
        if form.dtype not in (np.uint8, np.uint16):
            raise MetadataError(
                f"has pixels of type {form.dtype}; unsigned integers of 8 or 16 bits are read"
            )
        same = form.samplesperpixel == samples and form.dtype == pages[0].keyframe.dtype
        if (form.imagelength, form.imagewidth) != shape or not same:
            raise MetadataError("has pages of other sizes than its metadata say; export it anew")
        ends = zip(page.dataoffsets, page.databytecounts, strict=False)
        if max((start + count for start, count in ends), default=0) > page.parent.filehandle.size:
            raise MetadataError("ends before its pixels do; copy the file again")


def _make_planes(file: tifffile.TiffFile, pages: Sequence[Any], *, path: Path) -> tuple[Plane, ...]:
    """Return a plane for each page and sample, read flat where the pixels lie as they are."""
    cache = SegmentCache()
    planes: list[Plane] = []
    for page in pages:
        form = page.keyframe
        if form.samplesperpixel == 1 and form.is_memmappable and page.is_contiguous:
            planes.extend(_make_flat_planes(file, page, count=1, path=path))
            continue
        planes.extend(
            PagePlane(page, path=path, cache=cache, sample=sample)
            for sample in range(form.samplesperpixel)
        )
    return tuple(planes)


def _make_flat_planes(
    file: tifffile.TiffFile, page: Any, *, count: int, path: Path
) -> tuple[Plane, ...]:
    """Return planes that follow one another in the file from where a page's pixels start."""
    form = page.keyframe
    shape = (form.imagelength, form.imagewidth)
    dtype: np.dtype[Any] = np.dtype(form.dtype).newbyteorder(file.byteorder)
    size = math.prod(shape) * dtype.itemsize
    start = int(page.dataoffsets[0])
    if start + count * size > path.stat().st_size:
        raise MetadataError("ends before its pixels do; copy the file again")
    return tuple(
        FlatPlane(path, offset=start + i * size, shape=shape, dtype=dtype) for i in range(count)
    )


def _native_dtype(page: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(page.keyframe.dtype).newbyteorder("=")
    return dtype


def _find_maximum(page: Any, ome: OmeImage | None) -> int:
    bits = int(page.keyframe.bitspersample)
    if ome is not None and ome.significant_bits and ome.significant_bits < bits:
        bits = ome.significant_bits
    return (1 << bits) - 1


def _read_resolution(file: tifffile.TiffFile, page: Any) -> tuple[float, float] | None:
    """Return the pixel size of the TIFF tags, or of ImageJ's own unit."""
    tags = {tag.name: tag.value for tag in page.keyframe.tags}
    unit = _RESOLUTION_UNITS.get(int(tags.get("ResolutionUnit", 1)), "")
    if file.is_imagej:
        unit = str((file.imagej_metadata or {}).get("unit", unit)).replace("\\u00B5", "µ")
    sizes = [
        pixel_size_from_resolution({"XResolution": tags.get(f"{axis}Resolution")}, unit)
        for axis in "YX"
    ]
    if sizes[0] is None or sizes[1] is None:
        return None
    return sizes[0], sizes[1]
