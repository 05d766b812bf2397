"""TIFF files: which pages are the channels of an image, and what the file says of them."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from chc_gating.errors import RawFileError
from chc_gating.imaging.layout import (
    Layout,
    Level,
    Plane,
    Request,
    check_image_index,
    keep_levels,
)
from chc_gating.imaging.metadata import (
    MetadataError,
    OmeImage,
    differ,
    parse_ome,
)
from chc_gating.imaging.planes import map_flat_planes
from chc_gating.imaging.qptiff import is_qptiff, sort_pages
from chc_gating.imaging.tiff_pages import (
    check_chain,
    check_pages,
    make_planes,
    make_sublevels,
    read_resolution,
)

# What tifffile logs of a damaged tag may hold the tag's value; the fault is raised here.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF and a BigTIFF begin, little- and big-endian."""

_CHANNEL_AXES = "CIQ"
"""Axes that can be channels: named so, or pages in order of which nothing is said."""


def open_tiff(request: Request) -> Layout:
    """Return the layout of an image of a TIFF: by its OME-XML or QPI description, if it has one.

    Raises
    ------
    RawFileError
        The file is missing, cut short or not a TIFF; has a T or Z axis, colour, or pixels of a
        type that is not read; there is no image of this index.
    """
    file = _open_file(request.path)
    try:
        return _find_layout(file, request)
    except BaseException:
        file.close()
        raise


def _open_file(path: Path) -> tifffile.TiffFile:
    try:
        return tifffile.TiffFile(path)
    except (MemoryError, OSError):
        raise
    except Exception:  # the parser may raise anything on bytes that are not TIFF
        raise RawFileError(
            f"{path}: not a TIFF that can be read; export it as OME-TIFF or copy it again"
        ) from None


def _find_layout(file: tifffile.TiffFile, request: Request) -> Layout:
    try:
        check_chain(file)
        first: Any = file.pages.first
        description = str(first.description)
        if "<OME" in description or "openmicroscopy.org/Schemas" in description:
            return _find_ome_layout(file, description, request)
        if "<!DOCTYPE" in description or "<!ENTITY" in description:
            raise MetadataError("its description declares a document type, which is not read")
        if is_qptiff(description):
            return _find_qpi_layout(file, request)
        return _find_plain_layout(file, request)
    except MetadataError as error:
        raise error.of_file(request.path, remedy="export it as OME-TIFF anew") from None
    except (MemoryError, OSError, RawFileError):
        raise
    except Exception as error:  # tag parsing meets whatever bytes a damaged file has
        raise RawFileError(
            f"{request.path}: its TIFF structure is damaged ({type(error).__name__}); "
            "copy the file again or export it anew"
        ) from None


def _find_ome_layout(file: tifffile.TiffFile, description: str, request: Request) -> Layout:
    images = parse_ome(description)
    check_image_index(request, len(images))
    found = images[request.image]
    if isinstance(found, MetadataError):
        raise found
    if max(found.planes) >= len(file.pages):
        raise MetadataError("ends before its pages do; copy the file again")
    pages: list[Any] = [file.pages[i] for i in found.planes]
    shape = (found.size_y, found.size_x)
    check_pages(pages, shape=shape, samples=found.samples, palette=True)
    size, repairs = _choose_ome_size(found, read_resolution(file, pages[0]))
    return _make_layout(
        file,
        [make_planes(pages, path=request.path), *make_sublevels(pages, path=request.path)],
        facts=_Facts(
            format="OME-TIFF",
            axes=found.axes,
            names=found.channels,
            pixel_size_um=size,
            page=pages[0],
            significant_bits=found.significant_bits,
            pixel_size_problem=found.pixel_size_problem,
            repairs=(*found.repairs, *repairs),
        ),
    )


def _choose_ome_size(
    found: OmeImage, tags: tuple[float, float] | None
) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Return the OME-XML's pixel size, else that of the TIFF tags."""
    if found.pixel_size_um is None:
        return tags, ("pixel size: the TIFF tags' was taken; the OME-XML's is none",) * bool(tags)
    if tags is not None and differ(found.pixel_size_um, tags):
        return found.pixel_size_um, (
            "pixel size: the OME-XML's was taken; the TIFF tags say otherwise",
        )
    return found.pixel_size_um, ()


