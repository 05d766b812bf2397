"""Regions of TIFF pages: only the tiles or strips that a region touches are decoded."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box

if TYPE_CHECKING:
    import tifffile

Pixels = NDArray[Any]

_CACHE_BYTES = 48 << 20
"""Decoded segments kept for the next region, whose halo overlaps this one's."""

_JPEG_COMPRESSIONS = (6, 7, 33007, 34892)


class SegmentCache:
    """Decoded segments of one file, the least recently used given up first."""

    def __init__(self, limit_bytes: int = _CACHE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held: OrderedDict[tuple[int, ...], Pixels] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[int, ...]) -> Pixels | None:
        """Return a segment, None where it is not held."""
        with self._lock:
            segment = self._held.get(key)
            if segment is not None:
                self._held.move_to_end(key)
            return segment

    def put(self, key: tuple[int, ...], segment: Pixels) -> None:
        """Hold a segment."""
        with self._lock:
            if key in self._held:
                return
            self._held[key] = segment
            self._bytes += segment.nbytes
            while self._bytes > self._limit_bytes and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes


class FlatPlane:
    """A plane that lies uncompressed and in one piece in the file."""

    def __init__(
        self, path: Path, *, offset: int, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        self.shape = shape
        self._path = path
        self._offset = offset
        self._dtype = dtype

    def read(self, box: Box) -> Pixels:
        """Return the pixels of a box, in native byte order.

        Rows are mapped for the time of the copy: a map that is kept makes the process grow with
        all that was ever read. Raises RawFileError where the file has become shorter.
        """
        width = self.shape[1]
        start = self._offset + box.y0 * width * self._dtype.itemsize
        try:
            rows = np.memmap(
                self._path, self._dtype, mode="r", offset=start, shape=(box.height, width)
            )
        except ValueError:
            raise RawFileError(
                f"{self._path}: ends before its pixels do; copy the file again"
            ) from None
        return np.array(rows[:, box.x0 : box.x1], dtype=self._dtype.newbyteorder("="), order="C")


def map_flat_planes(
    page: tifffile.TiffPage | tifffile.TiffFrame, *, path: Path, count: int = 1
) -> tuple[FlatPlane, ...]:
    """Return planes that follow one another in the file from where a page's pixels start.

    Raises RawFileError where the file ends before they do.
    """
    form: Any = page.keyframe
    file: Any = page.parent
    shape = (form.imagelength, form.imagewidth)
    dtype: np.dtype[Any] = np.dtype(form.dtype).newbyteorder(file.byteorder)
    size = math.prod(shape) * dtype.itemsize
    start = int(page.dataoffsets[0])
    if start + count * size > path.stat().st_size:
        raise RawFileError(f"{path}: ends before its pixels do; copy the file again")
    return tuple(
        FlatPlane(path, offset=start + i * size, shape=shape, dtype=dtype) for i in range(count)
    )


class PagePlane:
    """A plane that is one sample of a TIFF page of tiles or strips."""

    def __init__(
        self,
        page: tifffile.TiffPage | tifffile.TiffFrame,
        *,
        path: Path,
        cache: SegmentCache,
        sample: int = 0,
    ) -> None:
        form: Any = page.keyframe
        self.shape: tuple[int, int] = (form.imagelength, form.imagewidth)
        self._page = page
        self._form = form
        self._path = path
        self._cache = cache
        self._sample = sample
        self._planar = form.planarconfig == 2 and form.samplesperpixel > 1
        self._dtype = np.dtype(form.dtype).newbyteorder("=")
        rows = form.tilelength if form.is_tiled else min(form.rowsperstrip, form.imagelength)
        columns = form.tilewidth if form.is_tiled else form.imagewidth
        self._step = (rows, columns)
        self._across = -(-form.imagewidth // columns)
        self._down = -(-form.imagelength // rows)
        wanted = self._across * self._down * (form.samplesperpixel if self._planar else 1)
        if min(len(page.dataoffsets), len(page.databytecounts)) < wanted:
            raise RawFileError(f"{path}: a page lacks tiles or strips; copy the file again")

    def read(self, box: Box) -> Pixels:
        """Return the pixels of a box, in native byte order.

        Raises RawFileError where a segment is cut short or cannot be decoded.
        """
        result = np.zeros((box.height, box.width), self._dtype)
        rows, columns = self._step
        for i in range(box.y0 // rows, -(-box.y1 // rows)):
            for j in range(box.x0 // columns, -(-box.x1 // columns)):
                segment = self._read_segment(i * self._across + j)
                here = Box(i * rows, i * rows + segment.shape[0], j * columns, 0)
                here = Box(here.y0, here.y1, here.x0, here.x0 + segment.shape[1])
                part = Box(
                    max(box.y0, here.y0),
                    min(box.y1, here.y1),
                    max(box.x0, here.x0),
                    min(box.x1, here.x1),
                )
                result[part.within(box).slices] = segment[part.within(here).slices]
        return result

    def _read_segment(self, index: int) -> Pixels:
        """Return a segment's (y, x) pixels of this plane's sample."""
        if self._planar:
            index += self._sample * self._across * self._down
        key = (self._page.offset, index)
        segment = self._cache.get(key)
        if segment is None:
            segment = self._decode_segment(index)
            self._cache.put(key, segment)
        return segment[..., 0 if self._planar else self._sample]

    def _decode_segment(self, index: int) -> Pixels:
        page: Any = self._page
        count = page.databytecounts[index]
        if count == 0:  # a sparse tile: nothing was stored, its value is zero
            return np.zeros(
                (*self._step, 1 if self._planar else self._form.samplesperpixel), self._dtype
            )
        with page.parent.filehandle.lock:
            page.parent.filehandle.seek(page.dataoffsets[index])
            data = page.parent.filehandle.read(count)
        if len(data) < count:
            raise RawFileError(f"{self._path}: ends before its pixels do; copy the file again")
        jpeg = self._form.compression in _JPEG_COMPRESSIONS
        tables = {"jpegtables": page.jpegtables, "jpegheader": self._form.jpegheader}
        try:
            decoded, _, shape = self._form.decode(data, index, **(tables if jpeg else {}))
        except (MemoryError, OSError):
            raise
        except Exception as error:  # a decoder may raise anything on damaged bytes
            raise RawFileError(
                f"{self._path}: a tile or strip cannot be decoded "
                f"({type(error).__name__}); copy the file again or export it anew"
            ) from None
        if decoded is None or decoded.ndim != 4:
            raise RawFileError(f"{self._path}: a tile or strip holds no pixels; export it anew")
        segment = decoded[0, : shape[1], : shape[2]]
        return np.asarray(segment, dtype=self._dtype)
