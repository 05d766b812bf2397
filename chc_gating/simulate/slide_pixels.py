"""Pixels of a simulated slide, tile by tile: outlines, true signal, background, image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.simulate.slide_cells import CHANNEL_NAMES, SlideCell
from chc_gating.simulate.slide_layout import SlideLayout

FloatImage = NDArray[np.float64]

BLEED_THROUGH = np.array(
    [
        [1.000, 0.015, 0.002, 0.000],
        [0.002, 1.000, 0.030, 0.002],
        [0.000, 0.008, 1.000, 0.040],
        [0.000, 0.001, 0.012, 1.000],
    ]
)
"""(4, 4): share of a row's dye (DNA, CD45, EPCAM, CK) that a column's filter lets through."""

_NUCLEAR_SHARE = (1.0, 0.35, 0.55, 0.30)
"""How bright a marker is over the nucleus, against the cytoplasm around it."""
_UNEVEN_STAIN = 0.35
_CHROMATIN = 0.25
"""Relative depth of the variation of stain within a cell, of DNA within a nucleus."""
_AUTOFLUORESCENCE = (0.0, 60.0, 45.0, 40.0)
"""Grey levels of every cell's body, whatever its stain."""
_BACKGROUND = (240.0, 420.0, 310.0, 360.0)
_BACKGROUND_SHAPE = 0.45
"""The background falls from the middle to the corners by this share, and ripples a little."""
_RIPPLE = (0.08, 900.0)
_GAIN, _READ_SD = 2.0, 9.0
"""Noise: variance is gain times grey level (photons) plus the camera's own, squared."""
_NOISE_SEED = 21
_TOP = 65535


@dataclass(frozen=True)
class Tile:
    """A box of pixels: its corner and its size."""

    y0: int
    x0: int
    height: int
    width: int

    def grow(self, margin: int) -> Tile:
        """Return the box wider by ``margin`` on each side."""
        return Tile(
            self.y0 - margin, self.x0 - margin, self.height + 2 * margin, self.width + 2 * margin
        )

    def cells(self, layout: SlideLayout) -> list[SlideCell]:
        """Return the cells that may reach into the box."""
        return layout.cells_near(self.y0, self.x0, height=self.height, width=self.width)


def draw_outlines(layout: SlideLayout, tile: Tile) -> NDArray[np.int64]:
    """Return (y, x) the true nuclei: 1 + the index of the cell's centre pixel, 0 elsewhere.

    Where two nuclei overlap, a pixel belongs to the one whose centre is nearer, measured in
    semi-axes. The index is y * width + x in the whole slide.
    """
    owners = np.zeros((tile.height, tile.width), dtype=np.int64)
    nearest = np.ones((tile.height, tile.width))
    for cell in tile.cells(layout):
        window = _window(cell, tile, margin_px=1.0)
        if window is None:
            continue
        distance = _nuclear_distance(cell, tile, window)
        closer = distance < nearest[window]
        nearest[window][closer] = distance[closer]
        owners[window][closer] = 1 + cell.seed_y * layout.slide.width_px + cell.seed_x
    ys = np.arange(tile.y0, tile.y0 + tile.height)
    xs = np.arange(tile.x0, tile.x0 + tile.width)
    owners[(ys < 0) | (ys >= layout.slide.height_px)] = 0
    owners[:, (xs < 0) | (xs >= layout.slide.width_px)] = 0
    return owners


def draw_signal(layout: SlideLayout, tile: Tile) -> FloatImage:
    """Return (4, y, x) true signal of all channels: bleed-through, but no background, no noise."""
    mixed: FloatImage = np.tensordot(BLEED_THROUGH.T, draw_dyes(layout, tile), axes=1)
    return mixed


def draw_dyes(layout: SlideLayout, tile: Tile) -> FloatImage:
    """Return (4, y, x) the light of each dye by itself."""
    dyes = np.zeros((len(CHANNEL_NAMES), tile.height, tile.width))
    _add_cells(dyes, tile.cells(layout), tile, layout=layout)
    specks = layout.specks_near(tile.y0, tile.x0, height=tile.height, width=tile.width)
    for speck in specks:
        window = _window(speck, tile, margin_px=6 * speck.edge_px)
        if window is not None:
            body = _step(_edge_distance(speck, tile, window), speck)
            dyes[:, *window] += np.array(speck.levels)[:, None, None] * body
    return dyes


def draw_background(layout: SlideLayout, tile: Tile, channel: int) -> FloatImage:
    """Return (y, x) the true background of a channel: uneven over the slide."""
    y = np.arange(tile.y0, tile.y0 + tile.height)[:, None]
    x = np.arange(tile.x0, tile.x0 + tile.width)[None, :]
    height, width = layout.slide.height_px, layout.slide.width_px
    middle = ((y / height - 0.5) ** 2 + (x / width - 0.5) ** 2) * 2
    depth, period = _RIPPLE
    ripple = depth * np.sin(2 * math.pi * (x + 0.6 * y) / period + channel)
    return _BACKGROUND[channel] * (1 - _BACKGROUND_SHAPE * middle + ripple)


def draw_image(layout: SlideLayout, tile: Tile, channel: int) -> NDArray[np.uint16]:
    """Return (y, x) grey levels of one channel as a camera would give them."""
    light = np.tensordot(BLEED_THROUGH[:, channel], draw_dyes(layout, tile), axes=1)
    rng = np.random.default_rng((*layout.seed, _NOISE_SEED, channel, tile.y0, tile.x0))
    return expose(light + draw_background(layout, tile, channel), rng)


