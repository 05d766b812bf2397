"""Polynomials over a camera's field, and its division into parts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PARTS = 8
"""The field is divided into so many parts along each axis: far more than the polynomial bends."""
ORDER = 4
"""Total order of the gain's polynomial: vignetting is a parabola, steeper towards the corners."""


def list_terms(order: int) -> list[tuple[int, int]]:
    """Return the orders (y, x) of the products of Legendre polynomials, (0, 0) first."""
    return [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]


@lru_cache(maxsize=4)
def part_terms(order: int) -> Floats:
    """Return (parts, terms) the polynomials at the centres of the parts, row by row."""
    line = legvander(_centres(PARTS), order)
    terms = [np.outer(line[:, i], line[:, j]).ravel() for i, j in list_terms(order)]
    return np.stack(terms, axis=1)


def evaluate_terms(
    coefficients: Floats, order: int, shape: tuple[int, int], *, step: int = 1
) -> Floats:
    """Return a polynomial at every pixel of a field, or at each ``step``-th along both axes."""
    y, x = (legvander(_centres(length)[::step], order) for length in shape)
    matrix = np.zeros((order + 1, order + 1))
    for (i, j), value in zip(list_terms(order), coefficients, strict=True):
        matrix[i, j] = value
    result: Floats = y @ matrix @ x.T
    return result


def part_edges(length: int) -> list[int]:
    """Return where the parts begin along an axis of so many pixels, and where the last one ends."""
    return [-(-k * length // PARTS) for k in range(PARTS + 1)]


def part_centres(shape: tuple[int, int]) -> Floats:
    """Return (parts, 2) the centres of the parts in pixels, row by row."""
    y, x = ((_centres(PARTS) + 1) / 2 * length for length in shape)
    return np.stack([np.repeat(y, PARTS), np.tile(x, PARTS)], axis=1)


def _centres(count: int) -> Floats:
    """Return where the centres of equal steps lie between -1 and 1."""
    return np.asarray((np.arange(count) + 0.5) / count * 2 - 1, dtype=np.float64)
