"""The background of healthy donors (limits.json): who was counted, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from chc_gating.model.acquisition import InputFile
from chc_gating.model.record import Record

BackgroundExposure = Literal["volume", "nucleated_cells"]
"""What background is proportional to: mL of blood examined (without recovery), or cells."""
LimitsStatus = Literal["assessed", "not_assessable"]


class DonorCount(Record):
    """One draw of one healthy donor: counts by phenotype, and both exposures where known.

    ``source`` is empty for a draw of the batch itself, else the limits.json that it came with.
    """

    donor: str
    draw: str
    collected_on: str
    lot: str | None = None
    source: str = ""
    software_version: str
    volume_ml: float | None = None
    volume_source: str | None = None
    nucleated_cells: int | None = None
    counts: Mapping[str, int]
    expected_coincidence: Mapping[str, float] = {}


class LeftOutDonor(Record):
    """A donor's draw that is not in the background, and why."""

    draw: str
    donor: str
    reason: str


class Dispersion(Record):
    """Pearson's test of one rate for all donors; printed, never used to choose a model."""

    chi2: float
    degrees: int
    p: float
    exact_p: float | None = None


class Ep17(Record):
    """CLSI EP17-A2 beside ours: the non-parametric limit, or why it does not apply."""

    nonparametric_lob: float | None = None
    reason: str | None = None
    parametric: str = "refused: with one result a donor the form has B - K = 0 degrees of freedom"


class PhenotypeBackground(Record):
    """The background of one phenotype in one lot.

    rate : b, events per unit of exposure. alpha : dispersion, 0 where it tends to 0 (then the
    Jeffreys predictive of ``events`` in ``exposure`` is used). What follows is an example at
    ``example_exposure``, the donors' median; a draw gets its own numbers at its own exposure.
    """

    phenotype: str
    model: Literal["negative_binomial", "jeffreys_predictive"]
    events: int
    exposure: float
    rate: float
    alpha: float
    example_exposure: float
    expected_background: float
    lob_count: int
    lob_upper90_count: int
    lob_without_one_donor: tuple[int, int] | None
    lod_count: float
    dispersion: Dispersion | None = None
    ep17: Ep17


class LotLimits(Record):
    """The limits of one lot: assessed where it has enough donors."""

    lot: str | None
    donors: int
    status: LimitsStatus
    reason: str | None = None
    phenotypes: tuple[PhenotypeBackground, ...] = ()


class Limits(Record):
    """limits.json: the limits of one panel, gates and lot.

    ``lot`` is that of the draws that these limits are for, and ``lots`` has every lot whose
    donors were found. Where ``basis`` is ``own_lot`` the draws are held to their own lot, where
    it is ``worst_lot`` to the highest limit of all assessed lots.
    """

    schema_: str = Field(default="chc_gating/limits/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Mapping[str, str | int | float | bool | None]
    panel: str
    gates: str
    lot: str | None
    panel_hash: str
    gates_hash: str
    background_exposure: BackgroundExposure
    status: LimitsStatus
    reason: str | None = None
    basis: Literal["own_lot", "worst_lot", "none"]
    lots: tuple[LotLimits, ...]
    donors: tuple[DonorCount, ...]
    left_out: tuple[LeftOutDonor, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def used_lots(self) -> tuple[LotLimits, ...]:
        """The lots that draws are held to: their own, or all that are assessed, or none."""
        assessed = tuple(lot for lot in self.lots if lot.status == "assessed")
        own = tuple(lot for lot in assessed if lot.lot == self.lot)
        return own if self.basis == "own_lot" else assessed

    def donors_of(self, lot: str | None) -> tuple[DonorCount, ...]:
        """Return the donors of one lot."""
        return tuple(donor for donor in self.donors if donor.lot == lot)
