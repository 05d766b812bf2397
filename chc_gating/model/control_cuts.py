"""Cuts that are taken from controls: the rule of a gates file, and what a control gave."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field, model_validator

from chc_gating.model.record import Record

CutControlKind = Literal["fmo", "isotype", "unstained"]
CUT_CONTROLS: tuple[CutControlKind, ...] = ("fmo", "isotype", "unstained")
"""The kinds of controls that give cuts, by the key of a gates file and the word of the sheet."""

FALSE_EVENTS_ALLOWED = 1.0
"""Expected false events of a draw above which a cut is flagged."""


class NamedControl(Protocol):
    """A control, of a sheet or of a command line."""

    @property
    def kind(self) -> str:
        """The word of the sheet."""

    @property
    def marker(self) -> str | None:
        """None where it names none."""


def serves(control: NamedControl, marker: str, kind: CutControlKind) -> bool:
    """Whether a control gives the cut of a marker: only an FMO has to name it."""
    if control.marker is None:
        return control.kind == kind != "fmo"
    return control.kind == kind and control.marker == marker


class ControlCut(Record):
    """A cut taken from a control: a quantile of its events plus so many robust SDs."""

    quantile: float = Field(
        default=0.9999,
        gt=0,
        lt=1,
        description="This share of the control's events of the phenotype population lies below.",
    )
    plus_sd: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="So many robust standard deviations (1.4826 MAD) of these events above.",
    )
    band: tuple[float, float] | None = Field(
        default=None,
        description="Indeterminate from and to these multiples of the cut, such as [0.7, 1.4].",
    )

    @model_validator(mode="after")
    def _fits(self) -> ControlCut:
        if self.band is not None and not 0 < self.band[0] <= 1 <= self.band[1]:
            raise ValueError("band must be [low, high) with 0 < low <= 1 <= high")
        return self

    def edges(self, place: float) -> tuple[float, float]:
        """Return the cut's band around its place; a place below zero turns the multiples round."""
        low, high = (1.0, 1.0) if self.band is None else self.band
        return min(place * low, place * high), max(place * low, place * high)


class CutControl(Record):
    """What a cut was taken from: quantile_value + plus_sd * sd of a control's values.

    files : the control's raw files, whose events are one heap.
    events : of the phenotype population, with a finite value; ``level`` is their median, ``sd``
        1.4826 times their median absolute deviation; ``events_at_or_above`` the cut.
    sample_events, expected_false, false_upper95, events_needed : of the acquisition that the cut
        was applied to, None in cutoffs.json. Its events of the phenotype population; N (1 - q) of
        them; the one-sided 95 % upper bound of the mean of false events that the control's own
        supports; the control's events that could show that 1 false event is expected at most.
    """

    kind: CutControlKind
    files: tuple[str, ...]
    quantile: float
    plus_sd: float
    quantile_value: float
    level: float
    sd: float
    events: int
    events_at_or_above: int
    sample_events: int | None = None
    expected_false: float | None = None
    false_upper95: float | None = None
    events_needed: int | None = None
