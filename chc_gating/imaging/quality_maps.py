"""Maps of quality over a slide: one value per square of a fixed grid, filled block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.squares import SQUARE_PX
from chc_gating.imaging.sums import BlockCells, BlockPixels
from chc_gating.kernels import quality_columns as quality
from chc_gating.kernels.cell_entries import survey_squares
from chc_gating.kernels.pixel_columns import Core

FocusMap = NDArray[np.float64]
_LARGEST = 1 << 16
_SIXTEENTHS = 16.0
"""The kernel's filter gives sixteenths of a grey level."""
_SMOOTHING_SD = 1.0
"""Pixels; of the binomial filter before the Laplacian."""


class QualityMaps:
    """What was found in each square of SQUARE_PX px, (rows, columns), of a slide.

    nuclei : nuclei whose seed pixel lies in the square.
    background : (rows, columns, m) grey levels, NaN until it is filled.
    """

    def __init__(
        self, slide_shape: tuple[int, int], channels: Sequence[str], *, dna: int | None
    ) -> None:
        rows, columns = (-(-length // SQUARE_PX) for length in slide_shape)
        self.slide_shape = slide_shape
        self.channels = tuple(channels)
        self.dna = dna
        self.nuclei = np.zeros((rows, columns), np.int64)
        self.background = np.full((rows, columns, len(channels)), np.nan)
        self._sums = np.zeros((rows, columns, quality.SUMS), np.int64)
        self._greys = np.zeros((rows, columns, len(channels), quality.GREYS), np.int64)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of squares."""
        rows, columns = self.nuclei.shape
        return rows, columns

    def add_block(
        self,
        pixels: BlockPixels,
        cells: BlockCells,
        *,
        background: NDArray[np.float64],
        saturation: int,
    ) -> None:
        """Enter what a block holds; blocks may be entered by several threads, in any order.

        background : (rows, columns, m), of the block's squares
        """
        block, outer = pixels.block, pixels.outer
        rows = slice(block.y0 // SQUARE_PX, -(-block.y1 // SQUARE_PX))
        columns = slice(block.x0 // SQUARE_PX, -(-block.x1 // SQUARE_PX))
        shape = self._sums[rows, columns].shape[:2]
        sums = np.zeros((*shape, quality.SUMS), np.int64)
        greys = np.zeros((*shape, len(self.channels), quality.GREYS), np.int64)
        greys[..., quality.LOWEST] = _LARGEST
        core = block.within(outer)
        survey_squares(
            pixels.labels,
            pixels.stack,
            0 if self.dna is None else self.dna,
            Core(*core.edges),
            outer.y0,
            outer.x0,
            SQUARE_PX,
            saturation,
            np.empty((3, outer.width), np.int32),
            sums,
            greys,
        )
        self._sums[rows, columns] = sums
        self._greys[rows, columns] = greys
        self.background[rows, columns] = background
        self.nuclei[rows, columns] = self._count_seeds(cells.ids, block, shape)

    def _count_seeds(
        self, ids: NDArray[np.int64], block: Box, shape: tuple[int, ...]
    ) -> NDArray[np.int64]:
        """Count the seed pixels in each square of a block."""
        y, x = np.divmod(ids, self.slide_shape[1])
        own = (y >= block.y0) & (y < block.y1) & (x >= block.x0) & (x < block.x1)
        row, column = (y[own] - block.y0) // SQUARE_PX, (x[own] - block.x0) // SQUARE_PX
        counts = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1])
        return counts.reshape(shape[0], shape[1])

    @property
    def saturated_share(self) -> NDArray[np.float64]:
        """(rows, columns, m) share of saturated pixels, of every fourth row."""
        sampled = np.maximum(self._greys[..., quality.SAMPLED], 1)
        shares: NDArray[np.float64] = self._greys[..., quality.SATURATED] / sampled
        return shares

    @property
    def unread(self) -> NDArray[np.bool_]:
        """(rows, columns) squares where each channel has one grey level only.

        A camera has noise: such a square is a gap in the scan, or pixels that were lost.
        """
        one: NDArray[np.bool_] = (
            self._greys[..., quality.LOWEST] == self._greys[..., quality.HIGHEST]
        ).all(axis=2)
        return one

    def measure_focus(self, *, pooled: int = 0) -> FocusMap:
        """Return the focus of each square, NaN where no nucleus tells.

        The variance of the Laplacian of the DNA channel (Pech-Pacheco et al. 2000, ICPR 15, 3:314)
        over the pixels of nuclei, after a binomial smoothing of SD 1 px, less what the pixels'
        noise adds to it (measured at the same pixels: Immerkaer 1996), divided by the square of
        the nuclei's contrast, their mean less the background. Stain and exposure cancel.

        ``pooled``: squares are taken together with so many on each side.
        """
        sums = _add_neighbours(self._sums.astype(np.float64), pooled)
        weighted = np.nan_to_num(self._level) * self._sums[..., quality.PIXELS]
        with np.errstate(invalid="ignore", divide="ignore"):
            level = _add_neighbours(weighted, pooled) / sums[..., quality.PIXELS]
        return self._find_focus(sums, level)

    @property
    def _level(self) -> FocusMap:
        """(rows, columns) background of the DNA channel."""
        if self.dna is None:
            return np.zeros(self.shape)
        return np.asarray(self.background[..., self.dna])

    def _find_focus(self, sums: NDArray[np.float64], level: FocusMap) -> FocusMap:
        """Return the focus of sums (..., columns) about backgrounds (...)."""
        pixels = sums[..., quality.PIXELS]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[..., quality.FILTERED] / pixels
            squares = sums[..., quality.FILTERED_SQUARES]
            noise = quality.NOISE_SHARE * sums[..., quality.NOISE_SQUARES]
            variance = np.maximum((squares - noise) / pixels - mean**2, 0.0)
            contrast = sums[..., quality.DNA_SUM] / pixels - level
            focus: FocusMap = variance / (_SIXTEENTHS * contrast) ** 2
        return np.where((contrast > 0) & (self.dna is not None), focus, np.nan)

    def measure_edge_sd(self, chosen: NDArray[np.bool_]) -> float | None:
        """Return how wide the edges of nuclei are in chosen squares, SD in px, None without nuclei.

        An edge that is a step blurred to SD s adds contrast^2 / (4 sqrt(pi) s^3) per pixel of its
        length to the sum of squares of the Laplacian (the integral of the squared derivative of a
        Gaussian), half of it inside the nucleus. The length is that of circles of the nuclei's
        mean area. The smoothing before the Laplacian (SD 1 px) is taken out again. Texture within
        nuclei makes edges seem sharper than they are, never wider.
        """
        each = self._sums[chosen].astype(np.float64)
        sums, sampled = each.sum(axis=0), float(each[..., quality.PIXELS].sum())
        nuclei = int(self.nuclei[chosen].sum())
        if nuclei == 0 or sampled == 0:
            return None
        weighted = np.nan_to_num(self._level[chosen]) * each[..., quality.PIXELS]
        focus = float(self._find_focus(sums, np.asarray(weighted.sum() / sampled)))
        if not focus > 0:
            return None
        area = sampled * quality.SAMPLE_STEP**2 / nuclei
        inner = np.sqrt(np.pi / area)  # half of a circle's length over its area
        total = (inner / (4 * np.sqrt(np.pi) * focus)) ** (1 / 3)
        return float(np.sqrt(max(total**2 - _SMOOTHING_SD**2, 0.0)))

    def pool_nuclei(self, pooled: int) -> NDArray[np.float64]:
        """Return the nuclei of each square and so many on each side."""
        return _add_neighbours(self.nuclei.astype(np.float64), pooled)

    def boxes(self) -> list[Box]:
        """Return the squares in raster order."""
        rows, columns = self.shape
        return [
            Box(y * SQUARE_PX, (y + 1) * SQUARE_PX, x * SQUARE_PX, (x + 1) * SQUARE_PX).clip(
                self.slide_shape
            )
            for y in range(rows)
            for x in range(columns)
        ]

    def areas_px(self) -> NDArray[np.int64]:
        """Return the pixels of each square, (rows, columns)."""
        areas = [box.height * box.width for box in self.boxes()]
        return np.array(areas, np.int64).reshape(self.shape)


def _add_neighbours(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Return the sums over squares of 2 reach + 1 on a side; nothing lies beyond the edge."""
    total = values.copy()
    for axis in (0, 1):
        part = total.copy()
        for step in range(1, reach + 1):
            for sign in (-1, 1):
                total = total + _shift(part, sign * step, axis)
    return total


def _shift(values: NDArray[np.float64], step: int, axis: int) -> NDArray[np.float64]:
    moved = np.zeros_like(values)
    length = values.shape[axis]
    if abs(step) < length:
        kept = np.take(values, range(max(-step, 0), length - max(step, 0)), axis=axis)
        index: list[slice] = [slice(None)] * values.ndim
        index[axis] = slice(max(step, 0), length - max(-step, 0))
        moved[tuple(index)] = kept
    return moved
