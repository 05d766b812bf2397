"""What each kind of cell on a slide looks like: sizes and grey levels."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

CHANNEL_NAMES = ("DAPI", "CD45", "EPCAM", "panCK")

CYTOPLASM_UM = 3.2
"""Thickness of the cytoplasm around a nucleus; a little more than the ring that is measured."""

LARGEST_RADIUS_UM = 16.0
GIANT_RADIUS_UM = 41.0
"""No cell, blurred edge included, reaches farther than this from its centre; giant and blurred
ones do not reach farther than the second."""

_LEVELS: dict[str, tuple[float, float, float]] = {
    "leukocyte": (3200, 80, 90),
    "CHC_EPCAM": (2600, 3600, 110),
    "CHC_CK": (2600, 110, 4200),
    "CHC_EPCAM_CK": (2600, 3600, 4200),
    "CTC_EPCAM": (60, 4200, 110),
    "CTC_CK": (60, 110, 5200),
    "CTC_EPCAM_CK": (60, 4200, 5200),
    "dim_hybrid": (900, 3600, 4200),
    "caml": (2600, 110, 3400),
}
"""Mean grey level of CD45, EPCAM and CK over nucleus and ring, before bleed-through."""

_LEVEL_LOG_SD = 0.22
_LEVEL_LIMITS = (0.65, 1.6)
"""Levels stay this near their median: the truth keeps clear of the cuts, by design."""
_DNA_LEVEL = 7000.0
_LEUKOCYTE_NUCLEUS_UM = (3.6, 4.8)
_TUMOUR_NUCLEUS_UM = (5.8, 7.2)
_CAML_NUCLEUS_UM = (9.0, 12.0)
_CAML_CYTOPLASM_UM = (6.0, 11.0)
_LONGEST_AXIS_RATIO = 1.25
_NUCLEI_UM = {"leukocyte": _LEUKOCYTE_NUCLEUS_UM, "caml": _CAML_NUCLEUS_UM}
_LOBES = (3, 4)
_LOBE_RADIUS_UM = (1.9, 2.5)
_LOBE_SPACING = 0.86
"""A neutrophil's nucleus: lobes in an arc, each overlapping the one before it a little."""
EDGE_PX = 1.1
_BLURRED_EDGE_PX = (2.5, 5.0)
"""Blur of an edge, as the width of a logistic step: in focus, and out of it."""
_SCRAP_UM = (0.7, 1.5)
_SPECK_UM = (0.6, 1.6)
_SPECK_LEVEL = (1500, 6000)


@dataclass(frozen=True)
class SlideCell:
    """One cell: centre, semi-axes (a, b) and angle of its nucleus, and its four levels.

    The levels are mean grey levels before bleed-through: DNA over the nucleus, the markers over
    nucleus and ring. ``uneven`` is the angle at which its cytoplasm is brightest. A speck is a
    cell without DNA whose "nucleus" is the particle. ``lobes`` are (dy, dx, radius) in pixels from
    the centre: a nucleus that is the union of such discs. ``edge_px`` is how blurred it is.
    """

    kind: str
    y: float
    x: float
    a: float
    b: float
    angle: float
    uneven: float
    levels: tuple[float, float, float, float]
    lobes: tuple[tuple[float, float, float], ...] = ()
    edge_px: float = EDGE_PX
    cytoplasm_um: float = CYTOPLASM_UM

    @property
    def radius(self) -> float:
        """Radius in pixels of a round nucleus of the same extent."""
        return math.sqrt(self.a * self.b)

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
    sizes = _NUCLEI_UM.get(kind, _TUMOUR_NUCLEUS_UM)
    radius = rng.uniform(*sizes) / pixel_size_um
    stretch = math.sqrt(rng.uniform(1.0, _LONGEST_AXIS_RATIO))
    spread = np.clip(np.exp(rng.normal(0, _LEVEL_LOG_SD, 4)), *_LEVEL_LIMITS)
    if kind == "dim_hybrid":
        spread[1] = 1.0
    dna, cd45, epcam, ck = (np.array([_DNA_LEVEL, *_LEVELS[kind]]) * spread).tolist()
    angle, uneven = rng.uniform(0, 2 * math.pi, 2).tolist()
    a, b = radius * stretch, radius / stretch
    cytoplasm_um = rng.uniform(*_CAML_CYTOPLASM_UM) if kind == "caml" else CYTOPLASM_UM
    levels = (dna, cd45, epcam, ck)
    return SlideCell(kind, y, x, a, b, angle, uneven, levels, cytoplasm_um=cytoplasm_um)


def divide_into_lobes(
    cell: SlideCell, *, pixel_size_um: float, rng: np.random.Generator
) -> SlideCell:
    """Return the cell with a nucleus of lobes in an arc; its centre lies in a lobe."""
    count = int(rng.integers(_LOBES[0], _LOBES[1] + 1))
    radii = rng.uniform(*_LOBE_RADIUS_UM, count) / pixel_size_um
    turn, angle = rng.uniform(0.5, 1.3), cell.angle
    places = [(0.0, 0.0)]
    for before, after in itertools.pairwise(radii.tolist()):
        step = _LOBE_SPACING * (before + after)
        y, x = places[-1]
        places.append((y + step * math.sin(angle), x + step * math.cos(angle)))
        angle += turn
    middle_y, middle_x = places[count // 2]
    lobes = tuple(
        (y - middle_y, x - middle_x, float(radius))
        for (y, x), radius in zip(places, radii, strict=True)
    )
    reach = max(math.hypot(y, x) + radius for y, x, radius in lobes)
    return replace(cell, lobes=lobes, a=reach, b=reach)


def blur_cell(cell: SlideCell, *, rng: np.random.Generator) -> SlideCell:
    """Return the cell out of focus."""
    return replace(cell, edge_px=float(rng.uniform(*_BLURRED_EDGE_PX)))


def draw_scrap(y: float, x: float, *, pixel_size_um: float, rng: np.random.Generator) -> SlideCell:
    """Return a scrap of DNA: no cell, and no nucleus of the truth."""
    a, b = (rng.uniform(*_SCRAP_UM, 2) / pixel_size_um).tolist()
    level = float(rng.uniform(0.3, 1.0)) * _DNA_LEVEL
    angle = float(rng.uniform(0, 2 * math.pi))
    return SlideCell("scrap", y, x, a, b, angle, 0.0, (level, 0.0, 0.0, 0.0))


def draw_speck(y: float, x: float, *, pixel_size_um: float, rng: np.random.Generator) -> SlideCell:
    """Return an autofluorescent particle: bright in every channel but DNA."""
    a, b = (rng.uniform(*_SPECK_UM, 2) / pixel_size_um).tolist()
    level = float(rng.uniform(*_SPECK_LEVEL))
    angle = float(rng.uniform(0, 2 * math.pi))
    return SlideCell("speck", y, x, a, b, angle, 0.0, (0.0, level, 0.8 * level, 0.9 * level))


def can_hold_seed(cell: SlideCell, *, height_px: int, width_px: int) -> bool:
    """Whether the pixel that holds the cell's centre is in the image."""
    return 0 <= cell.seed_y < height_px and 0 <= cell.seed_x < width_px
