"""Sheets that the pictures lack: touching nuclei, lobed nuclei, and tiles without any nucleus."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sheets import (
    TARGET_PX,
    Image,
    Labels,
    Picture,
    Sheet,
    complete_sheet,
    finish_sheet,
    make_sheet,
)

from chc_gating.simulate.recipe import SlideFile
from chc_gating.simulate.slide_layout import SlideLayout
from chc_gating.simulate.slide_pixels import Tile, draw_image, draw_outlines

SIDE = 192
DRAWN_PX = 16.0
"""Diameter of a typical nucleus of those that are drawn."""


@dataclass(frozen=True)
class Cutout:
    """A nucleus by itself: its light above what surrounds it, and its mask."""

    light: Image
    mask: NDArray[np.bool_]


def cut_nuclei(sheet: Sheet) -> list[Cutout]:
    """Return the nuclei of a sheet that touch neither another one nor the frame."""
    found = []
    height, width = sheet.labels.shape
    for index, window in enumerate(ndimage.find_objects(sheet.labels), start=1):
        if window is None:
            continue
        y0, y1 = window[0].start - 4, window[0].stop + 4
        x0, x1 = window[1].start - 4, window[1].stop + 4
        if min(y0, x0) < 0 or y1 > height or x1 > width:
            continue
        labels, image = sheet.labels[y0:y1, x0:x1], sheet.image[y0:y1, x0:x1]
        mask = labels == index
        near = ndimage.binary_dilation(mask, iterations=3)
        ring = near & ~ndimage.binary_dilation(mask, iterations=2)
        if mask.sum() < 30 or (near & ~mask & (labels > 0)).any() or not ring.any():
            continue
        around = float(np.median(image[ring]))
        contrast = float(image[mask].mean()) - around
        if contrast > 0.15:
            fade = np.clip(4 - ndimage.distance_transform_edt(~mask), 0, 2) / 2
            found.append(Cutout(((image - around) * fade).astype(np.float32), mask))
    return found


class Canvas:
    """A dark image with noise onto which nuclei are laid."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.noise = float(rng.uniform(0.004, 0.05))
        self.image = np.zeros((SIDE, SIDE), np.float32)
        self.labels = np.zeros((SIDE, SIDE), np.int32)
        self.lobed: set[int] = set()

    def lay(self, cutout: Cutout, y: float, x: float, *, lobed: bool = False) -> bool:
        """Lay a nucleus with its corner at (y, x); False where it does not fit."""
        height, width = cutout.mask.shape
        y0, x0 = round(y), round(x)
        if y0 < 0 or x0 < 0 or y0 + height > SIDE or x0 + width > SIDE:
            return False
        window = (slice(y0, y0 + height), slice(x0, x0 + width))
        taken = self.labels[window] > 0
        overlap = int((taken & cutout.mask).sum())
        if overlap > 0.06 * cutout.mask.sum():
            return False
        index = int(self.labels.max()) + 1
        self.image[window] += cutout.light * np.float32(self.rng.uniform(0.75, 1.2))
        self.labels[window][cutout.mask & ~taken] = index
        if lobed:
            self.lobed.add(index)
        return True

    def slide_in(self, cutout: Cutout, centre: tuple[float, float]) -> None:
        """Lay a nucleus at the side of those that stand at a centre, touching or almost."""
        angle = self.rng.uniform(0, 2 * np.pi)
        half_y, half_x = cutout.mask.shape[0] / 2, cutout.mask.shape[1] / 2
        for distance in np.arange(2.0, 3.5 * DRAWN_PX, 0.75):
            y = centre[0] + distance * np.sin(angle) - half_y
            x = centre[1] + distance * np.cos(angle) - half_x
            if self.lay(cutout, y, x):
                return

    def finish(self) -> Sheet:
        """Return the sheet: haze and noise are added, and what is too bright is cut."""
        haze = smooth_field(self.rng, (SIDE, SIDE), 40) * self.rng.uniform(0, 0.08)
        base = self.rng.uniform(0.0, 0.08) + haze
        spread = np.sqrt(self.noise**2 + 0.0015 * np.maximum(self.image, 0))
        image = self.image + base + self.rng.standard_normal(self.image.shape) * spread
        return finish_sheet(
            np.clip(image, 0, 1.5).astype(np.float32), self.labels, lobed=frozenset(self.lobed)
        )


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Image:
    """Return a smooth random field between 0 and 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return ((field - field.min()) / max(np.ptp(field), 1e-9)).astype(np.float32)


def _turn(cutout: Cutout, rng: np.random.Generator) -> Cutout:
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    light, mask = np.rot90(cutout.light, turns), np.rot90(cutout.mask, turns)
    return Cutout(light[::-1], mask[::-1]) if flip else Cutout(light, mask)


def make_touching(groups: list[list[Cutout]], rng: np.random.Generator) -> Sheet:
    """Return a sheet of clumps of nuclei, each sheet from the nuclei of one picture."""
    canvas = Canvas(rng)
    cutouts = groups[int(rng.integers(len(groups)))]
    for _ in range(int(rng.integers(4, 14))):
        centre = tuple(rng.uniform(12, SIDE - 12, 2))
        for _ in range(int(rng.choice([1, 2, 2, 3, 4, 6]))):
            cutout = _turn(cutouts[int(rng.integers(len(cutouts)))], rng)
            canvas.slide_in(cutout, centre)
    return canvas.finish()


def draw_lobed(rng: np.random.Generator) -> Cutout:
    """Return a nucleus of 2 to 4 lobes that bridges join: a neutrophil."""
    fine, side = 3, 34
    lobes = int(rng.choice([2, 3, 3, 4]))
    bend = rng.uniform(0.6, 1.9) * rng.choice([-1, 1])
    heading, place = rng.uniform(0, 2 * np.pi), np.zeros(2)
    centres = [place]
    for _ in range(lobes - 1):
        step = rng.uniform(5.0, 7.5)
        place = place + step * np.array([np.sin(heading), np.cos(heading)])
        heading += bend * rng.uniform(0.6, 1.3)
        centres.append(place)
    points = np.array(centres) - np.mean(centres, axis=0) + side / 2
    y, x = (np.mgrid[: side * fine, : side * fine] + 0.5) / fine
    shape = np.zeros(y.shape, bool)
    for cy, cx in points:
        a, b = rng.uniform(2.9, 4.4, 2)
        turn = rng.uniform(0, np.pi)
        u = (y - cy) * np.cos(turn) + (x - cx) * np.sin(turn)
        v = (x - cx) * np.cos(turn) - (y - cy) * np.sin(turn)
        shape |= (u / a) ** 2 + (v / b) ** 2 < 1
    for (ay, ax), (by, bx) in pairwise(points):
        length = (by - ay) ** 2 + (bx - ax) ** 2
        t = np.clip(((y - ay) * (by - ay) + (x - ax) * (bx - ax)) / length, 0, 1)
        gap = np.hypot(y - ay - t * (by - ay), x - ax - t * (bx - ax))
        shape |= gap < rng.uniform(0.7, 1.8)
    return _render(shape, fine, rng)


def draw_round(rng: np.random.Generator) -> Cutout:
    """Return a round or kidney-shaped nucleus: a lymphocyte or a monocyte."""
    fine, side = 3, 40
    a = rng.uniform(6.0, 9.5)
    b = a * rng.uniform(0.75, 1)
    turn = rng.uniform(0, np.pi)
    y, x = (np.mgrid[: side * fine, : side * fine] + 0.5) / fine - side / 2
    u, v = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    shape = (u / a) ** 2 + (v / b) ** 2 < 1
    if rng.random() < 0.35:
        shape &= (u / (0.5 * a)) ** 2 + ((v - 1.05 * b) / (0.55 * b)) ** 2 > 1
    return _render(shape, fine, rng)


def _render(shape: NDArray[np.bool_], fine: int, rng: np.random.Generator) -> Cutout:
    side = shape.shape[0] // fine
    share = shape.reshape(side, fine, side, fine).mean(axis=(1, 3))
    clumps = 1 + rng.uniform(0.1, 0.6) * (smooth_field(rng, (side, side), 1.5) - 0.5)
    light = rng.uniform(0.35, 1.0) * ndimage.gaussian_filter(share * clumps, rng.uniform(0.5, 1.1))
    return Cutout(light.astype(np.float32), share >= 0.5)


def make_leukocytes(rng: np.random.Generator) -> Sheet:
    """Return a sheet of lobed and of round nuclei, apart and touching."""
    canvas = Canvas(rng)
    for _ in range(int(rng.integers(8, 26))):
        centre = tuple(rng.uniform(20, SIDE - 20, 2))
        for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
            lobed = rng.random() < 0.5
            cutout = _turn(draw_lobed(rng) if lobed else draw_round(rng), rng)
            if not lobed:
                canvas.slide_in(cutout, centre)
            else:
                y, x = centre[0] - cutout.mask.shape[0] / 2, centre[1] - cutout.mask.shape[1] / 2
                canvas.lay(cutout, y, x, lobed=True)
    return _shrink(canvas.finish(), TARGET_PX / DRAWN_PX)


def _shrink(sheet: Sheet, factor: float) -> Sheet:
    """Return a sheet on a coarser grid."""
    image, depth = (ndimage.zoom(part, factor, order=1) for part in (sheet.image, sheet.depth))
    return complete_sheet(image, ndimage.zoom(sheet.labels, factor, order=0), depth * factor)


def make_empty(rng: np.random.Generator) -> Sheet:
    """Return a sheet without nuclei: noise, haze, specks and fibres."""
    noise = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), rng.choice([0, 0, 0.5, 1.0]))
    amount = rng.choice([1 / 24, rng.uniform(0.005, 0.1)])
    image = (noise / noise.std() + rng.uniform(0, 2)) * amount
    if rng.random() < 0.5:
        image = image + smooth_field(rng, image.shape, rng.uniform(15, 50)) * rng.uniform(0, 0.4)
    if rng.random() < 0.6:
        image = image + _draw_debris(rng)
    labels: Labels = np.zeros((SIDE, SIDE), np.int32)
    return finish_sheet(np.clip(image, 0, 1.5).astype(np.float32), labels)


def _draw_debris(rng: np.random.Generator) -> Image:
    image = np.zeros((SIDE, SIDE))
    for _ in range(int(rng.integers(2, 40))):
        y, x = rng.integers(0, SIDE, 2)
        image[y, x] += rng.uniform(0.5, 12)
    image = ndimage.gaussian_filter(image, rng.uniform(0.5, 1.1))
    y, x = np.mgrid[:SIDE, :SIDE]
    for _ in range(int(rng.integers(0, 4))):
        turn, offset = rng.uniform(0, np.pi), rng.uniform(0, SIDE)
        wave = 6 * np.sin(x / rng.uniform(10, 40))
        gap = np.abs(y * np.cos(turn) + x * np.sin(turn) - offset + wave)
        image += rng.uniform(0.2, 1.2) * np.exp(-((gap / rng.uniform(0.8, 2.0)) ** 2))
    return image.astype(np.float32)


def make_simulated(seed: int, rng: np.random.Generator) -> Sheet:
    """Return a piece of one of the project's simulated slides."""
    pixel_size_um = float(rng.choice([0.25, 0.325, 0.5, 0.65]))
    slide = SlideFile(
        modality="image",
        file="training.ome.tif",
        patient="P01",
        panel="if4",
        gates="chc-slide",
        width_px=512,
        height_px=512,
        pixel_size_um=pixel_size_um,
        density_per_mm2=float(rng.uniform(800, 2900)),
        touching=float(rng.uniform(0.2, 0.9)),
        planted={"CTC_CK": int(rng.integers(0, 3))} if pixel_size_um >= 0.5 else {},
    )
    layout = SlideLayout(slide, seed=(977, seed))
    tile = Tile(0, 0, 512, 512)
    owners = np.unique(draw_outlines(layout, tile), return_inverse=True)[1].reshape(512, 512)
    grey = draw_image(layout, tile, 0)
    picture = Picture("simulated", grey, owners.astype(np.int32), "simulated")
    return make_sheet(picture, nucleus_px=TARGET_PX * float(rng.uniform(0.85, 1.2)))
