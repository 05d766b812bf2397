"""Density histograms of an acquisition, filled in the gating pass, drawn by the reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.events import FloatArray


@dataclass(frozen=True)
class Density:
    """Events of one population over two channels.

    counts : (y bins, x bins) uint32; values outside the edges fall into the outermost bins.
    x_edges, y_edges : (bins + 1,) float64, ascending, in the linear units of the channel
        (compensated unless the channel has no spillover); unequal on a transformed scale.
    x_scale, y_scale : the display scale that spaced the edges: linear, log, asinh or logicle.
    stride : every stride-th event of the file was filled in.
    """

    population: str
    x: str
    y: str
    x_edges: FloatArray
    y_edges: FloatArray
    x_scale: str
    y_scale: str
    counts: NDArray[np.uint32]
    stride: int = 1
