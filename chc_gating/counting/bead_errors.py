"""The errors of a volume by counting beads: the lot's stated count, and the beads counted."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.counting.blood_count import find_log_sigma
from chc_gating.model.exposure import UncertainFactor

SMALL_ERROR = 0.01
"""Counting error of beads (10,000 of them) that is left out where the lot is taken as exact: no
lot's count is known that well, so what is neglected already is larger."""


@dataclass(frozen=True)
class BeadErrors:
    """The lot's factor (shared by acquisitions of the lot), the counting error, and both in words.

    counting_cv : of this acquisition's beads alone, as a share; 0 where it is left out.
    """

    lot: tuple[UncertainFactor, ...]
    counting_cv: float
    words: str


def find_bead_errors(beads: int, lot_cv: float | None) -> BeadErrors:
    """Return the errors of a bead-based volume, log-normal, from beads counted and the lot's CV.

    The lot's count has the CV of its certificate; the beads acquired are a Poisson count, with a
    CV of 1 / sqrt(beads) (the delta method on the volume's logarithm). Where the lot is taken as
    exact and the beads are many, the volume is exact.

    Examples
    --------
    >>> find_bead_errors(19_800, None).counting_cv
    0.0
    >>> round(find_bead_errors(400, None).counting_cv, 3)
    0.05
    """
    counting_cv = beads**-0.5
    if lot_cv is None and counting_cv <= SMALL_ERROR:
        return BeadErrors((), 0.0, "the bead lot's count is taken as exact")
    counted = f"their counting error {100 * counting_cv:.2g} %"
    if lot_cv is None:
        return BeadErrors(
            (), counting_cv, f"the bead lot's count is taken as exact (bead_lot_cv), {counted}"
        )
    # One certificate, one error: the same CV of the same reagent lot is taken as the same beads.
    factor = UncertainFactor(name=f"bead lot, CV {lot_cv:.10g}", sigma=find_log_sigma(lot_cv))
    return BeadErrors((factor,), counting_cv, f"the lot's CV {100 * lot_cv:.3g} %, {counted}")