def expose(
    light: FloatImage, rng: np.random.Generator, *, dark_level: float = 0.0
) -> NDArray[np.uint16]:
    """Return what a camera makes of light: photon noise, its own noise and its dark level."""
    noise = np.sqrt(_GAIN * light + _READ_SD**2) * rng.standard_normal(light.shape)
    return np.clip(np.rint(dark_level + light + noise), 0, _TOP).astype(np.uint16)


def _add_cells(
    dyes: FloatImage, cells: Iterable[SlideCell], tile: Tile, *, layout: SlideLayout
) -> None:
    size_um = layout.slide.pixel_size_um
    ring_px = layout.slide.ring_um / size_um
    shares = np.array(_NUCLEAR_SHARE)[:, None, None]
    autofluorescence = np.array(_AUTOFLUORESCENCE)[:, None, None]
    for cell in cells:
        cytoplasm_px = cell.cytoplasm_um / size_um
        window = _window(cell, tile, margin_px=cytoplasm_px + 6 * cell.edge_px)
        if window is None:
            continue
        distance = _edge_distance(cell, tile, window)
        nucleus, body = _step(distance, cell), _step(distance - cytoplasm_px, cell)
        peaks = _peak_levels(cell, ring_px)[:, None, None]
        stain = (body - nucleus * (1 - shares)) * _unevenness(cell, tile, window)
        stained = peaks * stain + autofluorescence * body
        stained[0] = cell.levels[0] * nucleus * _chromatin(cell, tile, window)
        dyes[:, *window] += stained


def _peak_levels(cell: SlideCell, ring_px: float) -> FloatImage:
    """Return (4,) levels of the cytoplasm that give the cell's mean over nucleus and ring."""
    nucleus = cell.a * cell.b
    ring = (cell.a + ring_px) * (cell.b + ring_px) - nucleus
    shares = np.array(_NUCLEAR_SHARE)
    return np.array(cell.levels) * (nucleus + ring) / (nucleus * shares + ring)


def _unevenness(cell: SlideCell, tile: Tile, window: tuple[slice, slice]) -> FloatImage:
    """Return the relative stain of pixels: brighter on one side of the cell; the mean is 1."""
    along, across = _own_axes(cell, tile, window)
    turned = along * math.cos(cell.uneven) + across * math.sin(cell.uneven)
    return np.asarray(1 + _UNEVEN_STAIN * turned / np.maximum(np.hypot(along, across), 0.5))


def _chromatin(cell: SlideCell, tile: Tile, window: tuple[slice, slice]) -> FloatImage:
    """Return the relative DNA of pixels: coarse clumps; the mean is about 1."""
    along, across = _own_axes(cell, tile, window)
    clumps = np.sin(5.1 * along + cell.uneven) * np.sin(4.3 * across + 2 * cell.uneven)
    return np.asarray(1 + _CHROMATIN * clumps)


def _window(cell: SlideCell, tile: Tile, *, margin_px: float) -> tuple[slice, slice] | None:
    """Return the part of the tile that a cell with this margin reaches, None where it is none."""
    reach = max(cell.a, cell.b) + margin_px
    y0 = max(math.floor(cell.y - reach) - tile.y0, 0)
    x0 = max(math.floor(cell.x - reach) - tile.x0, 0)
    y1 = min(math.ceil(cell.y + reach) + 1 - tile.y0, tile.height)
    x1 = min(math.ceil(cell.x + reach) + 1 - tile.x0, tile.width)
    return (slice(y0, y1), slice(x0, x1)) if y0 < y1 and x0 < x1 else None


def _nuclear_distance(cell: SlideCell, tile: Tile, window: tuple[slice, slice]) -> FloatImage:
    """Return the distance of pixels from a cell's centre, in semi-axes: 1 on the outline."""
    if cell.lobes:
        return 1 + _edge_distance(cell, tile, window) / cell.radius
    return np.asarray(np.hypot(*_own_axes(cell, tile, window)))


def _own_axes(
    cell: SlideCell, tile: Tile, window: tuple[slice, slice]
) -> tuple[FloatImage, FloatImage]:
    """Return the place of pixels along and across a nucleus, in its semi-axes."""
    dy = np.arange(window[0].start, window[0].stop)[:, None] + tile.y0 - cell.y
    dx = np.arange(window[1].start, window[1].stop)[None, :] + tile.x0 - cell.x
    cosine, sine = math.cos(cell.angle), math.sin(cell.angle)
    return (dx * cosine + dy * sine) / cell.a, (dy * cosine - dx * sine) / cell.b


def _edge_distance(cell: SlideCell, tile: Tile, window: tuple[slice, slice]) -> FloatImage:
    """Return how far, in pixels, pixels lie outside a nucleus; negative inside."""
    if not cell.lobes:
        return (_nuclear_distance(cell, tile, window) - 1) * cell.radius
    y = np.arange(window[0].start, window[0].stop)[:, None] + tile.y0 - cell.y
    x = np.arange(window[1].start, window[1].stop)[None, :] + tile.x0 - cell.x
    lobes = [np.hypot(y - dy, x - dx) - radius for dy, dx, radius in cell.lobes]
    return np.asarray(np.min(lobes, axis=0))


def _step(distance_px: FloatImage, cell: SlideCell) -> FloatImage:
    """Return a cell's blurred edge: 1 inside, 0 outside."""
    return np.asarray(1 / (1 + np.exp(np.clip(distance_px / cell.edge_px, -50, 50))))
