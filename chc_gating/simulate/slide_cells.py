"""What each kind of cell on a slide looks like: sizes and grey levels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CHANNEL_NAMES = ("DAPI", "CD45", "EPCAM", "panCK")

CYTOPLASM_UM = 3.2
"""Thickness of the cytoplasm around a nucleus; a little more than the ring that is measured."""

LARGEST_RADIUS_UM = 16.0
"""No cell, blurred edge included, reaches farther than this from its centre."""

_LEVELS: dict[str, tuple[float, float, float]] = {
    "leukocyte": (3200, 80, 90),
    "CHC_EPCAM": (2600, 3600, 110),
    "CHC_CK": (2600, 110, 4200),
    "CHC_EPCAM_CK": (2600, 3600, 4200),
    "CTC_EPCAM": (60, 4200, 110),
    "CTC_CK": (60, 110, 5200),
    "CTC_EPCAM_CK": (60, 4200, 5200),
    "dim_hybrid": (900, 3600, 4200),
}
"""Mean grey level of CD45, EPCAM and CK over nucleus and ring, before bleed-through."""

_LEVEL_LOG_SD = 0.22
_LEVEL_LIMITS = (0.65, 1.6)
"""Levels stay this near their median: the truth keeps clear of the cuts, by design."""
_DNA_LEVEL = 7000.0
_LEUKOCYTE_NUCLEUS_UM = (3.6, 4.8)
_TUMOUR_NUCLEUS_UM = (5.8, 7.2)
_LONGEST_AXIS_RATIO = 1.25
_SPECK_UM = (0.6, 1.6)
_SPECK_LEVEL = (1500, 6000)


@dataclass(frozen=True)
class SlideCell:
    """One cell: centre, semi-axes (a, b) and angle of its nucleus, and its four levels.

    The levels are mean grey levels before bleed-through: DNA over the nucleus, the markers over
    nucleus and ring. ``uneven`` is the angle at which its cytoplasm is brightest. A speck is a
    cell without DNA whose "nucleus" is the particle.
    """

    kind: str
    y: float
    x: float
    a: float
    b: float
    angle: float
    uneven: float
    levels: tuple[float, float, float, float]

    @property
    def seed_y(self) -> int:
        """Row of the pixel that holds the centre."""
        return math.floor(self.y + 0.5)

    @property
    def seed_x(self) -> int:
        """Column of the pixel that holds the centre."""
        return math.floor(self.x + 0.5)


def draw_cell(
    kind: str, y: float, x: float, *, pixel_size_um: float, rng: np.random.Generator
) -> SlideCell:
    """Return a cell of this kind at (y, x) pixels."""
    sizes = _LEUKOCYTE_NUCLEUS_UM if kind == "leukocyte" else _TUMOUR_NUCLEUS_UM
    radius = rng.uniform(*sizes) / pixel_size_um
    stretch = math.sqrt(rng.uniform(1.0, _LONGEST_AXIS_RATIO))
    spread = np.clip(np.exp(rng.normal(0, _LEVEL_LOG_SD, 4)), *_LEVEL_LIMITS)
    if kind == "dim_hybrid":
        spread[1] = 1.0
    dna, cd45, epcam, ck = (np.array([_DNA_LEVEL, *_LEVELS[kind]]) * spread).tolist()
    angle, uneven = rng.uniform(0, 2 * math.pi, 2).tolist()
    a, b = radius * stretch, radius / stretch
    return SlideCell(kind, y, x, a, b, angle, uneven, (dna, cd45, epcam, ck))


def draw_speck(y: float, x: float, *, pixel_size_um: float, rng: np.random.Generator) -> SlideCell:
    """Return an autofluorescent particle: bright in every channel but DNA."""
    a, b = (rng.uniform(*_SPECK_UM, 2) / pixel_size_um).tolist()
    level = float(rng.uniform(*_SPECK_LEVEL))
    angle = float(rng.uniform(0, 2 * math.pi))
    return SlideCell("speck", y, x, a, b, angle, 0.0, (0.0, level, 0.8 * level, 0.9 * level))


def can_hold_seed(cell: SlideCell, *, height_px: int, width_px: int) -> bool:
    """Whether the pixel that holds the cell's centre is in the image."""
    return 0 <= cell.seed_y < height_px and 0 <= cell.seed_x < width_px
