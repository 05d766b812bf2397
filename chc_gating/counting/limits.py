"""Donors to limits: the background of every phenotype, lot by lot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chc_gating.counting.background_bootstrap import (
    find_lob_upper,
    fit_without_each,
    refit_simulated_donors,
)
from chc_gating.counting.background_fit import BackgroundFits, fit_backgrounds
from chc_gating.counting.detection import find_lob, find_true_events_at_lod
from chc_gating.counting.dispersion import find_dispersion, has_equal_exposures
from chc_gating.counting.donors import find_donor_exposure
from chc_gating.counting.ep17 import EQUAL_EXPOSURES, find_nonparametric_lob
from chc_gating.model.events import FloatArray
from chc_gating.model.limits import (
    BackgroundExposure,
    Dispersion,
    DonorCount,
    Ep17,
    LotLimits,
    PhenotypeBackground,
)


@dataclass(frozen=True)
class Basis:
    """Which lots a lot's draws are held to, and why."""

    name: Literal["own_lot", "worst_lot", "none"]
    reason: str | None = None
    note: str | None = None


def assess_lots(
    donors: Sequence[DonorCount], *, exposure: BackgroundExposure, min_donors: int
) -> tuple[LotLimits, ...]:
    """Return the limits of every lot that has donors, in order of lots.

    Lots are never pooled: a background is that of the reagents too. A lot with fewer than
    ``min_donors`` is not assessable.
    """
    lots = sorted({donor.lot for donor in donors}, key=lambda lot: lot or "")
    return tuple(
        _assess_lot(
            lot, [d for d in donors if d.lot == lot], exposure=exposure, min_donors=min_donors
        )
        for lot in lots
    )


def find_basis(lot: str | None, lots: Sequence[LotLimits], *, min_donors: int) -> Basis:
    """Return which lots the draws of a lot are held to.

    Its own where that has enough donors; else all that have, of which the highest limit counts.
    """
    assessed = [one for one in lots if one.status == "assessed"]
    own = next((one.donors for one in lots if one.lot == lot), 0)
    if any(one.lot == lot for one in assessed):
        return Basis("own_lot")
    if assessed:
        names = ", ".join(describe_lot(one.lot) for one in assessed)
        return Basis(
            "worst_lot",
            note=f"{describe_lot(lot)} has {own} donors of its own, of {min_donors} needed: its "
            f"draws are held to the highest limit of {names}",
        )
    counts = [f"{one.donors} of {describe_lot(one.lot)}" for one in lots if one.lot != lot]
    others = f" ({', '.join(counts)}; lots are not pooled)" if counts else ""
    noun = "donor" if own == 1 else "donors"
    return Basis(
        "none",
        reason=f"{own} healthy {noun} of {describe_lot(lot)} counted{others}, and limits need "
        f"{min_donors}",
    )


def describe_lot(lot: str | None) -> str:
    """Return a lot in words."""
    return "the blank lot" if lot is None else f"lot {lot}"


def stored_fit(background: PhenotypeBackground) -> BackgroundFits:
    """Return a stored background as a fit of one set."""
    parts = (background.rate, background.alpha, background.events, background.exposure)
    return BackgroundFits(*(np.array([part], dtype=np.float64) for part in parts))


def read_donors(
    donors: Sequence[DonorCount], phenotype: str, exposure: BackgroundExposure
) -> tuple[FloatArray, FloatArray]:
    """Return donors' counts of a phenotype and their exposures, (n,) float64 both."""
    counts = np.array([donor.counts[phenotype] for donor in donors], dtype=np.float64)
    return counts, np.array([find_donor_exposure(donor, exposure) for donor in donors])


def _assess_lot(
    lot: str | None,
    donors: Sequence[DonorCount],
    *,
    exposure: BackgroundExposure,
    min_donors: int,
) -> LotLimits:
    number = len(donors)
    if number < min_donors:
        reason = f"{number} of the {min_donors} donors that limits need"
        return LotLimits(lot=lot, donors=number, status="not_assessable", reason=reason)
    names = [name for name in donors[0].counts if all(name in d.counts for d in donors)]
    return LotLimits(
        lot=lot,
        donors=number,
        status="assessed",
        phenotypes=tuple(
            _describe_background(name, *read_donors(donors, name, exposure)) for name in names
        ),
    )


def _describe_background(
    name: str, counts: FloatArray, exposures: FloatArray
) -> PhenotypeBackground:
    fit = fit_backgrounds(counts[None], exposures[None])
    example = float(np.median(exposures))
    mean, alpha = (float(part[0]) for part in fit.predict(example))
    lob = int(find_lob(mean, alpha))
    return PhenotypeBackground(
        phenotype=name,
        model="negative_binomial" if fit.alpha[0] > 0 else "jeffreys_predictive",
        events=int(counts.sum()),
        exposure=float(exposures.sum()),
        rate=float(fit.rate[0]),
        alpha=float(fit.alpha[0]),
        example_exposure=example,
        expected_background=mean,
        lob_count=lob,
        lob_upper90_count=find_lob_upper(refit_simulated_donors(exposures, fit), example),
        lob_without_one_donor=_find_lob_range(counts, exposures, example),
        lod_count=mean + find_true_events_at_lod(lob, mean, alpha),
        dispersion=_describe_dispersion(counts, exposures),
        ep17=_describe_ep17(counts, exposures),
    )


def _find_lob_range(
    counts: FloatArray, exposures: FloatArray, example: float
) -> tuple[int, int] | None:
    """Return the lowest and the highest limit of blank when each donor is left out in turn."""
    if counts.size < 2:
        return None
    without = find_lob(*fit_without_each(counts, exposures).predict(example))
    return int(without.min()), int(without.max())


def _describe_dispersion(counts: FloatArray, exposures: FloatArray) -> Dispersion | None:
    found = find_dispersion(counts, exposures)
    return None if found is None else Dispersion.model_validate(vars(found))


def _describe_ep17(counts: FloatArray, exposures: FloatArray) -> Ep17:
    if not has_equal_exposures(exposures, tolerance=EQUAL_EXPOSURES):
        return Ep17(reason="EP17-A2 on counts needs equal exposures, and the donors' differ")
    return Ep17(nonparametric_lob=find_nonparametric_lob(counts))


def find_donor_excess(
    donors: Sequence[DonorCount],
    phenotype: str,
    *,
    exposure: BackgroundExposure,
    own: float | None,
    own_exposure: float,
) -> float:
    """Return the draw's coincidence beyond that which the donors' counts hold already.

    0 until coincidence is measured in the draw and in every donor.
    """
    known: list[Mapping[str, float]] = [d.expected_coincidence for d in donors]
    if own is None or not all(phenotype in one for one in known):
        return 0.0
    total = sum(find_donor_exposure(d, exposure) for d in donors)
    theirs = sum(one[phenotype] for one in known) * own_exposure / total
    return max(0.0, own - theirs)
