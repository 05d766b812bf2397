"""ND2, the format of Nikon, by the package nd2 (the extra ``nd2``)."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.floats import is_readable
from chc_gating.imaging.layout import Layout, Level, Plane, Request, check_image_index
from chc_gating.imaging.metadata import MetadataError

_MAGIC = b"\xda\xce\xbe\x0a"
_JPEG_2000 = b"\x00\x00\x00\x0cjP  "
_END = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_AXIS_WORDS = {"T": "time", "Z": "depth"}


def is_nd2(magic: bytes) -> bool:
    """Return whether a file begins like an ND2, the older form (JPEG 2000) included."""
    return magic.startswith((_MAGIC, _JPEG_2000))


def open_nd2(request: Request) -> Layout:
    """Return the layout of a position of an ND2.

    A frame that is stored as it is lies in a memory map; a compressed one is decoded whole.

    Raises
    ------
    RawFileError
        nd2 is not installed; the file is cut short or of the older form; it has a T, Z or other
        axis; holds colour, or pixels of a type that is not read.
    """
    path = request.path
    library = _import_library(path)
    _check_end(path)
    try:
        file = library.ND2File(path)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise _damaged(path, error) from None
    try:
        return _describe(file, request)
    except BaseException as error:
        file.close()
        if isinstance(error, MetadataError):
            raise error.of_file(path, remedy="export it as OME-TIFF") from None
        if isinstance(error, RawFileError | MemoryError | OSError) or not isinstance(
            error, Exception
        ):
            raise
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> RawFileError:
    return RawFileError(
        f"{path}: its ND2 structure is damaged ({type(error).__name__}); copy the file again"
    )


def _import_library(path: Path) -> Any:
    try:
        import nd2
    except ImportError:
        raise RawFileError(
            f"{path}: an ND2 needs the package nd2; pip install 'chc_gating[nd2]', or export it "
            "as OME-TIFF"
        ) from None
    return nd2


def _check_end(path: Path) -> None:
    """Refuse a file without the map of its chunks at its end: nd2 would read zeros for them."""
    with path.open("rb") as file:
        if file.read(len(_JPEG_2000)) == _JPEG_2000:
            raise RawFileError(
                f"{path}: is an ND2 of the older form (JPEG 2000), which is not read; "
                "export it as OME-TIFF"
            )
        file.seek(max(file.seek(0, os.SEEK_END) - len(_END) - 8, 0))
        if file.read(len(_END)) != _END:
            raise RawFileError(f"{path}: ends before its pixels do; copy the file again")


def _describe(file: Any, request: Request) -> Layout:
    sizes = dict(file.sizes)
    for axis, length in sizes.items():
        if axis not in "PCYX" and length > 1:
            if axis == "S":
                raise MetadataError("is a colour image (RGB); store fluorescence channels as grey")
            word = f" ({_AXIS_WORDS[axis]})" if axis in _AXIS_WORDS else ""
            raise MetadataError(f"has a {axis} axis{word} of {length}; export one plane")
    check_image_index(request, sizes.get("P", 1))
    dtype: np.dtype[Any] = np.dtype(file.dtype).newbyteorder("=")
    if not is_readable(dtype):
        raise MetadataError(f"has pixels of type {dtype}, which are not read")
    frame = _Frame(file, request)
    count, shape = sizes.get("C", 1), (sizes["Y"], sizes["X"])
    planes = tuple(FramePlane(frame, shape, channel=c, dtype=dtype) for c in range(count))
    size = file.voxel_size()
    known = size is not None and size.x > 0 and size.y > 0
    # Without a calibration the library says 1 um.
    bits = int(file.attributes.bitsPerComponentSignificant or 8 * dtype.itemsize)
    return Layout(
        format="ND2",
        axes="".join(sizes),
        levels=(Level(planes),),
        names=_read_names(file, count),
        pixel_size_um=(float(size.y), float(size.x)) if known else None,
        dtype=dtype,
        maximum=(1 << min(bits, 8 * dtype.itemsize)) - 1,
        close=file.close,
    )


def _read_names(file: Any, count: int) -> tuple[str | None, ...]:
    channels = getattr(file.metadata, "channels", None) or []
    names = [(channel.channel.name or "").strip() or None for channel in channels]
    return tuple(names) if len(names) == count else (None,) * count


class _Frame:
    """The (c, y, x) pixels of one position."""

    def __init__(self, file: Any, request: Request) -> None:
        self._file = file
        self._request = request
        self._pixels: NDArray[Any] | None = None
        self._lock = Lock()

    def pixels(self) -> NDArray[Any]:
        with self._lock:
            if self._pixels is None:
                self._pixels = self._read()
            return self._pixels

    def _read(self) -> NDArray[Any]:
        try:
            frame = np.asarray(self._file.read_frame(self._request.image))
        except (MemoryError, OSError):
            raise
        except Exception as error:
            raise _damaged(self._request.path, error) from None
        return frame[np.newaxis] if frame.ndim == 2 else frame


class FramePlane(Plane):
    """One channel of a frame."""

    def __init__(
        self, frame: _Frame, shape: tuple[int, int], *, channel: int, dtype: np.dtype[Any]
    ) -> None:
        self.shape = shape
        self._frame = frame
        self._channel = channel
        self._dtype = dtype

    def read(self, box: Box) -> NDArray[Any]:
        """Return the pixels of a box."""
        part = self._frame.pixels()[self._channel][box.slices]
        return np.array(part, dtype=self._dtype, order="C")
