"""Later staining cycles on the first: every tile moved by itself, by the DNA that both show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.align import ReadTile, common_boxes
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.register import Shift, measure_shift
from chc_gating.imaging.tile_places import Places

_TRIED_TILES = 16
_CHANCE_PAIRS, _CHANCE_LEVEL, _LEAST_QUALITY = 40, 0.95, 0.2
_RESIDUAL_LIMIT_PX = 4.0
PARTS_OF_PIXEL = 64


@dataclass(frozen=True)
class Layer:
    """The tiles of a cycle that the others are registered to, or that is registered.

    places : (n, 2) pixels; of a cycle that is to be registered, where it is expected.
    """

    read: ReadTile
    places: Places


@dataclass(frozen=True)
class Registration:
    """Places of a later cycle's n tiles on the first.

    held : (n,) bool, false for a tile that matched nothing; it moved like its cycle.
    quality : (n,) correlation of detail with the first cycle, NaN where there was none.
    residual_px : what is left between both cycles, measured again in quarters of every tile.
    rotation_deg : of this cycle against the first, from the same quarters.
    """

    places: Places
    held: NDArray[np.bool_]
    quality: NDArray[np.float64]
    threshold: float
    residual_px: NDArray[np.float64]
    rotation_deg: float


def register_cycle(
    first: Layer, later: Layer, *, shape: tuple[int, int], limit_px: float
) -> Registration | None:
    """Return where a later cycle's tiles lie on the first, None where they match nowhere.

    The whole cycle is moved first, by the shift that most of some tiles agree on, however far the
    slide was put back; then each tile by itself, at most ``limit_px`` from that.
    """
    matches = [_nearest(first.places, place) for place in later.places]
    threshold = _chance_quality(first, later, shape=shape)
    offset = _find_offset(first, later, threshold=threshold, shape=shape, limit_px=limit_px)
    if offset is None:
        return None
    moved = Layer(later.read, later.places + offset)
    matches = [_nearest(first.places, place) for place in moved.places]
    shifts = [
        _compare_tiles(first, moved, int(match), k, shape=shape, limit_px=limit_px)
        for k, match in enumerate(matches)
    ]
    quality = np.array([np.nan if s is None else s.quality for s in shifts])
    held = np.nan_to_num(quality) >= threshold
    own = np.array([(0.0, 0.0) if s is None else (s.y, s.x) for s in shifts]).reshape(-1, 2)
    if not held.any():
        return None
    common = np.median(own[held], axis=0)
    places = settle_places(moved.places + np.where(held[:, None], own, common))
    residuals, centres = _measure_residuals(first, Layer(later.read, places), matches, shape=shape)
    return Registration(
        places=places,
        held=held,
        quality=quality,
        threshold=threshold,
        residual_px=np.hypot(residuals[:, 0], residuals[:, 1]),
        rotation_deg=_fit_rotation(residuals, centres),
    )


def settle_places(places: Places) -> Places:
    """Return places to the 64th of a pixel, which is finer than any shift is known.

    So that the last bits of a solver, which differ between processors, change no pixel.
    """
    settled: Places = np.round(places * PARTS_OF_PIXEL) / PARTS_OF_PIXEL
    return settled


def _nearest(places: Places, place: NDArray[np.float64]) -> int:
    return int(np.abs(places - place).max(axis=1).argmin())


def _compare_tiles(
    first: Layer, later: Layer, match: int, tile: int, *, shape: tuple[int, int], limit_px: float
) -> Shift | None:
    """Return how a tile must move from its place to lie on a tile of the first cycle."""
    exact = later.places[tile] - first.places[match]
    apart = np.rint(exact)
    boxes = common_boxes(apart, shape)
    if boxes is None:
        return None
    found = measure_shift(
        first.read(match, boxes[0]), later.read(tile, boxes[1]), limit_px=limit_px
    )
    if found is None:
        return None
    rest = apart - exact
    return Shift(found.y + float(rest[0]), found.x + float(rest[1]), found.quality)


def _find_offset(
    first: Layer, later: Layer, *, threshold: float, shape: tuple[int, int], limit_px: float
) -> NDArray[np.float64] | None:
    """Return the shift of the whole cycle, None where no tile matches better than by chance."""
    count = len(later.places)
    chosen = sorted({int(k) for k in np.linspace(0, count - 1, min(count, _TRIED_TILES))})
    found = []
    for k in chosen:
        match = _nearest(first.places, later.places[k])
        shift = _compare_tiles(first, later, match, k, shape=shape, limit_px=max(shape) / 2)
        if shift is not None and shift.quality >= threshold:
            found.append((shift.y, shift.x))
    if not found:
        return None
    shifts = np.array(found)
    near = np.abs(shifts[:, None] - shifts[None]).max(axis=2) <= limit_px
    cluster = near[int(near.sum(axis=1).argmax())]
    offset: NDArray[np.float64] = np.median(shifts[cluster], axis=0)
    return offset


def _chance_quality(first: Layer, later: Layer, *, shape: tuple[int, int]) -> float:
    """Return the quality that 19 of 20 pairs of tiles from different places stay below."""
    rng = np.random.default_rng(0)
    whole = Box(0, shape[0], 0, shape[1])
    found = []
    tiles = np.linspace(0, len(later.places) - 1, min(_CHANCE_PAIRS, len(later.places)))
    for k in sorted({int(k) for k in tiles}):
        apart = np.abs(first.places - later.places[k])
        far = np.flatnonzero((apart >= shape).any(axis=1))
        if far.size == 0:
            continue
        other = int(rng.choice(far))
        shift = measure_shift(
            first.read(other, whole), later.read(k, whole), limit_px=max(shape) / 2
        )
        found.append(0.0 if shift is None else shift.quality)
    level = float(np.quantile(found, _CHANCE_LEVEL, method="higher")) if found else 0.0
    return max(level, _LEAST_QUALITY)


def _measure_residuals(
    first: Layer, later: Layer, matches: Sequence[int], *, shape: tuple[int, int]
) -> tuple[Places, Places]:
    """Return what is left (k, 2) in each quarter of every tile, and where in its tile (k, 2)."""
    left, centres = [], []
    for k, match in enumerate(matches):
        exact = later.places[k] - first.places[match]
        boxes = common_boxes(np.rint(exact), shape)
        if boxes is None:
            continue
        for one, other in zip(_quarters(boxes[0]), _quarters(boxes[1]), strict=True):
            shift = measure_shift(
                first.read(match, one), later.read(k, other), limit_px=_RESIDUAL_LIMIT_PX
            )
            if shift is not None and shift.quality >= _LEAST_QUALITY:
                rest = np.rint(exact) - exact
                left.append((shift.y + float(rest[0]), shift.x + float(rest[1])))
                centres.append(
                    ((other.y0 + other.y1 - shape[0]) / 2, (other.x0 + other.x1 - shape[1]) / 2)
                )
    return np.array(left).reshape(-1, 2), np.array(centres).reshape(-1, 2)


def _quarters(box: Box) -> list[Box]:
    y, x = (box.y0 + box.y1) // 2, (box.x0 + box.x1) // 2
    return [
        Box(y0, y1, x0, x1)
        for y0, y1 in ((box.y0, y), (y, box.y1))
        for x0, x1 in ((box.x0, x), (x, box.x1))
    ]


def _fit_rotation(residuals: Places, centres: Places) -> float:
    """Return the angle, in degrees, by which residuals turn about the tiles' centres."""
    arms = float((centres**2).sum())
    if arms == 0:
        return 0.0
    turned = residuals[:, 1] * centres[:, 0] - residuals[:, 0] * centres[:, 1]
    return float(np.degrees(turned.sum() / arms))
