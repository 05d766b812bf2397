"""Regions of TIFF pages: only the tiles or strips that a region touches are decoded."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box, span_boxes

if TYPE_CHECKING:
    import tifffile

    from chc_gating.imaging.layout import Plane

Pixels = NDArray[Any]

Targets = Sequence[tuple[Box, Pixels]]
"""Boxes of a plane, each with the array (of its shape) that takes its pixels."""

_CACHE_BYTES = 80 << 20
"""Decoded segments kept for the next region, whose halo overlaps this one's."""

_JPEG_COMPRESSIONS = (6, 7, 33007, 34892)


class SegmentCache:
    """Decoded segments of one file, each decoded by one thread while others wait for it.

    A key begins with the row where the segment ends. A slide is read from top to bottom, so what
    lies highest is given up first.
    """

    def __init__(self, limit_bytes: int = _CACHE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held: dict[tuple[int, ...], Pixels] = {}
        self._coming: dict[tuple[int, ...], Future[Pixels]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def fetch(
        self, key: tuple[int, ...], decode: Callable[[], Pixels], *, keep: bool = True
    ) -> Pixels:
        """Return a segment, decoded unless it is held; afterwards it is held if ``keep``."""
        with self._lock:
            segment = self._held.get(key)
            if segment is not None:
                if not keep:
                    self._drop(key)
                return segment
            coming = self._coming.get(key)
            if coming is None:
                mine = self._coming[key] = Future()
        if coming is not None:
            return coming.result()
        try:
            segment = decode()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(segment)
            return segment
        finally:
            with self._lock:
                del self._coming[key]
                if keep and segment is not None:
                    self._hold(key, segment)

    def forget_above(self, y: int) -> None:
        """Give up the segments that end at or above a row."""
        with self._lock:
            for key in [key for key in self._held if key[0] <= y]:
                self._drop(key)

    def _hold(self, key: tuple[int, ...], segment: Pixels) -> None:
        self._held[key] = segment
        self._bytes += segment.nbytes
        while self._bytes > self._limit_bytes and len(self._held) > 1:
            self._drop(min(self._held))

    def _drop(self, key: tuple[int, ...]) -> None:
        self._bytes -= self._held.pop(key).nbytes


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
        self._has_others = form.samplesperpixel > 1 and not self._planar
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
        self.read_into([(box, result)])
        return result

    def read_into(self, targets: Targets) -> None:
        """Copy the pixels of boxes into arrays; each segment is decoded once for all of them.

        Segments are kept for later unless all are wanted whole: whoever reads along the borders of
        segments does not come back, except for their other samples. Raises as `read`.
        """
        wanted = [self._find_segments(box) for box, _ in targets]
        keep = self._has_others or not all(self._is_bordered(box) for box, _ in targets)
        for i, j in sorted(set().union(*wanted)):
            segment = self._read_segment(i, j, keep=keep)
            here = self._place_segment(i, j, segment)
            for (box, result), touched in zip(targets, wanted, strict=True):
                if (i, j) in touched:
                    part = box.overlap(here)
                    result[part.within(box).slices] = segment[part.within(here).slices]

    def forget_above(self, y: int) -> None:
        """Keep no segment that lies above a row: what is read from now on lies below."""
        self._cache.forget_above(y)

    def _find_segments(self, box: Box) -> set[tuple[int, int]]:
        """Return row and column of the segments that a box touches."""
        rows, columns = self._step
        return {
            (i, j)
            for i in range(box.y0 // rows, -(-box.y1 // rows))
            for j in range(box.x0 // columns, -(-box.x1 // columns))
        }

    def _is_bordered(self, box: Box) -> bool:
        """Return whether a box ends where segments do."""
        ends = ((box.y0, box.y1), (box.x0, box.x1))
        return all(
            first % step == 0 and (last % step == 0 or last == length)
            for (first, last), step, length in zip(ends, self._step, self.shape, strict=True)
        )

    def _place_segment(self, i: int, j: int, segment: Pixels) -> Box:
        (rows, columns), (height, width) = self._step, segment.shape
        return Box(i * rows, i * rows + height, j * columns, j * columns + width)

    def _read_segment(self, i: int, j: int, *, keep: bool) -> Pixels:
        """Return a segment's (y, x) pixels of this plane's sample."""
        stored = i * self._across + j
        if self._planar:
            stored += self._sample * self._across * self._down
        key = ((i + 1) * self._step[0], j, self._page.offset, stored)
        segment = self._cache.fetch(key, lambda: self._decode_segment(stored), keep=keep)
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


def read_into(plane: Plane, targets: Targets) -> None:
    """Copy the pixels of neighbouring boxes into arrays; no part of the file is read twice.

    Raises as the plane does.
    """
    if isinstance(plane, PagePlane):
        plane.read_into(targets)
        return
    whole = span_boxes([box for box, _ in targets])
    pixels = plane.read(whole)
    for box, result in targets:
        result[...] = pixels[box.within(whole).slices]
