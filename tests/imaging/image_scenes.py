"""Small images with known truth, and files of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

PANEL = """\
modality: image
channel_names: [DAPI, CD45, EPCAM]
channels:
  DAPI: {role: dna, measure: nucleus}
  CD45: {marker: CD45, role: leukocyte, measure: ring}
  EPCAM: {marker: EPCAM, role: epithelial}
"""


def write_tiff(path: Path, image: NDArray[np.generic], **options: object) -> Path:
    """Write grey channels (c, y, x) with a pixel size of .5 um unless told otherwise."""
    settings = {
        "photometric": "minisblack",
        "resolution": (20000, 20000),
        "resolutionunit": "CENTIMETER",
        **options,
    }
    tifffile.imwrite(path, image, **settings)
    return path


def write_panel(folder: Path, text: str = PANEL) -> Path:
    path = folder / "slide3.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def draw_discs(
    shape: tuple[int, int],
    centres: list[tuple[float, float]],
    *,
    radius: float,
    level: int = 2000,
    background: int = 200,
    noise: float = 10.0,
    seed: int = 0,
) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Return an image of bright discs with noise, and their true labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for i, (cy, cx) in enumerate(centres, start=1):
        labels[((y - cy) ** 2 + (x - cx) ** 2 <= radius**2) & (labels == 0)] = i
    image = np.where(labels > 0, level, background) + noise * rng.standard_normal(shape)
    return np.clip(np.rint(image), 0, 65535).astype(np.uint16), labels


def draw_cell_grid(
    cells: Sequence[tuple[float, ...]], rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Return (channels, y, x) of cells in a square, DNA first: nuclei of 18 px, cells of 26 px.

    ``cells`` are the levels of each above a background of 400, row by row.
    """
    per_row, pitch = math.isqrt(len(cells)), 34
    side = per_row * pitch
    image = np.full((len(cells[0]), side, side), 400.0)
    yy, xx = np.mgrid[:side, :side]
    for i, levels in enumerate(cells):
        y, x = ((place + 0.5) * pitch for place in divmod(i, per_row))
        distance = np.hypot(yy - y, xx - x)
        for channel, level in enumerate(levels):
            image[channel][distance < (9 if channel == 0 else 13)] += level
    return (image + rng.normal(0, 20, image.shape)).astype(np.uint16)


def scatter_nuclei(
    shape: tuple[int, int], *, diameter: float, share: float, touching: float, seed: int
) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Return an image of ellipses, a part of them touching, with noise; and their true labels.

    ``share`` of the area is tried to be covered; ``touching`` of the nuclei are put beside one.
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    image = np.zeros(shape)
    placed: list[tuple[float, float, float]] = []
    for _ in range(round(share * shape[0] * shape[1] / (0.7 * diameter**2))):
        a = diameter / 2 * rng.uniform(0.85, 1.2)
        b, turn = a * rng.uniform(0.8, 1.0), rng.uniform(0, np.pi)
        y, x = rng.uniform(a, shape[0] - a), rng.uniform(a, shape[1] - a)
        if placed and rng.random() < touching:
            py, px, pa = placed[rng.integers(len(placed))]
            angle = rng.uniform(0, 2 * np.pi)
            y, x = py + (pa + a) * np.sin(angle), px + (pa + a) * np.cos(angle)
        y0, x0 = max(int(y - 2 * a), 0), max(int(x - 2 * a), 0)
        window = labels[y0 : int(y + 2 * a), x0 : int(x + 2 * a)]
        if not (a < y < shape[0] - a and a < x < shape[1] - a):
            continue
        yy, xx = np.mgrid[: window.shape[0], : window.shape[1]]
        u = (yy + y0 - y) * np.cos(turn) + (xx + x0 - x) * np.sin(turn)
        v = (xx + x0 - x) * np.cos(turn) - (yy + y0 - y) * np.sin(turn)
        inside = (u / a) ** 2 + (v / b) ** 2 <= 1
        if np.count_nonzero(window[inside]) > 0.05 * np.count_nonzero(inside):
            continue
        placed.append((y, x, a))
        inside &= window == 0
        window[inside] = len(placed)
        image[y0 : int(y + 2 * a), x0 : int(x + 2 * a)][inside] = rng.uniform(800, 2500)
    # A blur of three pixels stands for the optics.
    for axis in (0, 1):
        image = (np.roll(image, 1, axis) + image + np.roll(image, -1, axis)) / 3
    noisy = rng.poisson(image + 200) + 8 * rng.standard_normal(shape)
    return np.clip(np.rint(noisy), 0, 65535).astype(np.uint16), labels


def match_objects(
    truth: NDArray[np.integer], found: NDArray[np.integer], *, iou: float = 0.5
) -> tuple[int, int, int]:
    """Return how many true objects are found (overlap over union), false and missed."""
    true_sizes = dict(zip(*np.unique(truth, return_counts=True), strict=True))
    found_sizes = dict(zip(*np.unique(found, return_counts=True), strict=True))
    base = int(found.max(initial=0)) + 1
    codes, counts = np.unique(truth.astype(np.int64) * base + found, return_counts=True)
    hits = sum(
        count > iou * (true_sizes[code // base] + found_sizes[code % base] - count)
        for code, count in zip(codes, counts, strict=True)
        if code // base and code % base
    )
    true_sizes.pop(0, None)
    found_sizes.pop(0, None)
    return int(hits), len(found_sizes) - int(hits), len(true_sizes) - int(hits)
