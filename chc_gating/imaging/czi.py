"""CZI, the format of Zeiss, by pylibCZIrw (the extra ``czi``)."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.layout import Layout, Level, Plane, Request, check_image_index
from chc_gating.imaging.metadata import MetadataError, parse_xml

_MAGIC = b"ZISRAWFILE"
_CACHE_BYTES = 128 << 20
_TYPES: dict[str, np.dtype[Any]] = {
    "Gray8": np.dtype(np.uint8),
    "Gray16": np.dtype(np.uint16),
    "Gray32Float": np.dtype(np.float32),
}
_UM_PER_METRE = 1e6
_AXIS_WORDS = {"T": "time", "Z": "depth"}


def is_czi(magic: bytes) -> bool:
    """Return whether a file begins like a CZI."""
    return magic.startswith(_MAGIC)


def open_czi(request: Request) -> Layout:
    """Return the layout of a scene of a CZI; its tiles are put together as their positions say.

    Pixels that no tile covers are 0. Level 0 only is offered: the library tells no levels, and
    its zoom takes every n-th pixel where the file has none.

    Raises
    ------
    RawFileError
        pylibCZIrw is not installed; the file is cut short; it has a T, Z or other axis, is a line
        scan, or holds colour.
    """
    library = _import_library(request.path)
    opened = ExitStack()
    try:
        options = library.CacheOptions(
            type=library.CacheType.Standard, max_memory_usage=_CACHE_BYTES
        )
        reader = opened.enter_context(library.open_czi(str(request.path), cache_options=options))
        return _describe(reader, request, opened)
    except MetadataError as error:
        opened.close()
        raise error.of_file(request.path, remedy="export it as OME-TIFF") from None
    except (MemoryError, OSError, RawFileError):
        opened.close()
        raise
    except Exception as error:  # libCZI raises RuntimeError for whatever it meets
        opened.close()
        raise RawFileError(
            f"{request.path}: its CZI structure is damaged ({type(error).__name__}); "
            "copy the file again"
        ) from None


def _import_library(path: Path) -> Any:
    try:
        from pylibCZIrw import czi
    except ImportError:
        raise RawFileError(
            f"{path}: a CZI needs pylibCZIrw; pip install 'chc_gating[czi]', or export it as "
            "OME-TIFF"
        ) from None
    return czi


def _describe(reader: Any, request: Request, opened: ExitStack) -> Layout:
    extent = reader.total_bounding_box
    # Tiles of a pyramid may reach beyond the image: their sides are rounded up.
    whole = reader.total_bounding_rectangle_no_pyramid
    if min(whole.h, whole.w) < 2:
        raise MetadataError("is a line scan and no image; give a scanned area")
    for axis, (low, high) in extent.items():
        if axis not in "CXYS" and high - low > 1:
            word = f" ({_AXIS_WORDS[axis]})" if axis in _AXIS_WORDS else ""
            raise MetadataError(f"has a {axis} axis{word} of {high - low}; export one plane")
    scenes = dict(reader.scenes_bounding_rectangle_no_pyramid) or {None: whole}
    check_image_index(request, len(scenes))
    scene = sorted(scenes, key=lambda number: -1 if number is None else number)[request.image]
    area = scenes[scene]
    channels = sorted(reader.pixel_types)
    types = {str(reader.pixel_types[channel]) for channel in channels}
    if len(types) != 1 or not types <= set(_TYPES):
        raise MetadataError("has pixels of a type that is not read (Gray8, Gray16 or Gray32Float)")
    dtype = _TYPES[types.pop()]
    facts = _Metadata(reader.raw_metadata)
    lock = threading.Lock()
    planes = tuple(
        CziPlane(reader, area, channel=c, scene=scene, dtype=dtype, lock=lock, path=request.path)
        for c in channels
    )
    return Layout(
        format="CZI",
        axes="".join(axis for axis in ("T", "Z", "C") if axis in extent) + "YX",
        levels=(Level(planes),),
        names=facts.names(len(channels)),
        pixel_size_um=facts.pixel_size_um,
        dtype=dtype,
        maximum=facts.maximum(dtype),
        close=opened.close,
    )


class _Metadata:
    """What the XML of a CZI says of channels and pixel size."""

    def __init__(self, text: str) -> None:
        self._root = parse_xml(text, what="its metadata XML")

    def _channels(self) -> list[Any]:
        return self._root.findall("./Metadata/Information/Image/Dimensions/Channels/Channel")

    def names(self, count: int) -> tuple[str | None, ...]:
        names = [(c.get("Name") or "").strip() or None for c in self._channels()]
        return tuple(names) if len(names) == count else (None,) * count

    @property
    def pixel_size_um(self) -> tuple[float, float] | None:
        """(y, x); the format states metres."""
        sizes = []
        for axis in "YX":
            text = self._root.findtext(
                f"./Metadata/Scaling/Items/Distance[@Id='{axis}']/Value", default=""
            )
            try:
                size = float(text) * _UM_PER_METRE
            except ValueError:
                return None
            if not 0 < size < float("inf"):
                return None
            sizes.append(size)
        return sizes[0], sizes[1]

    def maximum(self, dtype: np.dtype[Any]) -> int:
        """Return the grey level of a saturated pixel, by ComponentBitCount where it is said."""
        bits = 8 * dtype.itemsize
        said = {(c.findtext("ComponentBitCount") or "").strip() for c in self._channels()}
        numbers = {int(text) for text in said if text.isdecimal()}
        if len(numbers) == 1 and 0 < min(numbers) < bits:
            bits = numbers.pop()
        return int((1 << bits) - 1)


class CziPlane(Plane):
    """One channel of a scene."""

    def __init__(
        self,
        reader: Any,
        area: Any,
        *,
        channel: int,
        scene: int | None,
        dtype: np.dtype[Any],
        lock: threading.Lock,
        path: Path,
    ) -> None:
        self.shape = (area.h, area.w)
        self._reader = reader
        self._corner = (area.y, area.x)
        self._channel = channel
        self._scene = scene
        self._dtype = dtype
        self._lock = lock
        self._path = path

    def read(self, box: Box) -> NDArray[Any]:
        """Return the pixels of a box; RawFileError where a tile cannot be decoded."""
        roi = (self._corner[1] + box.x0, self._corner[0] + box.y0, box.width, box.height)
        try:
            with self._lock:
                pixels = self._reader.read(roi=roi, plane={"C": self._channel}, scene=self._scene)
        except (MemoryError, OSError):
            raise
        except Exception as error:
            raise RawFileError(
                f"{self._path}: a tile cannot be decoded ({type(error).__name__}); "
                "copy the file again"
            ) from None
        return np.ascontiguousarray(pixels[..., 0], dtype=self._dtype)
