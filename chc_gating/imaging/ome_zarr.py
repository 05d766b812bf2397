"""OME-Zarr (OME-NGFF) 0.4 and 0.5: a folder of chunks.

The store's own metadata are read here, as plain JSON; only pixels go through the zarr package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chc_gating.imaging.floats import is_readable
from chc_gating.imaging.layout import Layout, Level, Request, check_image_index, keep_levels
from chc_gating.imaging.metadata import UM_PER_UNIT, MetadataError
from chc_gating.imaging.plane_segments import SegmentCache
from chc_gating.imaging.zarr_planes import ZarrPlane, count_absent_chunks, open_array

_MARKS = (".zattrs", ".zgroup", ".zarray", "zarr.json")
_NAMES_OF_UNITS = {
    "angstrom": "\u00c5",
    "centimeter": "cm",
    "decimeter": "dm",
    "inch": "inch",
    "meter": "m",
    "micrometer": "um",
    "millimeter": "mm",
    "nanometer": "nm",
    "picometer": "pm",
}
_MAX_LEVELS = 64


@dataclass(frozen=True)
class _Axis:
    """name : one letter, upper case. um : um per unit of the axis, None where it is no length."""

    name: str
    um: float | None
    unit_given: bool


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a zarr store."""
    return any((folder / mark).is_file() for mark in _MARKS)


def open_ome_zarr(request: Request) -> Layout:
    """Return the layout of an image of an OME-Zarr store.

    Of a store of several images (bioformats2raw.layout) ``request.image`` chooses one.

    Raises
    ------
    RawFileError
        The store is no OME-Zarr image, or a plate; its metadata are damaged; it has a T or Z
        axis; its pixels are of a type that is not read.
    """
    try:
        folder, attributes = _find_image(request)
        return _describe(folder, attributes, request)
    except MetadataError as error:
        raise error.of_file(request.path, remedy="export it anew as OME-Zarr 0.4 or 0.5") from None


def _find_image(request: Request) -> tuple[Path, Mapping[str, Any]]:
    """Return the folder of the image's multiscales and its attributes."""
    folder, attributes = request.path, _read_attributes(request.path)
    if "plate" in attributes:
        raise MetadataError("is a plate of many wells; give one image of it as file")
    if "bioformats2raw.layout" not in attributes:
        check_image_index(request, 1)
        return folder, attributes
    images = sorted(
        (path for path in folder.iterdir() if path.name.isdecimal() and is_zarr(path)),
        key=lambda path: int(path.name),
    )
    check_image_index(request, len(images))
    return images[request.image], _read_attributes(images[request.image])


def _read_attributes(folder: Path) -> Mapping[str, Any]:
    """Return the OME attributes of a group: those of zarr.json (0.5), else of .zattrs (0.4)."""
    new = folder / "zarr.json"
    if new.is_file():
        attributes = _as_mapping(_read_json(new).get("attributes", {}))
        return _as_mapping(attributes.get("ome", attributes))
    old = folder / ".zattrs"
    return _read_json(old) if old.is_file() else {}


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        return _as_mapping(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):
        raise MetadataError(f"its {path.name} is not well-formed JSON; copy it again") from None


def _as_mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MetadataError("its metadata are not those of an OME-Zarr image")
    return value


