"""Planes of segments: only the tiles, strips or chunks that a region touches are decoded."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.layout import Pixels, Plane, Targets

_CACHE_BYTES = 80 << 20
"""Decoded segments kept for the next region, whose halo overlaps this one's."""


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


class SegmentedPlane(Plane):
    """A plane that lies in segments of one size, each decoded as a whole."""

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        step: tuple[int, int],
        dtype: np.dtype[Any],
        cache: SegmentCache,
        shared: bool,
    ) -> None:
        """Segments have ``step`` (y, x) pixels; ``shared``: they hold other planes too."""
        self.shape = shape
        self._step = step
        self._dtype = dtype
        self._cache = cache
        self._shared = shared

    @abstractmethod
    def _read_segment(self, i: int, j: int, *, keep: bool) -> Pixels:
        """Return this plane's (y, x) pixels of a segment by its row and column, from the cache.

        A segment at the edge may reach beyond the plane, or end there.
        """

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
        segments does not come back, except for other planes in them. Raises as `read`.
        """
        wanted = [self._find_segments(box) for box, _ in targets]
        keep = self._shared or not all(self._is_bordered(box) for box, _ in targets)
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
