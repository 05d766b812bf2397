"""Pixels and labels of a slide, read box by box for measuring its cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.slide import Slide
from chc_gating.imaging.sums import BlockCells, BlockPixels, index_cells
from chc_gating.kernels.quality_columns import REACH


@dataclass(frozen=True)
class CellSource:
    """Where the pixels and labels of a slide are read for measuring."""

    slide: Slide
    labels: Labels
    channels: tuple[int, ...]
    dna: int | None
    ring_um: float

    @property
    def ring_px(self) -> float:
        """Width of the ring around a nucleus."""
        return self.ring_um / self.slide.pixel_size_um

    @property
    def margin_px(self) -> int:
        """Ring pixels of the block, and of the pixels beside it, look this far for a nucleus."""
        return max(math.floor(self.ring_px) + 1, REACH)

    def read_boxes(self, boxes: Sequence[Box], *, reach_px: int = REACH) -> list[BlockPixels]:
        """Return the labels and grey levels of boxes of a row, each with its margin.

        Of the margin only the DNA channel is read, ``reach_px`` wide: no other's pixels are looked
        at there, and along the borders of a file's tiles each tile is decoded once.
        """
        shape = self.slide.shape
        outers = [box.grow(self.margin_px, shape) for box in boxes]
        stacks = [
            _make_stack(len(self.channels), box, outer)
            for box, outer in zip(boxes, outers, strict=True)
        ]
        for c, channel in enumerate(self.channels):
            wide = 0 if c != self.dna else reach_px
            parts = [box.grow(wide, shape) for box in boxes]
            self.slide.read_into(
                channel,
                [
                    (part, stack[(c, *part.within(outer).slices)])
                    for part, outer, stack in zip(parts, outers, stacks, strict=True)
                ],
            )
        labels = self.labels.read_stored(outers)
        return list(map(BlockPixels, labels, stacks, boxes, outers))

    def forget_above(self, y: int) -> None:
        """Keep nothing in memory that only blocks above a row need."""
        self.slide.forget_above(y - self.margin_px)
        self.labels.forget_above(y - self.margin_px)

    def read_cells(self, box: Box) -> tuple[BlockPixels, BlockCells]:
        """Return the pixels of a box, none around it, and the cells in it."""
        (pixels,) = self.read_boxes([box], reach_px=0)
        return pixels, index_cells(pixels.labels, ring_px=self.ring_px)


def _make_stack(channels: int, box: Box, outer: Box) -> NDArray[np.uint16]:
    """Return room for the pixels of ``outer``, zero around ``box``."""
    stack = np.empty((channels, *outer.shape), np.uint16)
    rows, columns = box.within(outer).slices
    stack[:, : rows.start] = stack[:, rows.stop :] = 0
    stack[:, rows, : columns.start] = stack[:, rows, columns.stop :] = 0
    return stack
