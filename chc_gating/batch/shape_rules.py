"""What the shapes of gates must obey beyond their form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chc_gating.batch.findings import Finding
from chc_gating.model.gates import Ellipse, PopulationGate


def check_shape(keys: tuple[object, ...], gate: PopulationGate) -> Iterator[Finding]:
    """Yield what is wrong with a polygon, an ellipse, a quadrant, singlets or margins."""
    twice = sorted({c for c in gate.channels if gate.channels.count(c) > 1})
    if twice:
        yield Finding(keys, f"names {', '.join(twice)} twice", "name different channels")
    if gate.polygon is not None and len(set(gate.polygon.vertices)) < 3:
        yield Finding((*keys, "vertices"), "has fewer than 3 different vertices", "give 3 or more")
    if gate.ellipse is not None:
        yield from _check_ellipse(keys, gate.ellipse)


def _check_ellipse(keys: tuple[object, ...], ellipse: Ellipse) -> Iterator[Finding]:
    size = len(ellipse.of)
    if len(ellipse.mean) != size:
        yield Finding((*keys, "mean"), f"has {len(ellipse.mean)} numbers", f"give {size}")
    rows = [len(row) for row in ellipse.covariance]
    if rows != [size] * size:
        problem = f"is not a matrix of {size} by {size}"
        yield Finding((*keys, "covariance"), problem, f"give {size} rows of {size} numbers")
        return
    covariance = np.array(ellipse.covariance, dtype=np.float64)
    symmetric = bool(np.allclose(covariance, covariance.T, rtol=1e-6, atol=0.0))
    if not symmetric or not np.linalg.eigvalsh(covariance)[0] > 0:
        problem = "is not symmetric and positive definite"
        yield Finding((*keys, "covariance"), problem, "give the covariance of the ellipse's axes")
