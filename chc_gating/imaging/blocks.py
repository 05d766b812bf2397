"""A fixed grid of blocks, each computed with a halo: the unit of work on a slide.

The grid depends on the slide's size alone. Whoever asks for larger reads (``tile_px``), other
threads or another order computes the same blocks from the same pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

BLOCK_PX = 1024
"""Side of a block. A divisor of nothing else: it is also the tile of labels.tif."""

_Work = TypeVar("_Work")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Box:
    """Pixels [y0, y1) x [x0, x1)."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        """Columns."""
        return self.x1 - self.x0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """The box as an index of a (y, x) array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def edges(self) -> tuple[int, int, int, int]:
        """The box as y0, y1, x0, x1: how kernels take it."""
        return self.y0, self.y1, self.x0, self.x1

    def grow(self, margin: int, shape: tuple[int, int]) -> Box:
        """Return the box wider by ``margin`` on each side, clipped to an image of ``shape``."""
        return Box(self.y0 - margin, self.y1 + margin, self.x0 - margin, self.x1 + margin).clip(
            shape
        )

    def clip(self, shape: tuple[int, int]) -> Box:
        """Return what of the box lies in an image of ``shape`` (y, x)."""
        return Box(max(self.y0, 0), min(self.y1, shape[0]), max(self.x0, 0), min(self.x1, shape[1]))

    def overlap(self, other: Box) -> Box:
        """Return the pixels that both have."""
        return Box(
            max(self.y0, other.y0),
            min(self.y1, other.y1),
            max(self.x0, other.x0),
            min(self.x1, other.x1),
        )

    def within(self, outer: Box) -> Box:
        """Return the same pixels counted from the corner of ``outer``."""
        return Box(self.y0 - outer.y0, self.y1 - outer.y0, self.x0 - outer.x0, self.x1 - outer.x0)


def grid_blocks(shape: tuple[int, int]) -> Iterator[Box]:
    """Yield the blocks of a slide of ``shape`` (y, x) in raster order."""
    for row in grid_rows(shape):
        yield from row


def grid_rows(shape: tuple[int, int]) -> Iterator[list[Box]]:
    """Yield the rows of blocks of a slide from top to bottom."""
    height, width = shape
    for y in range(0, height, BLOCK_PX):
        yield [
            Box(y, min(y + BLOCK_PX, height), x, min(x + BLOCK_PX, width))
            for x in range(0, width, BLOCK_PX)
        ]


def group_blocks(row: list[Box], *, tile_px: int) -> Iterator[list[Box]]:
    """Yield runs of blocks of a row that together are at most ``tile_px`` wide, at least one.

    The run is what is read at once: a wider one reads less halo and holds more memory.
    """
    run = max(tile_px // BLOCK_PX, 1)
    for first in range(0, len(row), run):
        yield row[first : first + run]


def span_boxes(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around boxes."""
    return Box(
        min(box.y0 for box in boxes),
        max(box.y1 for box in boxes),
        min(box.x0 for box in boxes),
        max(box.x1 for box in boxes),
    )


def spread_boxes(shape: tuple[int, int], *, count: int, side: int) -> list[Box]:
    """Return at most ``count`` boxes of at most ``side`` px, spread evenly over a slide.

    They begin at multiples of ``side``, so that few of a file's tiles are decoded for each. A slide
    that so many boxes cover is covered whole.
    """
    starts = [_spread_starts(length, per_axis=int(count**0.5), side=side) for length in shape]
    return [Box(y, y + side, x, x + side).clip(shape) for y in starts[0] for x in starts[1]]


class Watch(Protocol):
    """Passes blocks on as they are done, and may show how many of how many there are."""

    def __call__(self, done: Iterator[_Result], total: int) -> Iterator[_Result]:
        """Yield what is done."""
        ...


def unwatched(done: Iterator[_Result], total: int) -> Iterator[_Result]:
    """Show nothing."""
    return done


def count_blocks(shape: tuple[int, int]) -> int:
    """Return how many blocks a slide has."""
    return sum(len(row) for row in grid_rows(shape))


def map_in_order(
    function: Callable[[_Work], _Result], work: Iterable[_Work], *, threads: int
) -> Iterator[_Result]:
    """Yield ``function`` of each piece of work, in order, a few pieces ahead on ``threads``."""
    if threads <= 1:
        yield from map(function, work)
        return
    ahead: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for piece in work:
            ahead.append(pool.submit(function, piece))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:  # after a fault or an interrupt, what waits is not begun
        pool.shutdown(cancel_futures=True)


def _spread_starts(length: int, *, per_axis: int, side: int) -> list[int]:
    if length <= per_axis * side:
        return list(range(0, length, side))
    evenly = (i * (length - side) // (per_axis - 1) for i in range(per_axis))
    return [start // side * side for start in evenly]
