"""The background of a slide, fitted together with a few numbers that all tiles share.

It is a smooth surface over the whole slide, and a step for each tile: what its lamp or its own
staining adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TENSION = 0.01
"""Cost of slopes, small beside what tiles without steps say. Where tiles differ by steps, a slope
of the slide could not be told from one of the camera, and is taken for the camera's."""
_RIDGE = 1e-8
"""Of a knot that no tile reaches: it takes the neighbours' course, by the roughness alone."""


@dataclass(frozen=True)
class Stiffness:
    """What bending of the surface and steps of tiles cost, against the squares of residuals."""

    bending: float
    steps: float


@dataclass(frozen=True)
class Solution:
    """A step of the fit.

    shared : (k,) the numbers that all tiles share. change : of the background's unknowns.
    design : (m, k) what of the shared columns no background could explain. inner : (k, k) its
    weighted squares. left : (m,) residuals. evidence : logarithm of the restricted likelihood.
    """

    shared: Floats
    change: Floats
    design: Floats
    inner: Floats
    left: Floats
    evidence: float


class SlideBackground:
    """Cubic B-splines on a grid of knots over the slide, and one step for each tile.

    Its unknowns are the knots, then the steps.
    """

    def __init__(self, points: Floats, tiles: NDArray[np.int64], *, knot_px: Floats) -> None:
        """Lay knots over points (m, 2), in pixels, of tiles (m,) that are numbered from 0."""
        import scipy.sparse

        places = (points - points.min(axis=0)) / knot_px
        slow, fast = _basis(places[:, 0]), _basis(places[:, 1])
        columns = (slow.first[:, None, None] + np.arange(4)[:, None]) * fast.count + (
            fast.first[:, None, None] + np.arange(4)
        )
        values = slow.values[:, :, None] * fast.values[:, None, :]
        each = np.arange(len(points) + 1)
        self._knots, self._tiles = slow.count * fast.count, int(tiles.max()) + 1
        surface = scipy.sparse.csr_matrix(
            (values.ravel(), columns.ravel(), 16 * each), shape=(len(points), self._knots)
        )
        steps = scipy.sparse.csr_matrix(
            (np.ones(len(points)), tiles, each), shape=(len(points), self._tiles)
        )
        self._basis: Any = scipy.sparse.hstack([surface, steps], format="csr")
        self._bending = _pad(_bending(slow.count, fast.count), after=self._tiles)
        self._tension = _pad(_slopes(slow.count, fast.count), after=self._tiles) * _TENSION
        self._stepping = _pad(scipy.sparse.identity(self._tiles), before=self._knots)

    def start(self, level: float, steps: Floats) -> Floats:
        """Return the unknowns of an even background with steps of tiles."""
        return np.concatenate([np.full(self._knots, level), steps])

    def evaluate(self, unknowns: Floats) -> Floats:
        """Return the background at every point."""
        return np.asarray(self._basis @ unknowns, dtype=np.float64)

    def solve(
        self,
        values: Floats,
        shared: Floats,
        *,
        weights: Floats,
        unknowns: Floats,
        stiffness: Stiffness,
    ) -> Solution:
        """Return the weighted least squares of shared columns (m, k) and a changed background.

        The background costs, after the change, what its stiffness makes of it.
        """
        import scipy.sparse
        from scipy.sparse.linalg import splu

        cost = stiffness.bending * self._bending + stiffness.steps * self._stepping + self._tension
        weighted = shared * weights[:, None]
        normal = self._basis.T @ self._basis.multiply(weights[:, None]).tocsr() + cost
        normal = normal + _RIDGE * scipy.sparse.identity(len(unknowns))
        factor = splu(
            normal.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        cross = self._basis.T @ weighted
        right = self._basis.T @ (weights * values) - cost @ unknowns
        explained = factor.solve(np.column_stack([cross, right]))
        inner = shared.T @ weighted - cross.T @ explained[:, :-1]
        found = np.linalg.solve(inner, weighted.T @ values - cross.T @ explained[:, -1])
        change = explained[:, -1] - explained[:, :-1] @ found
        left = values - shared @ found - self._basis @ change
        after = unknowns + change
        misfit = float((weights * left**2).sum() + after @ (cost @ after))
        evidence = (
            -0.5 * weights.sum() * np.log(max(misfit, 1e-12))
            + 0.5 * (self._knots - 3) * np.log(stiffness.bending)
            + 0.5 * self._tiles * np.log(stiffness.steps)
            - 0.5 * np.log(np.abs(factor.U.diagonal())).sum()
            - 0.5 * np.linalg.slogdet(inner)[1]
        )
        design = shared - self._basis @ explained[:, :-1]
        return Solution(found, change, np.asarray(design), inner, left, float(evidence))


@dataclass(frozen=True)
class _Basis:
    """Along an axis: the first of the four splines that reach each point, and their values."""

    first: NDArray[np.int64]
    values: Floats
    count: int


def _basis(places: Floats) -> _Basis:
    count = max(int(np.ceil(places.max())) + 3, 4)
    first = np.clip(np.floor(places).astype(np.int64), 0, count - 4)
    u = places - first
    pieces = [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]
    return _Basis(first, np.stack(pieces, axis=1) / 6, count)


def _bending(slow: int, fast: int) -> Any:
    """Return the squares of second differences along and across both axes, as a matrix."""
    import scipy.sparse

    twist = scipy.sparse.kron(_differences(slow, 1), _differences(fast, 1))
    return _squares(slow, fast, 2) + 2 * (twist.T @ twist)


def _slopes(slow: int, fast: int) -> Any:
    """Return the squares of first differences along both axes, as a matrix."""
    return _squares(slow, fast, 1)


def _squares(slow: int, fast: int, order: int) -> Any:
    import scipy.sparse

    along = scipy.sparse.kron(_differences(slow, order), scipy.sparse.identity(fast))
    across = scipy.sparse.kron(scipy.sparse.identity(slow), _differences(fast, order))
    return (along.T @ along + across.T @ across).tocsr()


def _differences(count: int, order: int) -> Any:
    import scipy.sparse

    return scipy.sparse.csr_matrix(np.diff(np.eye(count), n=order, axis=0))


def _pad(matrix: Any, *, before: int = 0, after: int = 0) -> Any:
    """Return a square matrix with empty rows and columns before and after it."""
    import scipy.sparse

    blocks = [scipy.sparse.csr_matrix((n, n)) for n in (before, after)]
    return scipy.sparse.block_diag([blocks[0], matrix, blocks[1]], format="csr")
