"""Which squares of a slide are scored, and which areas are lost: out of focus, empty, not read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.quality_maps import FocusMap, QualityMaps
from chc_gating.imaging.squares import (
    EMPTY,
    LOST,
    OUT_OF_FOCUS,
    OUTSIDE,
    SCORED,
    SQUARE_PX,
    UNREAD,
)
from chc_gating.model.acquisition import LostArea, SlideQuality

FOCUS_DROP = 3.0
"""Out of focus is below the slide's reference divided by this.

Variance over squared contrast falls with the third power of an edge's width: a third is an edge
1.4 times as wide as on the sharp part of the same slide.
"""

_REFERENCE_QUANTILE = 0.75
"""Of the squares' focus: sharp as long as a quarter of them is."""

_FEWEST_NUCLEI = 3
"""Of fewer nuclei in a square, its neighbours are taken with it, and of fewer still: not known."""

_FEWEST_SQUARES = 8
"""With fewer squares that tell, there is no distribution to stand out of."""

_EXPECTED_NUCLEI = 30.0
"""An empty area has space for so many at the slide's density: not one is no chance."""

_NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class Judged:
    """The state of each square (rows, columns), its focus, and what follows for the slide."""

    state: NDArray[np.str_]
    focus: FocusMap
    quality: SlideQuality


def judge_squares(
    maps: QualityMaps, *, pixel_size_um: float, focus_drop: float = FOCUS_DROP
) -> Judged:
    """Return which squares are scored.

    out_of_focus : its focus is below the slide's upper quartile divided by ``focus_drop``. A
        square with fewer than 5 nuclei is judged with its eight neighbours; where these have
        fewer together, or fewer than 8 squares of the slide tell, it is scored.
    unread : each channel has one grey level only; nothing was scanned there.
    empty : no nucleus, in an area that cells surround and that has space for 30 at the density of
        the squares that have some. Smaller ones are chance, and scored.
    outside : no nucleus, in an area that reaches the edge of the image: not taken as lost, since a
        sample seldom fills the scan.

    The share that was scored is that of the area of all squares that are not outside.
    """
    focus = _measure_focus(maps)
    reference = _find_reference(focus)
    threshold = None if reference is None else reference / focus_drop
    state = np.full(maps.shape, SCORED, dtype="U12")
    if threshold is not None:
        state[np.nan_to_num(focus, nan=np.inf) < threshold] = OUT_OF_FOCUS
    unread = maps.unread
    _mark_empty(state, maps, unread)
    state[unread] = UNREAD
    areas = maps.areas_px()
    sample = int(areas[state != OUTSIDE].sum())
    shares = {kind: float(areas[state == kind].sum() / sample) if sample else 0.0 for kind in LOST}
    edge_px = maps.measure_edge_sd(state == SCORED)
    quality = SlideQuality(
        square_px=SQUARE_PX,
        squares=int(state.size),
        squares_by_state={kind: int((state == kind).sum()) for kind in (SCORED, *LOST, OUTSIDE)},
        focus_reference=reference,
        focus_drop=focus_drop,
        focus_threshold=threshold,
        edge_sd_um=None if edge_px is None else edge_px * pixel_size_um,
        sample_area_mm2=sample * pixel_size_um**2 / 1e6,
        scored_share=1.0 - sum(shares.values()),
        lost_shares=shares,
        nuclei_out_of_focus=int(maps.nuclei[state == OUT_OF_FOCUS].sum()),
        saturated_shares={
            name: float(np.average(maps.saturated_share[..., c], weights=areas))
            for c, name in enumerate(maps.channels)
        },
        areas=tuple(_list_areas(state, maps, pixel_size_um=pixel_size_um)),
    )
    return Judged(state, focus, quality)


def _measure_focus(maps: QualityMaps) -> FocusMap:
    """Return the focus of squares with enough nuclei, else that of nine together, else NaN."""
    focus = np.full(maps.shape, np.nan)
    for pooled in (1, 0):
        enough = maps.pool_nuclei(pooled) >= _FEWEST_NUCLEI
        focus[enough] = maps.measure_focus(pooled=pooled)[enough]
    focus[maps.nuclei == 0] = np.nan
    return focus


def _find_reference(focus: FocusMap) -> float | None:
    known = focus[np.isfinite(focus)]
    if known.size < _FEWEST_SQUARES:
        return None
    return float(np.quantile(known, _REFERENCE_QUANTILE))


def _mark_empty(state: NDArray[np.str_], maps: QualityMaps, unread: NDArray[np.bool_]) -> None:
    """Mark the areas without nuclei as empty or outside, where they are either."""
    filled = maps.nuclei[maps.nuclei > 0]
    density = float(np.median(filled)) if filled.size else 0.0
    areas = maps.areas_px() / SQUARE_PX**2
    for squares in _connect((maps.nuclei == 0) & ~unread):
        rows, columns = np.array(squares).T
        if _reaches_edge(squares, maps.shape):
            state[rows, columns] = OUTSIDE
        elif density * areas[rows, columns].sum() >= _EXPECTED_NUCLEI:
            state[rows, columns] = EMPTY


def _reaches_edge(squares: list[tuple[int, int]], shape: tuple[int, int]) -> bool:
    return any(y in (0, shape[0] - 1) or x in (0, shape[1] - 1) for y, x in squares)


def _connect(chosen: NDArray[np.bool_]) -> Iterator[list[tuple[int, int]]]:
    """Yield the groups of chosen squares that share sides, in raster order."""
    open_squares = {(int(y), int(x)) for y, x in np.argwhere(chosen)}
    for start in sorted(open_squares):
        if start not in open_squares:
            continue
        open_squares.remove(start)
        group = [start]
        for y, x in group:  # grows while it is read
            for dy, dx in _NEIGHBOURS:
                if (y + dy, x + dx) in open_squares:
                    open_squares.remove((y + dy, x + dx))
                    group.append((y + dy, x + dx))
        yield sorted(group)


def _list_areas(
    state: NDArray[np.str_], maps: QualityMaps, *, pixel_size_um: float
) -> list[LostArea]:
    """Return the lost areas, largest first."""
    sizes, height_width = maps.areas_px(), maps.slide_shape
    areas = []
    for kind in LOST:
        for squares in _connect(state == kind):
            rows, columns = np.array(squares).T
            areas.append(
                LostArea(
                    kind=kind,
                    y0_px=int(rows.min()) * SQUARE_PX,
                    y1_px=min(int(rows.max() + 1) * SQUARE_PX, height_width[0]),
                    x0_px=int(columns.min()) * SQUARE_PX,
                    x1_px=min(int(columns.max() + 1) * SQUARE_PX, height_width[1]),
                    area_mm2=float(sizes[rows, columns].sum()) * pixel_size_um**2 / 1e6,
                    nuclei=int(maps.nuclei[rows, columns].sum()),
                )
            )
    return sorted(areas, key=lambda area: (-area.area_mm2, area.kind, area.y0_px, area.x0_px))
