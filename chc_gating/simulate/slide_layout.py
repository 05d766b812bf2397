"""Where the cells of a simulated slide lie: at random, but never too near to each other.

How near leukocytes come to a rare cell is the recipe's: the demo batch keeps them away, since a
leukocyte against a tumour cell is a hybrid by its ring, and whether counting works is another
question; a slide that asks how crowding errs lets them touch.

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
    GIANT_RADIUS_UM,
    LARGEST_RADIUS_UM,
    SlideCell,
    blur_cell,
    can_hold_seed,
    divide_into_lobes,
    draw_cell,
    draw_scrap,
    draw_speck,
)

SMALLEST_DISTANCE_UM = 10.0
"""Between two proposed leukocytes: their nuclei do not touch."""
MATE_DISTANCE_UM = 7.0
"""Between a second, touching leukocyte and any but its partner."""
_CLOSENESS = 0.93
"""Distance of two touching nuclei, as a share of both radii: they overlap a little."""
_SITE_SEED, _PLACE_SEED, _SPECK_SEED, _SCRAP_SEED, _LOOK_SEED = 11, 12, 13, 14, 15
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
        reach = self.reach_px
        return [
            cell
            for site in self._sites(y0 - reach, x0 - reach, height + 2 * reach, width + 2 * reach)
            for cell in self._settle(site)
            if y0 - reach <= cell.y < y0 + height + reach
            and x0 - reach <= cell.x < x0 + width + reach
        ]

    def specks_near(self, y0: int, x0: int, *, height: int, width: int) -> list[SlideCell]:
        """Return the autofluorescent particles and scraps that may reach into a box of pixels."""
        sites = list(self._sites(y0, x0, height, width))
        found = [self._settle_speck(site) for site in sites]
        found += [self._settle_scrap(site) for site in sites]
        return [speck for speck in found if speck is not None]

    @property
    def reach_px(self) -> float:
        """How far from its centre a cell of this slide may reach."""
        large = self.slide.out_of_focus > 0 or self.slide.planted.get("caml", 0) > 0
        return (GIANT_RADIUS_UM if large else LARGEST_RADIUS_UM) / self.slide.pixel_size_um

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
            rare, beside = self.planted[site], self._draw_beside(site)
            return [rare] if beside is None else [rare, beside]
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
        """Whether no rare cell, nor the leukocyte at its side, is nearer than it may be."""
        clearance_px = self.slide.clearance_um / self.slide.pixel_size_um
        for near in self._around(site, reach=3):
            rare = self.planted.get(near)
            if rare is None:
                continue
            if _distance(rare, cell) < max(clearance_px, _touching_px(rare, cell)):
                return False
            beside = self._draw_beside(near)
            if beside is not None and _distance(beside, cell) < _touching_px(beside, cell):
                return False
        return True

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
        cell = self._vary(cell, site, part=0)
        has_mate = touching < self.slide.touching
        mate = self._draw_mate(cell, rng, site=site, part=1) if has_mate else None
        return _Proposal(rank, cell, mate)

    def _vary(self, cell: SlideCell, site: int, *, part: int) -> SlideCell:
        """Return the cell as it may look: with lobes, out of focus. Another stream of numbers, so
        that slides without these are what they were.
        """
        if not self.slide.lobed and not self.slide.out_of_focus:
            return cell
        rng = np.random.default_rng((*self.seed, _LOOK_SEED, site, part))
        lobed, blurred = rng.random(2).tolist()
        if cell.kind == "leukocyte" and lobed < self.slide.lobed:
            cell = divide_into_lobes(cell, pixel_size_um=self.slide.pixel_size_um, rng=rng)
        return blur_cell(cell, rng=rng) if blurred < self.slide.out_of_focus else cell

    def _draw_beside(self, site: int) -> SlideCell | None:
        """Return the leukocyte that touches a rare cell, where there is one."""
        if not self.slide.beside:
            return None
        rng = np.random.default_rng((*self.seed, _PLACE_SEED, site, 1))
        if rng.random() >= self.slide.beside:
            return None
        return self._draw_mate(self.planted[site], rng, site=site, part=2)

    def _draw_mate(
        self, first: SlideCell, rng: np.random.Generator, *, site: int, part: int
    ) -> SlideCell | None:
        """Return a leukocyte whose nucleus touches the first one's, None off the image."""
        mate = draw_cell("leukocyte", 0.0, 0.0, pixel_size_um=self.slide.pixel_size_um, rng=rng)
        mate = self._vary(mate, site, part=part)
        direction = rng.uniform(0, 2 * math.pi)
        distance = _touching_px(first, mate)
        y = first.y + distance * math.sin(direction)
        x = first.x + distance * math.cos(direction)
        moved = replace(mate, y=y, x=x)
        return moved if self._has_seed(moved) else None

    def _draw_planted(self, site: int, kind: str) -> SlideCell:
        rng = np.random.default_rng((*self.seed, _PLACE_SEED, site))
        row, column = divmod(site, self.columns)
        y, x = ((np.array([row, column]) + rng.uniform(0.3, 0.7, 2)) * self.pitch_px).tolist()
        cell = draw_cell(kind, y, x, pixel_size_um=self.slide.pixel_size_um, rng=rng)
        return self._vary(cell, site, part=0)

    def _settle_scrap(self, site: int) -> SlideCell | None:
        """Return a scrap of DNA on a site: anywhere, on cells, too."""
        if not self.slide.debris_per_mm2:
            return None
        rng = np.random.default_rng((*self.seed, _SCRAP_SEED, site))
        share = self.slide.debris_per_mm2 * (self.pitch_px * self.slide.pixel_size_um / 1000) ** 2
        if rng.random() >= share:
            return None
        row, column = divmod(site, self.columns)
        y, x = ((np.array([row, column]) + rng.random(2)) * self.pitch_px).tolist()
        return draw_scrap(y, x, pixel_size_um=self.slide.pixel_size_um, rng=rng)

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


def _touching_px(one: SlideCell, other: SlideCell) -> float:
    """Return how near two centres may come: their nuclei touch, and overlap a little."""
    return _CLOSENESS * (one.radius + other.radius)


def _distance(one: SlideCell, other: SlideCell) -> float:
    return math.hypot(one.y - other.y, one.x - other.x)
