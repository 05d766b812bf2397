"""How much blood a count stands for: the exposure, and the recovery of its preparation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chc_gating.model.record import Record

ExposureSource = Literal[
    "beads",
    "volume_acquired_ul",
    "$VOL",
    "fractions",
    "volume_plated_ml",
    "nucleated_cells",
    "volume_ml",
]
"""Where a volume comes from; ``volume_ml``: the draw's whole blood, recovery end to end."""

RecoveryScope = Literal["handling", "end_to_end"]


class UncertainFactor(Record):
    """A log-normal factor of an exposure; its median is 1, ``sigma`` the SD of its logarithm.

    Factors of one name are one and the same quantity, which enters a sum of exposures once.
    """

    name: str
    sigma: float = Field(gt=0)


class Exposure(Record):
    """Blood really examined in one acquisition, without recovery; or why that is not known.

    volume_ml : mL, above 0; None where no route to a volume applies: ``reason`` then says why.
    steps : how it came about, in words, one factor a line.
    flags : draw flags (chc_gating.model.flags).
    uncertain : the factors of ``volume_ml`` that are not exact.
    counting_cv : error of ``volume_ml`` of this acquisition alone (beads counted), 0 to 1; other
        acquisitions' are independent of it.
    recovery_applies : whether cells lost in handling are missing from this volume; not where
        candidates are counted against nucleated cells that were handled with them.
    """

    volume_ml: float | None = Field(default=None, gt=0)
    source: ExposureSource | None = None
    reason: str | None = None
    steps: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    uncertain: tuple[UncertainFactor, ...] = ()
    counting_cv: float = Field(default=0.0, ge=0)
    recovery_applies: bool = True

    @model_validator(mode="after")
    def _known_or_explained(self) -> Exposure:
        if (self.volume_ml is None) == (self.reason is None):
            raise ValueError("give a volume, or the reason why there is none")
        if (self.volume_ml is None) != (self.source is None):
            raise ValueError("a volume has a source, and only a volume has one")
        return self


class RouteComparison(Record):
    """The volume by another route whose columns are filled too, held against the one taken.

    volume_ml : by this route, in mL. ratio : the volume taken over it, recovery included where
        one of the two does not hold it. cv : combined error of the ratio, as a share.
    p : two-sided p of equal volumes (log ratio over its error, normal).
    disagrees : the two differ beyond their errors. note : what qualifies it, in words.
    """

    source: ExposureSource
    volume_ml: float = Field(gt=0)
    ratio: float = Field(gt=0)
    cv: float = Field(gt=0)
    p: float = Field(ge=0, le=1)
    disagrees: bool
    note: str = ""


class BetaShape(Record):
    """A Beta distribution of a share, by its two shape parameters."""

    a: float = Field(gt=0)
    b: float = Field(gt=0)


class Recovery(Record):
    """Cells of known number that went through the preparation, and how many came out.

    examined_share : share of the spiked blood in which the recovered cells were looked for. It is
        1 for numbers from the sheet, whose scope says what they hold; less where this program
        counted the recovered cells in the part of the blood that it examined.
    predictive : the recovery of a new draw, where several spike draws differ by more than
        counting; None: the cells are as good as from one draw.
    steps : where the numbers come from, in words.
    """

    recovered: int = Field(gt=0)
    spiked: int = Field(gt=0)
    scope: RecoveryScope
    examined_share: float = Field(default=1.0, gt=0)
    predictive: BetaShape | None = None
    steps: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _within_spiked(self) -> Recovery:
        if self.recovered > self.spiked:
            raise ValueError("more cells recovered than spiked")
        return self

    @property
    def rate(self) -> float:
        """R: recovered over the spiked cells that were looked for; the mean of ``predictive``."""
        if self.predictive is not None:
            return self.predictive.a / (self.predictive.a + self.predictive.b)
        return self.recovered / self.spiked / self.examined_share

    @property
    def lost(self) -> int:
        """Spiked cells that were not recovered."""
        return self.spiked - self.recovered
