"""Which draws take part: counted, with a volume, and one draw a patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chc_gating.model.count import CountRow, DrawCount

PHENOTYPES = ("CHC", "CTC")


class ScopeKey(NamedTuple):
    """What is never mixed."""

    modality: str
    panel: str
    gates: str


@dataclass(frozen=True)
class CountedRow:
    """A row of counts.tsv with its draw; its place among the draws of its patient is by date."""

    draw: DrawCount
    row: CountRow

    @property
    def patient(self) -> str:
        """The patient's pseudonym."""
        return self.row.patient

    @property
    def order(self) -> tuple[str, str, str, str]:
        """The key that puts the rows of a patient in order: by time of draw, then by lot."""
        drawn_at = self.draw.draw.get("drawn_at", "")
        return self.row.collected_on, drawn_at, self.row.draw, self.row.lot or ""

    def find_volume(self, *, recovery_included: bool) -> float:
        """Return the mL that the count stands for; times recovery where that is included."""
        volume, recovery = self.row.exposure_ml or 0.0, self.row.recovery
        return volume * recovery if recovery_included and recovery is not None else volume


def find_scopes(draws: Iterable[DrawCount]) -> tuple[ScopeKey, ...]:
    """Return the modalities, panels and gates with which anything was counted, sorted."""
    found = {
        ScopeKey(row.modality, row.panel, row.gates)
        for draw in draws
        for row in draw.rows
        if row.status == "counted" and row.modality and row.panel and row.gates
    }
    return tuple(sorted(found))


def find_rows(
    draws: Iterable[DrawCount], scope: ScopeKey, phenotype: str
) -> tuple[CountedRow, ...]:
    """Return the counted rows of a scope and phenotype, in the order of patients and dates."""
    found = [
        CountedRow(draw, row)
        for draw in draws
        for row in draw.rows
        if (row.modality, row.panel, row.gates) == scope
        and row.phenotype == phenotype
        and row.status == "counted"
        and row.count is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.patient, *one.order)))


def keep_comparable(rows: Iterable[CountedRow]) -> tuple[CountedRow, ...]:
    """Return the rows with a volume that can be held against others'."""
    return tuple(one for one in rows if explain_volume(one.row) is None)


def explain_volume(row: CountRow) -> str | None:
    """Return why a row cannot be compared with others per volume, or None."""
    if row.exposure_ml is None or row.exposure_ml <= 0 or row.per_7_5_ml is None:
        return row.reason or "no volume of blood is known"
    sources = (row.exposure_source or "").split("+")
    if row.recovery is not None and "nucleated_cells" in sources and len(sources) > 1:
        return "the recovery applies to a part of its volume only"
    return None


def includes_recovery(rows: Sequence[CountedRow]) -> bool:
    """Return whether all rows have a recovery; else none is used, so that all are alike."""
    return bool(rows) and all(one.row.recovery is not None for one in rows)


def is_whole_blood(row: CountRow) -> bool:
    """Return whether the volume is of the tube, and means nothing without its recovery."""
    return "volume_ml" in (row.exposure_source or "").split("+")


def make_alike(rows: Sequence[CountedRow]) -> tuple[tuple[CountedRow, ...], bool]:
    """Return rows whose volumes mean the same, and whether these include recovery.

    Where some rows have no recovery, it is left out of all, and rows whose recovery was measured
    end to end, which have no volume without it, leave.
    """
    if includes_recovery(rows):
        return tuple(rows), True
    return tuple(one for one in rows if not is_whole_blood(one.row)), False


def take_first(rows: Iterable[CountedRow]) -> tuple[CountedRow, ...]:
    """Return each patient's first row by time of draw: draws of one patient are not independent.

    Examples
    --------
    >>> take_first([])
    ()
    """
    first: dict[str, CountedRow] = {}
    for one in sorted(rows, key=lambda one: (one.patient, *one.order)):
        first.setdefault(one.patient, one)
    return tuple(first.values())
