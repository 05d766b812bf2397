"""How far limits of blank could be off with these donors: bootstrap, and each donor left out."""

from __future__ import annotations

import numpy as np

from chc_gating.counting.background_fit import BackgroundFits, fit_backgrounds
from chc_gating.counting.detection import find_lob
from chc_gating.model.events import FloatArray

REPLICATES = 2000
SEED = 20100416
UPPER_SHARE = 0.9


def refit_simulated_donors(
    exposures: FloatArray, fit: BackgroundFits, *, replicates: int = REPLICATES, seed: int = SEED
) -> BackgroundFits:
    """Return fits of sets of donors that are simulated by the fit (parametric bootstrap).

    exposures : (n,) of the donors. fit : of one set, as `fit_backgrounds` returns it.

    Where alpha tends to 0, each set has a rate of its own, drawn from Gamma(K + 1/2) / sum E:
    donors without any event would otherwise show no uncertainty at all.
    """
    rng = np.random.default_rng(seed)
    shape = (replicates, exposures.size)
    alpha = float(fit.alpha[0])
    if alpha > 0:
        means = rng.gamma(1 / alpha, alpha * float(fit.rate[0]) * exposures, shape)
    else:
        rates = rng.gamma(float(fit.events[0]) + 0.5, 1 / float(fit.exposure[0]), replicates)
        means = rates[:, None] * exposures
    counts = rng.poisson(means).astype(np.float64)
    return fit_backgrounds(counts, np.broadcast_to(exposures, shape))


def find_lob_upper(refits: BackgroundFits, exposure: float, *, excess: float = 0.0) -> int:
    """Return the one-sided 90 % bootstrap upper bound of the limit of blank at an exposure."""
    lobs = np.sort(find_lob(*refits.predict(exposure), excess=excess))
    return int(lobs[int(np.ceil(UPPER_SHARE * lobs.size)) - 1])


def fit_without_each(counts: FloatArray, exposures: FloatArray) -> BackgroundFits:
    """Return the fits without the first donor, without the second, and so on; (n,) both.

    Needs two donors or more.
    """
    others = ~np.eye(counts.size, dtype=bool)
    shape = (counts.size, counts.size - 1)
    repeated = [np.broadcast_to(part, others.shape)[others] for part in (counts, exposures)]
    return fit_backgrounds(repeated[0].reshape(shape), repeated[1].reshape(shape))
