"""Where the cells of a simulated slide lie: at random, but never too near to each other.

A lattice of sites proposes one leukocyte each, anywhere in the site's square; a proposal stays
unless an earlier-ranked one lies within the smallest distance (Matern 1960, second hard-core
process). Everything about a site follows from the seed, its number and its neighbours alone, so
any part of a slide can be made by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.simulate.recipe import SlideFile
from chc_gating.simulate.slide_cells import (
    LARGEST_RADIUS_UM,
    SlideCell,
    can_hold_seed,
    draw_cell,
    draw_speck,
)

SMALLEST_DISTANCE_UM = 10.0
"""Between two proposed leukocytes: their nuclei do not touch."""
MATE_DISTANCE_UM = 7.0
"""Between a second, touching leukocyte and any but its partner."""
CLEARANCE_UM = 21.0
"""Around a rare cell: its cytoplasm stays out of every other cell's ring, and theirs out of its.

A leukocyte against a tumour cell would be a hybrid by its ring; such cells are another question
than whether counting works, and the truth of the demo batch should not hang on them.
"""
_CLOSENESS = 0.93
"""Distance of two touching leukocytes, as a share of both radii: they overlap a little."""
_SITE_SEED, _PLACE_SEED, _SPECK_SEED = 11, 12, 13
_CACHED_SITES = 200_000
_DENSITY_WAVE = (0.25, 610.0, 1130.0)
"""Proposals are rarer in places: depth of the variation, and two wavelengths in um."""


@dataclass(frozen=True)
class _Proposal:
    """A leukocyte, its rank among its neighbours, and perhaps a second one that touches it."""

    rank: float
    cell: SlideCell
    mate: SlideCell | None


class SlideLayout:
    """The lattice of a slide: site s is row s // columns, column s % columns."""

    def __init__(self, slide: SlideFile, *, seed: tuple[int, ...]) -> None:
        self.slide = slide
        self.seed = seed
        self.pitch_px = _pitch_um(slide.density_per_mm2) / slide.pixel_size_um
        self.rows = math.ceil(slide.height_px / self.pitch_px)
        self.columns = math.ceil(slide.width_px / self.pitch_px)
        self._propose = lru_cache(maxsize=_CACHED_SITES)(self._draw_proposal)
        self._settle = lru_cache(maxsize=_CACHED_SITES)(self._settle_site)

    @cached_property
    def planted(self) -> Mapping[int, SlideCell]:
        """The rare cell of each site that holds one; such sites are three apart or more."""
        kinds = [k for k, count in sorted(self.slide.planted.items()) for _ in range(count)]
        rng = np.random.default_rng((*self.seed, _PLACE_SEED))
        taken: dict[int, SlideCell] = {}
        attempts = 0
        while len(taken) < len(kinds):
            attempts += 1
            if attempts > 300 * len(kinds):
                raise ChcError(
                    f"{self.slide.file}: {len(kinds)} rare cells do not fit on "
                    f"{self.rows} x {self.columns} sites; plant fewer or make the slide larger"
                )
            row, column = rng.integers((1, 1), (max(self.rows - 2, 2), max(self.columns - 2, 2)))
            site = int(row) * self.columns + int(column)
            if not any(near in taken for near in self._around(site)):
                taken[site] = self._draw_planted(site, kinds[len(taken)])
        return taken

    def cells_near(self, y0: int, x0: int, *, height: int, width: int) -> list[SlideCell]:
        """Return the cells that may reach into a box of pixels, in the order of their sites."""
        reach = LARGEST_RADIUS_UM / self.slide.pixel_size_um
        return [
            cell
            for site in self._sites(y0 - reach, x0 - reach, height + 2 * reach, width + 2 * reach)
            for cell in self._settle(site)
            if y0 - reach <= cell.y < y0 + height + reach
            and x0 - reach <= cell.x < x0 + width + reach
        ]

    def specks_near(self, y0: int, x0: int, *, height: int, width: int) -> list[SlideCell]:
        """Return the autofluorescent particles that may reach into a box of pixels."""
        specks = (self._settle_speck(site) for site in self._sites(y0, x0, height, width))
        return [speck for speck in specks if speck is not None]

    def all_cells(self) -> Iterator[SlideCell]:
        """Yield every cell of the slide."""
        for site in range(self.rows * self.columns):
            yield from self._settle(site)

    def _sites(self, y0: float, x0: float, height: float, width: float) -> Iterator[int]:
        """Yield the sites of a box of pixels, two more on each side."""
        rows = self._span(y0, height, self.rows)
        columns = self._span(x0, width, self.columns)
        for row in range(*rows):
            for column in range(*columns):
                yield row * self.columns + column

    def _span(self, start: float, length: float, count: int) -> tuple[int, int]:
        first = math.floor(start / self.pitch_px) - 2
        last = math.floor((start + length) / self.pitch_px) + 3
        return max(first, 0), min(last, count)

    def _around(self, site: int, *, reach: int = 2) -> Iterator[int]:
        """Yield the sites at most ``reach`` away from one, and itself."""
        row, column = divmod(site, self.columns)
        for r in range(max(row - reach, 0), min(row + reach + 1, self.rows)):
            for c in range(max(column - reach, 0), min(column + reach + 1, self.columns)):
                yield r * self.columns + c

    def _settle_site(self, site: int) -> list[SlideCell]:
        """Return the cells of a site: a rare one, or a leukocyte, perhaps with a second."""
        if site in self.planted:
            return [self.planted[site]]
        proposal = self._propose(site)
        if proposal is None or not self._stays(site, proposal):
            return []
        mate = proposal.mate
        if mate is None or not self._mate_stays(site, mate, rank=proposal.rank):
            return [proposal.cell]
        return [proposal.cell, mate]

    def _stays(self, site: int, proposal: _Proposal) -> bool:
        nearest_px = SMALLEST_DISTANCE_UM / self.slide.pixel_size_um
        for near in self._around(site):
            other = self._propose(near)
            if near == site or other is None or other.rank > proposal.rank:
                continue
            if _distance(other.cell, proposal.cell) < nearest_px:
                return False
        return self._is_clear(site, proposal.cell)

    def _mate_stays(self, site: int, mate: SlideCell, *, rank: float) -> bool:
        """Whether there is room for a second leukocyte: by rank, wherever that is in doubt."""
        nearest_px = MATE_DISTANCE_UM / self.slide.pixel_size_um
        for near in self._around(site):
            other = self._propose(near)
            if near == site or other is None:
                continue
            if _distance(other.cell, mate) < nearest_px:
                return False
            rival = other.mate if other.rank < rank else None
            if rival is not None and _distance(rival, mate) < nearest_px:
                return False
        return self._is_clear(site, mate)

    def _is_clear(self, site: int, cell: SlideCell) -> bool:
        """Whether no rare cell is near."""
        clearance_px = CLEARANCE_UM / self.slide.pixel_size_um
        rare = (self.planted.get(near) for near in self._around(site, reach=3))
        return all(other is None or _distance(other, cell) >= clearance_px for other in rare)

    def _draw_proposal(self, site: int) -> _Proposal | None:
        rng = np.random.default_rng((*self.seed, _SITE_SEED, site))
        row, column = divmod(site, self.columns)
        rank, chance, touching, dy, dx = rng.random(5).tolist()
        y, x = (row + dy) * self.pitch_px, (column + dx) * self.pitch_px
        size_um = self.slide.pixel_size_um
        if chance >= _density(y * size_um, x * size_um):
            return None
        cell = draw_cell("leukocyte", y, x, pixel_size_um=size_um, rng=rng)
        if not self._has_seed(cell):
            return None
        mate = self._draw_mate(cell, rng) if touching < self.slide.touching else None
        return _Proposal(rank, cell, mate)

    def _draw_mate(self, first: SlideCell, rng: np.random.Generator) -> SlideCell | None:
        """Return a leukocyte whose nucleus touches the first one's, None off the image."""
        mate = draw_cell("leukocyte", 0.0, 0.0, pixel_size_um=self.slide.pixel_size_um, rng=rng)
        direction = rng.uniform(0, 2 * math.pi)
        distance = _CLOSENESS * (math.sqrt(first.a * first.b) + math.sqrt(mate.a * mate.b))
        y = first.y + distance * math.sin(direction)
        x = first.x + distance * math.cos(direction)
        moved = replace(mate, y=y, x=x)
        return moved if self._has_seed(moved) else None

    def _draw_planted(self, site: int, kind: str) -> SlideCell:
        rng = np.random.default_rng((*self.seed, _PLACE_SEED, site))
        row, column = divmod(site, self.columns)
        y, x = ((np.array([row, column]) + rng.uniform(0.3, 0.7, 2)) * self.pitch_px).tolist()
        return draw_cell(kind, y, x, pixel_size_um=self.slide.pixel_size_um, rng=rng)

    def _settle_speck(self, site: int) -> SlideCell | None:
        """Return a particle on a site, away from rare cells."""
        rng = np.random.default_rng((*self.seed, _SPECK_SEED, site))
        share = self.slide.specks_per_mm2 * (self.pitch_px * self.slide.pixel_size_um / 1000) ** 2
        if rng.random() >= share:
            return None
        row, column = divmod(site, self.columns)
        y, x = ((np.array([row, column]) + rng.random(2)) * self.pitch_px).tolist()
        speck = draw_speck(y, x, pixel_size_um=self.slide.pixel_size_um, rng=rng)
        return speck if self._is_clear(site, speck) else None

    def _has_seed(self, cell: SlideCell) -> bool:
        return can_hold_seed(cell, height_px=self.slide.height_px, width_px=self.slide.width_px)


def _pitch_um(density_per_mm2: float) -> float:
    """Return the side of a site at which about so many proposals per mm2 stay.

    Of lambda proposals per area, (1 - exp(-lambda s)) / s stay, s the area around each that must
    hold no earlier one.
    """
    excluded_mm2 = math.pi * (SMALLEST_DISTANCE_UM / 1000) ** 2
    proposed = -math.log(1 - density_per_mm2 * excluded_mm2) / excluded_mm2
    return 1000 / math.sqrt(proposed)


def _density(y_um: float, x_um: float) -> float:
    depth, first, second = _DENSITY_WAVE
    wave = math.sin(2 * math.pi * (x_um + 0.4 * y_um) / first) + math.sin(
        2 * math.pi * (y_um - 0.7 * x_um) / second
    )
    return 1 - depth * (1 + wave / 2)


def _distance(one: SlideCell, other: SlideCell) -> float:
    return math.hypot(one.y - other.y, one.x - other.x)
