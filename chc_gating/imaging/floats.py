"""Floating-point pixels as grey levels: the rest of the program counts in whole ones.

The factor must be one for the slide, and the same for all slides of one kind, or a cut would
mean another brightness on each. So there are two and no third: values that nowhere exceed 1 are
taken as a share of the full scale and multiplied by 65,535; all others are grey levels already.
Either is rounded to the nearest whole level (half to even): whole grey levels stay what they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box, grid_blocks
from chc_gating.imaging.layout import Layout, Level, Plane

_FULL_SCALE = 65535
_INTEGERS = (np.dtype(np.uint8), np.dtype(np.uint16))


def is_readable(dtype: Any) -> bool:
    """Return whether pixels of a type are read: unsigned of 8 or 16 bits, or floats."""
    native = np.dtype(dtype).newbyteorder("=")
    return native in _INTEGERS or native.kind == "f"


def convert_floats(layout: Layout, *, path: Path) -> Layout:
    """Return a layout of uint16 pixels where those stored are floats, with a repair that says so.

    The search for a value above 1 ends at the first, as a rule in the first block; a slide that
    holds shares of 1 is read once. Raises RawFileError for values that are no grey levels.
    """
    if layout.dtype.kind != "f":
        return layout
    factor = _FULL_SCALE if _holds_shares(layout.levels[0]) else 1
    levels = tuple(
        Level(tuple(FloatPlane(plane, factor=factor, path=path) for plane in level.planes))
        for level in layout.levels
    )
    taken = (
        f"no value exceeds 1: each was multiplied by {_FULL_SCALE:,} and rounded"
        if factor > 1
        else "taken as grey levels and rounded to whole ones"
    )
    return replace(
        layout,
        levels=levels,
        dtype=np.dtype(np.uint16),
        maximum=_FULL_SCALE,
        repairs=(*layout.repairs, f"pixels: stored as {layout.dtype}; {taken}"),
    )


class FloatPlane(Plane):
    """A plane of floats, read as uint16."""

    def __init__(self, plane: Plane, *, factor: int, path: Path) -> None:
        self.shape = plane.shape
        self._plane = plane
        self._factor = factor
        self._path = path

    def read(self, box: Box) -> NDArray[np.uint16]:
        """Return the grey levels of a box; RawFileError where a value is none."""
        values = self._plane.read(box).astype(np.float64) * self._factor
        if not (np.isfinite(values).all() and values.min(initial=0) >= 0):
            raise RawFileError(
                f"{self._path}: holds float pixels that are negative or not finite; "
                "export it with 16-bit grey levels"
            )
        levels = np.rint(values)
        if levels.max(initial=0) > _FULL_SCALE:
            raise RawFileError(
                f"{self._path}: holds float pixels above {_FULL_SCALE:,}; "
                "export it with 16-bit grey levels"
            )
        return levels.astype(np.uint16)

    def forget_above(self, y: int) -> None:
        """Let the stored plane forget it."""
        self._plane.forget_above(y)


def _holds_shares(level: Level) -> bool:
    """Return whether no pixel exceeds 1 and some lie between 0 and 1."""
    between = False
    for box in grid_blocks(level.shape):
        for plane in level.planes:
            values = plane.read(box)
            if (values > 1).any():
                return False
            between = between or bool(((values > 0) & (values < 1)).any())
    return between
