"""Steps of the background between raw tiles, from what neighbours show of one place.

Lamps drift and fields glow, so that a tile lies some grey levels above its neighbour. Both show the
same specimen where they overlap: what differs there is no specimen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.align import common_boxes, find_neighbours
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.flat_field import FlatField, OpenField, open_field
from chc_gating.imaging.raw_tiles import Cycle, TileSet
from chc_gating.imaging.tile_places import Places, solve_differences
from chc_gating.imaging.tile_reader import TileReader

Floats = NDArray[np.float64]

_STEP_PX = 2
"""Each second pixel of an overlap along both axes is taken."""
_HOLD = 0.05
"""Weight of no step beside an edge's: small errors of the gain, alike in every overlap of a row,
must not add up over a slide. Beyond some five tiles, differences of level are the specimen's."""


def measure_steps(
    tiles: TileSet,
    cycle: Cycle,
    places: Places,
    *,
    channel: int,
    field: FlatField | None,
    reader: TileReader,
) -> Floats:
    """Return (n,) by how many grey levels each tile of a cycle lies above its neighbours.

    The median difference of evened pixels in each overlap is a step between two tiles; tiles'
    own are their least squares. A tile that overlaps none has 0.
    """
    opened = open_field(field)
    pairs, differences = [], []
    for i, j in find_neighbours(places, tiles.shape):
        boxes = common_boxes(np.rint(places[j] - places[i]), tiles.shape)
        if boxes is None:
            continue
        first, second = (
            _even(reader.read(cycle.tiles[k], channel, box), opened, box)
            for k, box in zip((i, j), boxes, strict=True)
        )
        pairs.append((i, j))
        differences.append(float(np.median(second - first)))
    return solve_steps(pairs, differences, tiles=len(places))


def _even(pixels: NDArray[np.generic], field: OpenField, box: Box) -> Floats:
    taken = np.asarray(pixels, dtype=np.float64)[::_STEP_PX, ::_STEP_PX]
    if field.gain.size == 0:
        return taken
    here = field.part(box)[::_STEP_PX, ::_STEP_PX]
    return np.asarray((taken - field.dark_level) / here + field.dark_level, dtype=np.float64)


def solve_steps(
    pairs: Sequence[tuple[int, int]], differences: Sequence[float], *, tiles: int
) -> Floats:
    """Return (n,) the steps of tiles whose differences (second less first) come nearest to these.

    They are held near 0, so that no slope adds up over many tiles.

    >>> solve_steps([(0, 1)], [10.0], tiles=3).round(2).tolist()
    [-4.88, 4.88, 0.0]
    """
    return solve_differences(
        pairs, np.array(differences), np.ones(len(pairs)), target=np.zeros(tiles), hold=_HOLD
    )
