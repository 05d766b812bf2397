"""The oracle for slides: means over true outlines of the true signal, in plain numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.panel import Panel

FloatImage = NDArray[np.float64]
LabelImage = NDArray[np.int64]


@dataclass(frozen=True)
class CellMeans:
    """Per cell, in ascending order of its label: where it is and how bright.

    labels : (n,) int64. centroid_y_px, centroid_x_px : (n,), of the nucleus.
    means : per channel and compartment (nucleus, ring, cell), (n,); NaN for an empty ring.
    """

    labels: LabelImage
    centroid_y_px: FloatImage
    centroid_x_px: FloatImage
    means: dict[tuple[str, str], FloatImage]

    def columns(self, panel: Panel) -> dict[str, FloatImage]:
        """Return the value of each channel of a panel."""
        return {name: self.means[name, c.measure] for name, c in panel.channels.items()}


@dataclass(frozen=True)
class SlideTile:
    """A box of pixels. ``outlines`` reach ``margin`` px farther on each side than ``signal``.

    y0, x0 : the corner of the signal in the slide. signal : (channels, y, x).
    """

    y0: int
    x0: int
    margin: int
    signal: FloatImage
    outlines: LabelImage


def measure_cells(
    tiles: Iterable[SlideTile], *, channel_names: tuple[str, ...], ring_px: float
) -> CellMeans:
    """Return the mean signal of every cell over nucleus, ring, and both.

    The ring of a cell holds the pixels at most ``ring_px`` from its nucleus, outside all nuclei;
    a pixel that two cells could have belongs to the nearer one.
    """
    parts = [part for tile in tiles for part in _sum_tile(tile, ring_px)]
    keys = np.concatenate([labels for labels, _ in parts])
    sums = np.concatenate([rows for _, rows in parts])
    labels, group = np.unique(keys, return_inverse=True)
    total = np.zeros((len(labels), sums.shape[1]))
    np.add.at(total, group, sums)
    return _divide(labels, total, channel_names)


def _sum_tile(tile: SlideTile, ring_px: float) -> Iterator[tuple[LabelImage, FloatImage]]:
    """Yield per tile the labels and, per label, counts, coordinate sums and signal sums."""
    inner = (slice(tile.margin, -tile.margin or None),) * 2
    nuclei = tile.outlines[inner]
    rings = np.where(nuclei > 0, 0, grow_labels(tile.outlines, ring_px)[inner])
    height, width = nuclei.shape
    y, x = np.mgrid[tile.y0 : tile.y0 + height, tile.x0 : tile.x0 + width]
    labels = np.union1d(nuclei[nuclei > 0], rings[rings > 0])
    columns = [np.ones_like(nuclei), y, x, *tile.signal]
    sums = [
        np.bincount(
            np.searchsorted(labels, owners[owners > 0]),
            weights=values[owners > 0],
            minlength=len(labels),
        )
        for owners in (nuclei, rings)
        for values in columns
    ]
    yield labels, np.column_stack(sums) if len(labels) else np.zeros((0, len(sums)))


def grow_labels(labels: LabelImage, radius_px: float) -> LabelImage:
    """Return labels grown by ``radius_px``: a pixel takes the nearest, the least of equals."""
    reach = int(radius_px)
    offsets = [
        (dy * dy + dx * dx, dy, dx)
        for dy in range(-reach, reach + 1)
        for dx in range(-reach, reach + 1)
        if 0 < dy * dy + dx * dx <= radius_px**2
    ]
    padded = np.pad(labels, reach)
    height, width = labels.shape
    grown = labels.copy()
    for distance in sorted({square for square, _, _ in offsets}):
        ring = np.zeros_like(labels)
        for square, dy, dx in offsets:
            if square == distance:
                moved = padded[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
                better = (moved > 0) & ((ring == 0) | (moved < ring))
                ring[better] = moved[better]
        grown[grown == 0] = ring[grown == 0]
    return grown


def _divide(labels: LabelImage, total: FloatImage, channel_names: tuple[str, ...]) -> CellMeans:
    """Turn sums into means: of each half of the columns, the first holds the pixels."""
    nucleus, ring = np.hsplit(total, 2)
    parts = {"nucleus": nucleus, "ring": ring, "cell": nucleus + ring}
    with np.errstate(invalid="ignore"):
        means = {
            (name, part): sums[:, 3 + index] / sums[:, 0]
            for part, sums in parts.items()
            for index, name in enumerate(channel_names)
        }
    return CellMeans(
        labels=labels,
        centroid_y_px=nucleus[:, 1] / nucleus[:, 0],
        centroid_x_px=nucleus[:, 2] / nucleus[:, 0],
        means=means,
    )
