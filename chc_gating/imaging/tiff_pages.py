"""Pages of a TIFF: whether they are whole and grey, their planes of pixels, their pixel size."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tifffile

from chc_gating.imaging.floats import is_readable
from chc_gating.imaging.layout import Plane
from chc_gating.imaging.metadata import MetadataError, pixel_size_from_resolution
from chc_gating.imaging.plane_segments import SegmentCache
from chc_gating.imaging.planes import PagePlane, map_flat_planes

_GREY, _WHITE_IS_ZERO, _PALETTE = 1, 0, 3
_PHOTOMETRIC_TAG = 262
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}


def check_chain(file: tifffile.TiffFile) -> None:
    """Refuse a file whose chain of pages leads past its end: tifffile leaves out the rest."""
    form, handle = file.tiff, file.filehandle
    last: Any = file.pages[len(file.pages) - 1]
    handle.seek(last.offset)
    (tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
    handle.seek(last.offset + form.tagnosize + tags * form.tagsize)
    (following,) = struct.unpack(form.offsetformat, handle.read(form.offsetsize))
    if following >= handle.size:
        raise MetadataError("ends before its pages do; copy the file again")


def check_pages(
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
        if not is_readable(form.dtype):
            raise MetadataError(
                f"has pixels of type {form.dtype}; unsigned integers of 8 or 16 bits and floats "
                "are read; export it with these"
            )
        same = form.samplesperpixel == samples and form.dtype == pages[0].keyframe.dtype
        if (form.imagelength, form.imagewidth) != shape or not same:
            raise MetadataError("has pages of other sizes than its metadata say; export it anew")
        ends = zip(page.dataoffsets, page.databytecounts, strict=False)
        if max((start + count for start, count in ends), default=0) > page.parent.filehandle.size:
            raise MetadataError("ends before its pixels do; copy the file again")


def make_sublevels(pages: Sequence[Any], *, path: Path) -> list[tuple[Plane, ...]]:
    """Return the smaller levels of an OME-TIFF, which are SubIFDs of each page."""
    subs = [list(page.pages or ()) if hasattr(page, "pages") else [] for page in pages]
    depth = min(len(sub) for sub in subs)
    return [make_planes([sub[level] for sub in subs], path=path) for level in range(depth)]


def make_planes(pages: Sequence[Any], *, path: Path) -> tuple[Plane, ...]:
    """Return a plane for each page and sample, read flat where the pixels lie as they are."""
    cache = SegmentCache()
    planes: list[Plane] = []
    for page in pages:
        form = page.keyframe
        if form.samplesperpixel == 1 and form.is_memmappable and page.is_contiguous:
            planes.extend(map_flat_planes(page, path=path))
            continue
        planes.extend(
            PagePlane(page, path=path, cache=cache, sample=sample)
            for sample in range(form.samplesperpixel)
        )
    return tuple(planes)


def read_resolution(file: tifffile.TiffFile, page: Any) -> tuple[float, float] | None:
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
