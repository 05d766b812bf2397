"""Places of tiles that fit the measured shifts of all neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float64]
"""(n, 2) pixels, y and x."""

_LOOSE_PX = 2.0
"""An edge that departs from the common solution by more is wrong."""
_ROUNDS, _SCALE_PX = 20, 0.5
_HOLD = 1e-4
"""Weight of a tile's stage position beside an edge's: it only places what no edge holds."""


@dataclass(frozen=True)
class Edge:
    """Two neighbours and how far apart they are: place of ``second`` minus place of ``first``.

    residual_px : what the solution leaves of it, along the worse axis. used : not dropped.
    """

    first: int
    second: int
    dy: float
    dx: float
    quality: float
    used: bool = False
    residual_px: float | None = None


def solve_places(
    edges: Sequence[Edge], stage_px: Places, axes: NDArray[np.float64]
) -> tuple[Places, list[Edge], NDArray[np.float64]]:
    """Return places by least squares over the edges, the edges judged, and the fit of the stage.

    axes : (2, 2), how image axes follow stage axes.

    Robust rounds give an edge that departs little weight; one that departs by more than 2 px
    is dropped and the rest solved again. Stage positions, by their linear fit to the places of
    tiles that edges hold, weigh so little that they only place what no edge holds.
    """
    target = stage_px @ axes.T
    fit = np.zeros((3, 2))
    for _ in range(2):
        places, judged = _solve_robustly(edges, target)
        held = find_held(judged, len(target))
        fit = _fit_stage(stage_px, places, axes, chosen=held)
        target = add_one(stage_px) @ fit
    origin = places.min(axis=0)
    fit[2] -= origin
    return places - origin, judged, fit


def _solve_robustly(edges: Sequence[Edge], target: Places) -> tuple[Places, list[Edge]]:
    apart = np.array([(e.dy, e.dx) for e in edges]).reshape(-1, 2)
    ends = np.array([(e.first, e.second) for e in edges], dtype=np.int64).reshape(-1, 2)
    quality = np.array([e.quality for e in edges])
    weights = quality.copy()
    for _ in range(_ROUNDS):
        places = solve_differences(ends, apart, weights, target=target, hold=_HOLD)
        residual = _residuals(places, ends, apart)
        weights = quality / (1 + (residual / _SCALE_PX) ** 2)
    used = residual <= _LOOSE_PX
    places = solve_differences(ends[used], apart[used], quality[used], target=target, hold=_HOLD)
    residual = _residuals(places, ends, apart)
    judged = [
        replace(edge, used=bool(use), residual_px=float(left))
        for edge, use, left in zip(edges, used, residual, strict=True)
    ]
    return places, judged


def solve_differences(
    ends: Sequence[tuple[int, int]] | NDArray[np.int64],
    apart: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    target: NDArray[np.float64],
    hold: float,
) -> NDArray[np.float64]:
    """Return values of n tiles, one or more each, as ``target`` (n, ...) has them.

    They minimise weighted squares of their differences from ``apart`` (m, ...), of the second of
    two ``ends`` (m, 2) less the first, and with the weight ``hold`` those from the target.
    """
    n = len(target)
    normal = np.eye(n) * hold
    right = target * hold
    for (i, j), d, w in zip(ends, apart, weights, strict=True):
        normal[i, i] += w
        normal[j, j] += w
        normal[i, j] -= w
        normal[j, i] -= w
        right[j] += w * d
        right[i] -= w * d
    return np.asarray(np.linalg.solve(normal, right), dtype=np.float64)


def _residuals(places: Places, ends: NDArray[np.int64], apart: Places) -> NDArray[np.float64]:
    if len(ends) == 0:
        return np.empty(0)
    left = places[ends[:, 1]] - places[ends[:, 0]] - apart
    worst: NDArray[np.float64] = np.abs(left).max(axis=1)
    return worst


def find_held(edges: Sequence[Edge], count: int) -> NDArray[np.bool_]:
    """Return which tiles have a used edge; a tile that is alone needs none."""
    held = np.zeros(count, np.bool_)
    for edge in edges:
        if edge.used:
            held[[edge.first, edge.second]] = True
    return held if count > 1 else np.ones(1, np.bool_)


def _fit_stage(
    stage_px: Places, places: Places, axes: NDArray[np.float64], *, chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the (3, 2) linear map from stage positions to places: also a turned camera's.

    With fewer than four tiles, or tiles in one line, the axes stay and only the offset is fitted.
    """
    held = stage_px[chosen]
    if len(held) >= 4 and np.linalg.matrix_rank(held - held.mean(axis=0), tol=1.0) == 2:
        fit = np.linalg.lstsq(add_one(held), places[chosen], rcond=None)[0]
        return np.asarray(fit, dtype=np.float64)
    left = places - stage_px @ axes.T
    offset = np.median(left[chosen] if chosen.any() else left, axis=0)
    return np.vstack([axes.T, offset])


def add_one(places: Places) -> Places:
    """Return positions (n, 3) with a column of ones, for a linear map with an offset."""
    return np.hstack([places, np.ones((len(places), 1))])
