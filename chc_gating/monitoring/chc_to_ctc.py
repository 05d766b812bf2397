"""CHC against CTC: whether it is an order of magnitude."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chc_gating.model.cohort import ChcToCtc, DrawRatio
from chc_gating.model.count import DrawCount
from chc_gating.monitoring.cohort_draws import CountedRow, ScopeKey, find_rows, take_first
from chc_gating.monitoring.rate_ratio import find_ratio

ORDER_OF_MAGNITUDE = 10
RESAMPLES = 9_999


def compare_chc_to_ctc(
    draws: Sequence[DrawCount], scope: ScopeKey, *, min_patients: int, seed: int
) -> ChcToCtc | None:
    """Return CHC over CTC of every patient's draw of a scope, and over patients' first draws.

    Counts of one row pair share their exposure, so the ratio is that of the counts and needs no
    volume. The limits of the total's ratio are percentiles over resampled patients, since patients
    differ by more than counting. None where no patient's draw counts both classes.
    """
    rows = [one for one in find_rows(draws, scope, "CHC") if one.row.cohort == "patient"]
    ctc = {(one.row.draw, one.row.lot): one.row.count for one in find_rows(draws, scope, "CTC")}
    pairs = [(one, ctc[one.row.draw, one.row.lot]) for one in rows if _key(one) in ctc]
    if not pairs:
        return None
    first = {_key(one) for one in take_first(one for one, _ in pairs)}
    listed = [_describe(one, other or 0, first=_key(one) in first) for one, other in pairs]
    own = [one for one in listed if one.first_of_patient]
    total, base = sum(one.chc for one in own), sum(one.ctc for one in own)
    limits, note = _resample(own, min_patients=min_patients, seed=seed)
    return ChcToCtc(
        modality=scope.modality,
        panel=scope.panel,
        gates=scope.gates,
        draws=tuple(listed),
        patients=len(own),
        chc=total,
        ctc=base,
        ratio=total / base if base else None,
        low=limits[0],
        high=limits[1],
        ten_or_more=sum(one.chc >= max(ORDER_OF_MAGNITUDE * one.ctc, 1) for one in listed),
        surely_ten_or_more=sum(
            one.low is not None and one.low >= ORDER_OF_MAGNITUDE for one in listed
        ),
        surely_below_ten=sum(
            one.high is not None and one.high < ORDER_OF_MAGNITUDE for one in listed
        ),
        without_cells=sum(one.chc + one.ctc == 0 for one in listed),
        notes=(note,),
    )


def _key(one: CountedRow) -> tuple[str, str | None]:
    return one.row.draw, one.row.lot


def _describe(one: CountedRow, ctc: int, *, first: bool) -> DrawRatio:
    chc = one.row.count or 0
    ratio = find_ratio(chc, ctc)
    return DrawRatio(
        draw=one.row.draw,
        patient=one.patient,
        first_of_patient=first,
        chc=chc,
        ctc=ctc,
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
    )


def _resample(
    own: Sequence[DrawRatio], *, min_patients: int, seed: int
) -> tuple[tuple[float | None, float | None], str]:
    """Return percentile limits of sum CHC / sum CTC over resampled patients, and what they are."""
    if len(own) < min_patients:
        return (None, None), (
            f"{len(own)} of the {min_patients} patients that limits of the total need: "
            "the draws' own intervals only"
        )
    # Patients with the same counts are one kind: how often a kind is drawn is multinomial.
    kinds, times = np.unique([[o.chc, o.ctc] for o in own], axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(own), times / len(own), size=RESAMPLES)
    sums = drawn @ kinds
    known = sums[sums.sum(axis=1) > 0]
    note = f"limits from {RESAMPLES:,} resamples of patients (percentiles), seed {seed}"
    if not known.size:
        return (None, None), note
    ratios = np.sort(np.divide(
        known[:, 0], known[:, 1], out=np.full(len(known), np.inf), where=known[:, 1] > 0
    ))  # fmt: skip
    low, high = (float(ratios[int(p * (len(ratios) - 1))]) for p in (0.025, 0.975))
    return (low if np.isfinite(low) else None, high if np.isfinite(high) else None), note
