"""What a draw's page shows of one acquisition: its results, read from disk by the stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.acquisition import AcquisitionQuality, AcquisitionResult
from chc_gating.model.density import Density
from chc_gating.model.events import FloatArray

DRAWN_CANDIDATES = 500
"""Candidates of one phenotype drawn on a figure: more hide what lies below them."""


@dataclass(frozen=True)
class Candidates:
    """c candidates of one acquisition, one per CHC or CTC event, in the order of the file.

    number : (c,) the ``candidate`` of candidates.parquet.
    event : (c,) int64 event index, or cell id on a slide.
    time_bin : (c,) int64.
    phenotype, sub_phenotype : c names.
    flags : c tuples of flag names.
    centroid_y_px, centroid_x_px : (c,) float64 in pixels, None for flow.
    raw, compensated : per channel (c,) float64 linear values; NaN where not finite.
    explanations : per column of what could explain a slide's candidate, (c,); NaN: not known.
    totals : how many there are of each phenotype, where the file holds the first ones only.
    """

    number: NDArray[np.int64]
    event: NDArray[np.int64]
    time_bin: NDArray[np.int64]
    phenotype: tuple[str, ...]
    sub_phenotype: tuple[str, ...]
    flags: tuple[tuple[str, ...], ...]
    centroid_y_px: FloatArray | None = None
    centroid_x_px: FloatArray | None = None
    raw: Mapping[str, FloatArray] = field(default_factory=dict)
    compensated: Mapping[str, FloatArray] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    explanations: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.phenotype)

    def rows_of(self, phenotype: str) -> NDArray[np.int64]:
        """Return the row indices of one phenotype, (k,)."""
        return np.flatnonzero(np.array(self.phenotype, dtype=object) == phenotype)

    def drawn_rows_of(self, phenotype: str) -> NDArray[np.int64]:
        """Return the rows of one phenotype that figures draw: all, or evenly spaced ones."""
        rows = self.rows_of(phenotype)
        if len(rows) <= DRAWN_CANDIDATES:
            return rows
        return rows[np.linspace(0, len(rows) - 1, DRAWN_CANDIDATES).round().astype(np.int64)]

    def describe_drawn(self, phenotype: str) -> str:
        """Return how many of how many of one phenotype figures draw."""
        total, drawn = self.total_of(phenotype), len(self.drawn_rows_of(phenotype))
        if drawn == total:
            return f"{total:,} {phenotype}"
        return f"{drawn:,} of {total:,} {phenotype}"

    def total_of(self, phenotype: str) -> int:
        """Return how many candidates of one phenotype there are, in the file or not."""
        return self.totals.get(phenotype, len(self.rows_of(phenotype)))


@dataclass(frozen=True)
class Crops:
    """Pictures of k of a slide's cells: candidates, then controls.

    pixels : (k, m, y, x) uint16 grey levels as stored, one crop per cell and channel; 0 beyond
        the edge of the slide.
    valid : (k, 4) the box y0, y1, x0, x1 of each crop that lies on the slide.
    channels : m channel names of the image.
    pixel_size_um : edge of a pixel.
    outlines : (k, y, x) uint8: 1 the cell's nucleus, 2 its ring, 3 other nuclei; None where they
        are not known.
    rows : (c,) the candidates' rows in `Candidates`, of which these are the first c crops.
    controls : the classes of the crops after them, and their cell ids.
    """

    pixels: NDArray[np.uint16]
    valid: NDArray[np.int64]
    channels: tuple[str, ...]
    pixel_size_um: float
    rows: NDArray[np.int64]
    outlines: NDArray[np.uint8] | None = None
    controls: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Overview:
    """A slide's DNA in squares of ``side_px`` pixels: (rows, columns) uint16 mean grey levels.

    ``of`` all pixels, or of the nuclei that were found, alone.
    """

    levels: NDArray[np.uint16]
    side_px: float
    of: str = "pixels"


@dataclass(frozen=True)
class CellPlaces:
    """Centroids of a slide's n cells in pixels, (n,) float64 each."""

    y_px: FloatArray
    x_px: FloatArray


@dataclass(frozen=True)
class TileMaps:
    """What a slide's squares hold, (rows, columns) each; the last row and column may be narrower.

    nuclei : int64. focus : float64, NaN where unknown. state : texts. background,
    saturated_share : per channel, float64.
    """

    nuclei: NDArray[np.int64]
    focus: FloatArray
    state: NDArray[np.str_]
    background: Mapping[str, FloatArray]
    saturated_share: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Evidence:
    """All that the page shows of one acquisition; crops, cells and tiles only of a slide."""

    acquisition: str
    result: AcquisitionResult
    quality: AcquisitionQuality
    densities: tuple[Density, ...]
    candidates: Candidates
    crops: Crops | None = None
    cells: CellPlaces | None = None
    tiles: TileMaps | None = None
    overview: Overview | None = None
