"""How much of a cell's ring its neighbours could light up.

Cells are taken as discs. A neighbour's body reaches ``SPILL_REACH_UM`` beyond its nucleus; where
it lies over the ring of the cell at hand, its light is in that ring. The share of the ring that a
neighbour covers, times the neighbour's own brightness, is its spill.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SPILL_REACH_UM = 4.0
"""How far a cell's light reaches beyond its nucleus: cytoplasm of about 3 um and its blur."""
SHUFFLES = 999
_RADII, _ANGLES = 6, 32


def cover_ring(
    nucleus_um: float,
    ring_um: float,
    *,
    neighbours_um: FloatArray,
    neighbour_nuclei_um: FloatArray,
    reach_um: float = SPILL_REACH_UM,
) -> FloatArray:
    """Return the share of a cell's ring that each of k neighbours covers, (k,).

    Parameters
    ----------
    nucleus_um, ring_um : float
        Radius of the cell's nucleus, and the width of its ring.
    neighbours_um : (k, 2) float64
        Where the neighbours' centres lie from the cell's.
    neighbour_nuclei_um : (k,) float64
        Radii of their nuclei.

    Returns
    -------
    (k,) float64
        Of the part of the ring that is the cell's own: a place nearer to a neighbour's nucleus
        belongs to that neighbour's ring. Zeros where nothing of the ring is left.
    """
    steps = (np.arange(_RADII) + 0.5) / _RADII
    radii = np.sqrt(nucleus_um**2 + steps * ((nucleus_um + ring_um) ** 2 - nucleus_um**2))
    angles = 2 * np.pi * np.arange(_ANGLES) / _ANGLES
    points = np.stack(
        [np.outer(radii, np.sin(angles)).ravel(), np.outer(radii, np.cos(angles)).ravel()], axis=1
    )
    apart = np.hypot(*(points[:, None] - neighbours_um[None]).transpose(2, 0, 1))
    outside = apart - neighbour_nuclei_um
    own = np.hypot(points[:, 0], points[:, 1]) - nucleus_um
    is_own = (outside >= own[:, None]).all(axis=1)
    if not is_own.any():
        return np.zeros(len(neighbour_nuclei_um))
    covered: FloatArray = (outside[is_own] <= reach_um).mean(axis=0)
    return covered


def shuffle_spill(
    observed: float, covered: FloatArray, *, pool: FloatArray, rng: np.random.Generator
) -> float:
    """Return how often neighbours this near would light a ring as brightly, by chance.

    The null: the cell itself carries nothing of the marker. All that is in its ring comes from its
    neighbours, which lie where they lie, each as bright as a cell drawn at random from the slide:
    the marker's values permuted over the positions. Returned is
    p = (1 + shuffles whose spill is at least ``observed``) / (1 + SHUFFLES), so that a large p says
    that neighbours may explain the ring, and .001 that no shuffle did.

    observed : the ring's mean, background subtracted. covered : (k,) as of `cover_ring`. pool :
    (n,) ring means of the slide's cells; not finite ones are left out by the caller.
    """
    reaching = covered[covered > 0]
    if reaching.size == 0 or pool.size == 0:
        spilled = np.zeros(SHUFFLES)
    else:
        drawn = pool[rng.integers(0, pool.size, (SHUFFLES, reaching.size))]
        spilled = np.maximum(drawn, 0) @ reaching
    return float(1 + np.count_nonzero(spilled >= observed)) / (1 + SHUFFLES)


def chance_of_neighbour(distance_um: FloatArray, *, per_um2: float) -> FloatArray:
    """Return the chance that of cells thrown at random one lies within a distance, (k,).

    1 - exp(-rho pi r^2), of the nearest of a Poisson process; NaN for an unknown distance.

    Examples
    --------
    >>> float(chance_of_neighbour(np.array([10.0]), per_um2=50_000 / 60e6).round(6)[0])
    0.230335
    """
    result: FloatArray = 1 - np.exp(-per_um2 * np.pi * np.asarray(distance_um) ** 2)
    return result
