"""Where the tiles of a cycle lie: neighbours are found and the shift of each pair is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.register import Shift, measure_shift
from chc_gating.imaging.tile_checks import SMALLEST_OVERLAP_PX
from chc_gating.imaging.tile_places import Edge, Places, add_one, find_held, solve_places

ReadTile = Callable[[int, Box], NDArray[Any]]
"""Returns a box of the registration channel of a tile, by its number."""

LIMIT_UM = 15.0
"""How far a stage may stray between two neighbours: several times what slide stages do."""
_LEAST_AREA = 0.02
"""Of a tile, what two must share to be neighbours; less is a corner."""
_LEAST_QUALITY = 0.2
_CHANCE_PAIRS, _CHANCE_LEVEL = 40, 0.95
_TRIED_PAIRS = 16


@dataclass(frozen=True)
class Orientation:
    """How image axes follow stage axes: (y, x) of the image = matrix @ (y, x) of the stage."""

    name: str
    matrix: NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """Places of n tiles (their upper left corners), and what they rest on.

    held : (n,) bool, false for a tile that no good edge reaches; it keeps its stage position.
    threshold : the quality that chance reaches, below which no edge is good.
    """

    places: Places
    edges: tuple[Edge, ...]
    held: NDArray[np.bool_]
    threshold: float
    orientation: Orientation
    stage_fit: NDArray[np.float64]

    def predict(self, stage_px: Places) -> Places:
        """Return where tiles at stage positions lie, by the fit of all tiles."""
        return add_one(stage_px) @ self.stage_fit


def align_tiles(
    read: ReadTile, stage_px: Places, *, shape: tuple[int, int], limit_px: float
) -> Alignment:
    """Return the places of the tiles of one cycle, from the detail that neighbours share."""
    orientation = find_orientation(read, stage_px, shape=shape, limit_px=limit_px)
    expected = stage_px @ orientation.matrix.T
    pairs = find_neighbours(expected, shape)
    found = [
        Edge(i, j, float(apart[0]) + shift.y, float(apart[1]) + shift.x, shift.quality)
        for i, j in pairs
        for apart in [np.rint(expected[j] - expected[i])]
        if (shift := _measure_edge(read, i, j, apart, shape=shape, limit_px=limit_px)) is not None
    ]
    threshold = chance_quality(read, pairs, expected, shape=shape, limit_px=limit_px)
    good = [edge for edge in found if edge.quality >= threshold]
    places, good, fit = solve_places(good, stage_px, orientation.matrix)
    kept = {(edge.first, edge.second): edge for edge in good}
    edges = tuple(kept.get((edge.first, edge.second), edge) for edge in found)
    return Alignment(
        places=places,
        edges=edges,
        held=find_held(edges, len(expected)),
        threshold=threshold,
        orientation=orientation,
        stage_fit=fit,
    )


def find_orientation(
    read: ReadTile, stage_px: Places, *, shape: tuple[int, int], limit_px: float
) -> Orientation:
    """Return which of the eight ways in which image axes may follow stage axes fits the pixels.

    Of each way a few pairs of neighbours are compared; the way with the highest mean quality is
    taken. Tiles that overlap nobody, or no detail at all, leave the axes as the stage has them.
    """
    best, best_quality = _orientations()[0], 0.0
    for orientation in _orientations():
        expected = stage_px @ orientation.matrix.T
        pairs = _spread(find_neighbours(expected, shape), _TRIED_PAIRS)
        shifts = [
            _measure_edge(
                read, i, j, np.rint(expected[j] - expected[i]), shape=shape, limit_px=limit_px
            )
            for i, j in pairs
        ]
        qualities = [0.0 if shift is None else shift.quality for shift in shifts]
        mean = float(np.mean(qualities)) if qualities else 0.0
        if mean > best_quality:
            best, best_quality = orientation, mean
    return best


def _orientations() -> list[Orientation]:
    """Return the eight ways, the plain one first."""
    plain, swapped = np.eye(2), np.eye(2)[::-1]
    return [
        Orientation(f"y = {'-' * (sy < 0)}{'xy'[1 - s]}, x = {'-' * (sx < 0)}{'xy'[s]}", matrix)
        for s, base in enumerate((plain, swapped))
        for sy in (1, -1)
        for sx in (1, -1)
        for matrix in [np.array([[sy], [sx]]) * base]
    ]


def find_neighbours(places: Places, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the pairs of tiles (first < second) that share more than a corner."""
    pairs = []
    least = max(_LEAST_AREA * shape[0] * shape[1], 1.0)
    for i in range(len(places) - 1):
        common = np.array(shape) - np.abs(places[i + 1 :] - places[i])
        good = (common.min(axis=1) >= SMALLEST_OVERLAP_PX) & (common.prod(axis=1) >= least)
        pairs += [(i, i + 1 + int(k)) for k in np.flatnonzero(good)]
    return pairs


def common_boxes(apart: NDArray[Any], shape: tuple[int, int]) -> tuple[Box, Box] | None:
    """Return the boxes of two tiles, ``apart`` from each other, that show the same place."""
    dy, dx = int(apart[0]), int(apart[1])
    height, width = shape[0] - abs(dy), shape[1] - abs(dx)
    if height <= 0 or width <= 0:
        return None
    y, x = max(dy, 0), max(dx, 0)
    first = Box(y, y + height, x, x + width)
    return first, Box(y - dy, y - dy + height, x - dx, x - dx + width)


def _measure_edge(
    read: ReadTile,
    first: int,
    second: int,
    apart: NDArray[Any],
    *,
    shape: tuple[int, int],
    limit_px: float,
) -> Shift | None:
    boxes = common_boxes(apart, shape)
    if boxes is None:
        return None
    return measure_shift(read(first, boxes[0]), read(second, boxes[1]), limit_px=limit_px)


def chance_quality(
    read: ReadTile,
    pairs: Sequence[tuple[int, int]],
    places: Places,
    *,
    shape: tuple[int, int],
    limit_px: float,
) -> float:
    """Return the quality that 19 of 20 pairs of tiles from different places stay below.

    The same boxes as of true neighbours, of tiles that do not overlap; at least .2.
    """
    rng = np.random.default_rng(0)
    found = []
    for i, j in _spread(list(pairs), _CHANCE_PAIRS):
        apart = np.rint(places[j] - places[i])
        far = np.flatnonzero((np.abs(places - places[i]) >= shape).any(axis=1))
        boxes = common_boxes(apart, shape)
        if far.size == 0 or boxes is None:
            continue
        other = int(rng.choice(far))
        shift = measure_shift(read(i, boxes[0]), read(other, boxes[1]), limit_px=limit_px)
        found.append(0.0 if shift is None else shift.quality)
    level = float(np.quantile(found, _CHANCE_LEVEL, method="higher")) if found else 0.0
    return max(level, _LEAST_QUALITY)


def _spread(pairs: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    step = max(len(pairs) / count, 1.0)
    return [pairs[int(k * step)] for k in range(min(count, len(pairs)))]