def _as_list(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise MetadataError("its metadata are not those of an OME-Zarr image")
    return value


def _describe(folder: Path, attributes: Mapping[str, Any], request: Request) -> Layout:
    if not attributes.get("multiscales"):
        raise MetadataError("is a zarr store without OME-Zarr image metadata (multiscales)")
    image = _as_mapping(_as_list(attributes["multiscales"])[0])
    axes = _read_axes(image)
    datasets = [_as_mapping(entry) for entry in _as_list(image.get("datasets"))]
    if not 1 <= len(datasets) <= _MAX_LEVELS:
        raise MetadataError("its OME-Zarr metadata name no array")
    arrays = [_open_dataset(folder, entry, axes, request) for entry in datasets]
    cache = SegmentCache()
    levels, lost = keep_levels(
        tuple(
            Level(_make_planes(array, axes, level=i, cache=cache, path=request.path))
            for i, array in enumerate(arrays)
        )
    )
    dtype: np.dtype[Any] = np.dtype(arrays[0].dtype).newbyteorder("=")
    size, problem = _read_pixel_size(image, datasets[0], axes)
    names, repairs = _read_names(attributes, len(levels[0].planes))
    array_folder = folder / str(datasets[0]["path"])
    return Layout(
        format=f"OME-Zarr (zarr {arrays[0].metadata.zarr_format})",
        axes="".join(axis.name for axis in axes),
        levels=levels,
        names=names,
        pixel_size_um=size,
        pixel_size_problem=problem,
        dtype=dtype,
        maximum=int(np.iinfo(dtype).max) if dtype.kind == "u" else 1,
        repairs=(*repairs, *lost, *count_absent_chunks(array_folder, arrays[0])),
    )


def _read_axes(image: Mapping[str, Any]) -> list[_Axis]:
    axes = []
    for entry in _as_list(image.get("axes", [])):
        # 0.3 had names only; nothing else is known of such axes.
        axis = entry if isinstance(entry, dict) else {"name": entry}
        name, unit = str(axis.get("name", "")).upper(), axis.get("unit")
        symbol = _NAMES_OF_UNITS.get(str(unit), str(unit))
        axes.append(_Axis(name, UM_PER_UNIT.get(symbol), unit is not None))
    names = [axis.name for axis in axes]
    if sorted(names) != sorted(set(names)) or not {"Y", "X"} <= set(names) <= set("TCZYX"):
        raise MetadataError("its axes are not of t, c, z, y and x")
    if names[-2:] != ["Y", "X"]:
        raise MetadataError("its last axes are not y and x")
    return axes


def _open_dataset(
    folder: Path, entry: Mapping[str, Any], axes: Sequence[_Axis], request: Request
) -> Any:
    relative = Path(str(entry.get("path", "")))
    if relative.is_absolute() or ".." in relative.parts:
        raise MetadataError("its metadata name an array outside of the store")
    array = open_array(folder / relative, path=request.path)
    if len(array.shape) != len(axes) or 0 in array.shape:
        raise MetadataError("has an array of other axes than its metadata say")
    for axis, length in zip(axes, array.shape, strict=True):
        if axis.name in "TZ" and length > 1:
            word = "time" if axis.name == "T" else "depth"
            raise MetadataError(f"has a {axis.name} axis ({word}) of {length}; export one plane")
    if not is_readable(array.dtype):
        raise MetadataError(
            f"has pixels of type {array.dtype}; unsigned integers of 8 or 16 bits and floats are "
            "read; export it with these"
        )
    return array


def _make_planes(
    array: Any, axes: Sequence[_Axis], *, level: int, cache: SegmentCache, path: Path
) -> tuple[ZarrPlane, ...]:
    names = [axis.name for axis in axes]
    channel_axis = names.index("C") if "C" in names else None
    count = 1 if channel_axis is None else array.shape[channel_axis]
    return tuple(
        ZarrPlane(array, channel_axis, channel=c, level=level, cache=cache, path=path)
        for c in range(count)
    )


def _read_pixel_size(
    image: Mapping[str, Any], dataset: Mapping[str, Any], axes: Sequence[_Axis]
) -> tuple[tuple[float, float] | None, str | None]:
    """Return um per pixel (y, x) of a dataset, or None and why it cannot be told."""
    sizes = []
    for position, axis in enumerate(axes):
        if axis.name not in "YX":
            continue
        if axis.um is None:
            return None, (
                "states its pixel size in a unit that is no length"
                if axis.unit_given
                else "states no unit of its axes, so that its pixel size is not known"
            )
        size = axis.um
        for owner in (dataset, image):
            size *= _read_scale(owner, position, len(axes))
        if not (math.isfinite(size) and size > 0):
            return None, "states a pixel size that is no length above 0"
        sizes.append(size)
    return (sizes[0], sizes[1]), None


def _read_scale(owner: Mapping[str, Any], position: int, axes: int) -> float:
    """Return the factor of an axis in the transformations of a dataset or of all; 1 for none."""
    factor = 1.0
    for transformation in _as_list(owner.get("coordinateTransformations", [])):
        scale = _as_mapping(transformation).get("scale")
        if transformation.get("type") != "scale" or scale is None:
            continue
        if len(_as_list(scale)) != axes or not isinstance(scale[position], int | float):
            return math.nan
        factor *= float(scale[position])
    return factor


def _read_names(
    attributes: Mapping[str, Any], count: int
) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    channels = _as_list(_as_mapping(attributes.get("omero") or {}).get("channels") or [])
    if channels and len(channels) != count:
        return (None,) * count, (
            "channel names: the metadata name another number than there are channels",
        )
    names = [str(_as_mapping(entry).get("label") or "").strip() or None for entry in channels]
    return tuple(names) if names else (None,) * count, ()
