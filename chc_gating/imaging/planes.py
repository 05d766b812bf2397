"""Planes of TIFF pages: mapped where pixels lie as they are, else decoded tile by tile."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.layout import Pixels, Plane
from chc_gating.imaging.plane_segments import SegmentCache, SegmentedPlane

if TYPE_CHECKING:
    import tifffile

_JPEG_COMPRESSIONS = (6, 7, 33007, 34892)


class FlatPlane(Plane):
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


class PagePlane(SegmentedPlane):
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
        self._page: Any = page
        self._page.parent.filehandle.set_lock(True)  # several threads may read it
        self._form = form
        self._path = path
        self._sample = sample
        self._planar = form.planarconfig == 2 and form.samplesperpixel > 1
        rows = form.tilelength if form.is_tiled else min(form.rowsperstrip, form.imagelength)
        columns = form.tilewidth if form.is_tiled else form.imagewidth
        super().__init__(
            (form.imagelength, form.imagewidth),
            step=(rows, columns),
            dtype=np.dtype(form.dtype).newbyteorder("="),
            cache=cache,
            shared=form.samplesperpixel > 1 and not self._planar,
        )
        self._across = -(-form.imagewidth // columns)
        self._down = -(-form.imagelength // rows)
        wanted = self._across * self._down * (form.samplesperpixel if self._planar else 1)
        if min(len(page.dataoffsets), len(page.databytecounts)) < wanted:
            raise RawFileError(f"{path}: a page lacks tiles or strips; copy the file again")

    def _read_segment(self, i: int, j: int, *, keep: bool) -> Pixels:
        """Return a segment's (y, x) pixels of this plane's sample.

        Raises RawFileError where it is cut short or cannot be decoded.
        """
        stored = i * self._across + j
        if self._planar:
            stored += self._sample * self._across * self._down
        key = ((i + 1) * self._step[0], j, self._page.offset, stored)
        segment = self._cache.fetch(key, lambda: self._decode_segment(stored), keep=keep)
        return segment[..., 0 if self._planar else self._sample]

    def _decode_segment(self, index: int) -> Pixels:
        page = self._page
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
