"""The shift between two images of the same place, and how sure it is."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.agreement import sum_products

FloatImage = NDArray[np.float32]

_PEAKS = 8
"""Peaks of the correlation that are tried; noise may hide the true one behind another."""
_STEPS = 8
_SMOOTH_PX, _COARSE_PX = 1.0, 20
_JUDGED_PX = 150_000
"""Pixels, in every so many-th row, that are plenty to tell how well two images agree."""
_LEAST_SHARE = 0.25
"""Of the overlap that is expected, what a shift must leave to be judged."""


@dataclass(frozen=True)
class Shift:
    """Where a place lies in the second image, minus where it lies in the first, in pixels.

    quality : correlation of what both show after the shift, fine detail only: 1 is identity.
    """

    y: float
    x: float
    quality: float


def measure_shift(first: NDArray[Any], second: NDArray[Any], *, limit_px: float) -> Shift | None:
    """Return the shift that brings ``second`` onto ``first``, at most ``limit_px`` along an axis.

    Phase correlation (Kuglin and Hines 1975) of the images without their coarse shading; a peak
    wraps around, so each of the highest ones stands for several shifts, and the one at which the
    images agree best is taken (after Chalfoun et al. 2017), to a part of a pixel.

    Returns
    -------
    Shift or None
        None where the images have no detail, or no shift within the limit leaves enough of them.
    """
    a, b = sharpen(first), sharpen(second)
    if not (a.any() and b.any()):
        return None
    surface = _correlate(a, b)
    height, width = surface.shape
    tried = {
        (dy, dx): quality
        for y, x in _find_peaks(surface)
        for dy, dx in itertools.product((y, y - height), (x, x - width))
        if max(abs(dy), abs(dx)) <= limit_px and (quality := compare_at(a, b, dy, dx)) is not None
    }
    if not tried:
        return None
    return _climb(a, b, max(tried, key=lambda at: tried[at]), limit_px=limit_px)


def _climb(a: FloatImage, b: FloatImage, start: tuple[int, int], *, limit_px: float) -> Shift:
    """Return the shift near ``start`` at which two images agree best, to a part of a pixel.

    The peak of the phase correlation is sharp but ragged where images are smooth; their own
    correlation is smooth, so its top is climbed by whole pixels and then met by a parabola.
    """
    known: dict[tuple[int, int], float] = {}

    def quality(dy: int, dx: int) -> float:
        if (dy, dx) not in known:
            found = compare_at(a, b, dy, dx)
            inside = max(abs(dy), abs(dx)) <= limit_px + 1
            known[dy, dx] = -1.0 if found is None or not inside else found
        return known[dy, dx]

    y, x = start
    for _ in range(_STEPS):
        best = max(
            ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)),
            key=lambda at: quality(*at),
        )
        if quality(*best) <= quality(y, x):
            break
        y, x = best
    top = quality(y, x)
    return Shift(
        y + _vertex(quality(y - 1, x), top, quality(y + 1, x)),
        x + _vertex(quality(y, x - 1), top, quality(y, x + 1)),
        top,
    )


def sharpen(image: NDArray[Any]) -> FloatImage:
    """Return an image of its detail: slightly smoothed, minus its local mean."""
    import cv2

    grey = np.log1p(np.asarray(image, dtype=np.float32))
    fine = cv2.GaussianBlur(grey, (0, 0), _SMOOTH_PX, borderType=cv2.BORDER_REFLECT)
    side = 2 * min(min(*grey.shape) // 4, _COARSE_PX) + 1
    # Two passes of a running mean are nearly a Gaussian, at a cost that its width does not raise.
    coarse = cv2.blur(fine, (side, side), borderType=cv2.BORDER_REFLECT)
    coarse = cv2.blur(coarse, (side, side), borderType=cv2.BORDER_REFLECT)
    detail: FloatImage = fine - coarse
    return detail


def compare_at(first: FloatImage, second: FloatImage, dy: int, dx: int) -> float | None:
    """Return the correlation of two equal-sized images where second is moved by (dy, dx).

    None where less than a quarter of them overlaps, or one of them is flat there.
    """
    height, width = first.shape
    rows, columns = height - abs(dy), width - abs(dx)
    if rows <= 0 or columns <= 0 or rows * columns < _LEAST_SHARE * height * width:
        return None
    y, x = max(dy, 0), max(dx, 0)
    a = first[y : y + rows, x : x + columns]
    b = second[y - dy : y - dy + rows, x - dx : x - dx + columns]
    step = max(rows * columns // _JUDGED_PX, 1)
    return _correlation(a[::step], b[::step])


def _correlation(a: FloatImage, b: FloatImage) -> float | None:
    """Return Pearson's correlation, None where one image is flat."""
    n = a.size
    sum_a, sum_b, sum_aa, sum_bb, sum_ab = sum_products(a, b)
    square_a, square_b = sum_aa - sum_a**2 / n, sum_bb - sum_b**2 / n
    scale = math.sqrt(max(square_a, 0.0) * max(square_b, 0.0))
    return (sum_ab - sum_a * sum_b / n) / scale if scale > 0 else None


def _correlate(a: FloatImage, b: FloatImage) -> FloatImage:
    """Return the phase correlation; its peak at (y, x) says b moved by (y, x) lies on a."""
    from scipy import fft

    window = np.outer(*(np.hanning(length + 2)[1:-1] for length in a.shape)).astype(np.float32)
    cross = fft.rfft2(a * window) * np.conj(fft.rfft2(b * window))
    size = np.abs(cross)
    cross /= np.maximum(size, 1e-6 * float(size.max()) + 1e-30)
    surface: FloatImage = fft.irfft2(cross, a.shape)
    return surface


def _find_peaks(surface: FloatImage) -> list[tuple[int, int]]:
    """Return the highest points of a surface that are not each other's neighbours."""
    count = min(_PEAKS * 9, surface.size)
    order = np.argpartition(surface.ravel(), -count)[-count:]
    order = order[np.lexsort((order, -surface.ravel()[order]))]
    found: list[tuple[int, int]] = []
    for index in order.tolist():
        y, x = divmod(index, surface.shape[1])
        if all(max(abs(y - py), abs(x - px)) > 1 for py, px in found):
            found.append((y, x))
        if len(found) == _PEAKS:
            break
    return found


def _vertex(below: float, middle: float, above: float) -> float:
    """Return where, from -1/2 to 1/2, a parabola through three heights has its top."""
    bend = below - 2 * middle + above
    return min(max(0.5 * (below - above) / bend, -0.5), 0.5) if bend < 0 else 0.0
