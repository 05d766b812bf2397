"""Summed exposures and their uncertain factors as one mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chc_gating.counting.blood_count import find_log_sigma
from chc_gating.counting.mixing import MOST_NODES, Mixture, mix_beta, mix_lognormal, mix_recovery
from chc_gating.model.exposure import Exposure, Recovery

_RECOVERY = "recovery"
_WHOLE = "all of the sum"
_MOST_PRODUCT_NODES = 400_000
"""Nodes of a grid over several factors: 3 MB. Counts below about 1,000 need far fewer."""


def find_effective_volume(exposures: Sequence[Exposure], recovery: Recovery | None) -> float:
    """Return the mL whose cells were found: volumes times recovery where it applies."""
    rate = 1.0 if recovery is None else recovery.rate
    return sum((e.volume_ml or 0.0) * (rate if e.recovery_applies else 1.0) for e in exposures)


def mix_exposures(
    exposures: Sequence[Exposure], recovery: Recovery | None, *, shape: float
) -> Mixture:
    """Return the possible effective volumes (mL) of a sum of exposures.

    The recovery, and each uncertain factor by its name, is one quantity that all parts share:
    it enters once, however many acquisitions are added. Counting errors of beads are each
    acquisition's own: together they are one log-normal factor of the sum.

    shape : of the Gamma distribution that will be mixed (see ``mix_recovery``).
    """
    axes = _find_axes(exposures, recovery, shape=shape)
    grids = np.meshgrid(*(axis.values for axis in axes.values()), indexing="ij")
    values = dict(zip(axes, grids, strict=True))
    weights = np.ones(())
    for axis in axes.values():
        weights = np.multiply.outer(weights, axis.weights)
    total = np.zeros(weights.shape)
    for exposure in exposures:
        part = np.full(weights.shape, exposure.volume_ml or 0.0)
        for name in _factor_names(exposure):
            part = part * values.get(name, 1.0)
        total += part
    total = total * values.get(_WHOLE, 1.0)
    return Mixture(total.ravel(), weights.ravel())


def _find_axes(
    exposures: Sequence[Exposure], recovery: Recovery | None, *, shape: float
) -> dict[str, Mixture]:
    sigmas = {factor.name: factor.sigma for e in exposures for factor in e.uncertain}
    # Independent log-normal factors of the whole sum are one log-normal factor: one axis.
    whole = [name for name in sigmas if all(name in _list_uncertain(e) for e in exposures)]
    common = [sigmas.pop(name) for name in whole]
    counting_cv = _add_counting_errors(exposures)
    sigma = math.hypot(*common, find_log_sigma(counting_cv))
    if sigma > 0:
        sigmas[_WHOLE] = sigma
    uncertain = recovery is not None and any(e.recovery_applies for e in exposures)
    most = _limit_nodes(len(sigmas) + uncertain)
    axes: dict[str, Mixture] = {}
    if recovery is not None and uncertain:
        axes[_RECOVERY] = _mix(recovery, shape=shape, most_nodes=most)
    for name, sigma in sigmas.items():
        axes[name] = mix_lognormal(sigma, shape=shape, most_nodes=most)
    return axes


def _add_counting_errors(exposures: Sequence[Exposure]) -> float:
    """Return the CV of the sum by the independent counting errors of its parts."""
    volumes = [exposure.volume_ml or 0.0 for exposure in exposures]
    errors = [v * e.counting_cv for v, e in zip(volumes, exposures, strict=True)]
    return math.hypot(*errors) / sum(volumes) if any(errors) else 0.0


def _mix(recovery: Recovery, *, shape: float, most_nodes: int) -> Mixture:
    if recovery.predictive is not None:
        a, b = recovery.predictive.a, recovery.predictive.b
        return mix_beta(a, b, shape=shape, most_nodes=most_nodes)
    beta = mix_recovery(recovery.recovered, recovery.lost, shape=shape, most_nodes=most_nodes)
    return beta.times(1 / recovery.examined_share)


def _limit_nodes(axes: int) -> int:
    return MOST_NODES if axes < 2 else int(_MOST_PRODUCT_NODES ** (1 / axes))


def _factor_names(exposure: Exposure) -> list[str]:
    applied = [_RECOVERY] if exposure.recovery_applies else []
    return applied + _list_uncertain(exposure)


def _list_uncertain(exposure: Exposure) -> list[str]:
    return [factor.name for factor in exposure.uncertain]