def _find_qpi_layout(file: tifffile.TiffFile, request: Request) -> Layout:
    file.pages.useframes = False  # each page has a description of its own
    check_image_index(request, 1)
    sorted_pages = sort_pages([(page, str(page.description)) for page in _list_pages(file)])
    pages = sorted_pages.levels[0]
    form = pages[0].keyframe
    check_pages(pages, shape=(form.imagelength, form.imagewidth), samples=1)
    tags = read_resolution(file, pages[0])
    said = None if sorted_pages.pixel_size_um is None else (sorted_pages.pixel_size_um,) * 2
    contradict = said is not None and tags is not None and differ(tags, said)
    return _make_layout(
        file,
        [make_planes(level, path=request.path) for level in sorted_pages.levels],
        facts=_Facts(
            format="QPTIFF",
            axes="CYX",
            names=sorted_pages.names,
            pixel_size_um=None if contradict else tags or said,
            pixel_size_problem="states two pixel sizes that differ" if contradict else None,
            page=pages[0],
            repairs=sorted_pages.repairs,
        ),
    )


def _list_pages(file: tifffile.TiffFile) -> list[Any]:
    return [file.pages[i] for i in range(len(file.pages))]


def _find_plain_layout(file: tifffile.TiffFile, request: Request) -> Layout:
    check_image_index(request, len(file.series))
    series = file.series[request.image]
    lengths = dict(zip(series.axes, series.shape, strict=True))
    for axis, length in lengths.items():
        if length > 1 and axis not in _CHANNEL_AXES + "SYX":
            raise MetadataError(f"has a {axis} axis of {length}; only channels, y and x are read")
    if sum(lengths.get(axis, 1) > 1 for axis in _CHANNEL_AXES) > 1:
        raise MetadataError("has several axes that could be channels; export it as OME-TIFF")
    shape = (lengths["Y"], lengths["X"])
    pages: list[Any] = [page for page in series.pages if page is not None]
    check_pages(pages, shape=shape, samples=lengths.get("S", 1))
    channels = math.prod(length for axis, length in lengths.items() if axis in _CHANNEL_AXES)
    if len(pages) < channels and series.dataoffset is not None:
        planes: tuple[Plane, ...] = map_flat_planes(pages[0], count=channels, path=request.path)
    elif len(pages) == channels:
        planes = make_planes(pages, path=request.path)
    else:
        raise MetadataError("does not hold one page for each channel; export it as OME-TIFF")
    smaller = [
        make_planes([page for page in level.pages if page is not None], path=request.path)
        for level in series.levels[1:]
    ]
    return _make_layout(
        file,
        [planes, *smaller],
        facts=_Facts(
            format="ImageJ TIFF" if file.is_imagej else "TIFF",
            axes=series.axes,
            names=(None,) * len(planes),
            pixel_size_um=read_resolution(file, pages[0]),
            page=pages[0],
        ),
    )


@dataclass(frozen=True)
class _Facts:
    """What a TIFF says of an image."""

    format: str
    axes: str
    names: tuple[str | None, ...]
    pixel_size_um: tuple[float, float] | None
    page: Any
    significant_bits: int | None = None
    pixel_size_problem: str | None = None
    repairs: tuple[str, ...] = ()


def _make_layout(
    file: tifffile.TiffFile, levels: Iterable[tuple[Plane, ...]], *, facts: _Facts
) -> Layout:
    kept, lost = keep_levels(tuple(Level(planes) for planes in levels))
    dtype: np.dtype[Any] = np.dtype(facts.page.keyframe.dtype).newbyteorder("=")
    bits = int(facts.page.keyframe.bitspersample)
    if facts.significant_bits and facts.significant_bits < bits:
        bits = facts.significant_bits
    return Layout(
        format=facts.format,
        axes=facts.axes,
        levels=kept,
        names=facts.names,
        pixel_size_um=facts.pixel_size_um,
        dtype=dtype,
        maximum=(1 << bits) - 1,
        pixel_size_problem=facts.pixel_size_problem,
        repairs=(*facts.repairs, *lost),
        close=file.close,
    )
