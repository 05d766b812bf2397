"""Which healthy donors a background is made of: one draw a donor, of equal panel and gates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chc_gating.model.count import CountRow, DrawCount
from chc_gating.model.limits import BackgroundExposure, DonorCount, LeftOutDonor

UNLIMITED = (
    "leukocyte",
    "indeterminate_candidate",
    "indeterminate",
    "unclassified",
    "invalid_candidate",
    "invalid",
)
"""Rows that get no limits: what is plentiful in donors, and events that are no class."""
WHOLE_BLOOD = "volume_ml"
"""The exposure's source where it is all of a draw's blood: recovery end to end stands for the
losses, so that it is no volume examined and may not stand beside one."""


@dataclass(frozen=True)
class FoundDonors:
    """Donors that count, one draw each, and the draws that do not with their reasons."""

    donors: tuple[DonorCount, ...]
    left_out: tuple[LeftOutDonor, ...]


def find_own_donors(
    draws: Iterable[DrawCount], *, panel: str, gates: str
) -> tuple[list[DonorCount], list[LeftOutDonor]]:
    """Return this batch's donor draws that were counted with a panel and gates, and the others.

    A draw that was counted in several lots is one entry a lot.
    """
    found: list[DonorCount] = []
    left_out: list[LeftOutDonor] = []
    for draw in draws:
        own = [row for row in draw.rows if (row.panel, row.gates) == (panel, gates)]
        for lot in dict.fromkeys(row.lot for row in own):
            rows = [row for row in own if row.lot == lot]
            if any(row.status == "counted" for row in rows):
                found.append(_read_donor(draw, rows))
            else:
                reason = f"not counted: {rows[0].reason or 'no reason was recorded'}"
                left_out.append(_leave_out(draw.draw["draw"], draw.draw["patient"], reason))
    return found, left_out


def choose_donors(candidates: Sequence[DonorCount], *, exposure: BackgroundExposure) -> FoundDonors:
    """Return one draw a donor and lot: the earliest whose exposure is known, in order of donors.

    Draws of one donor are not independent; lots are never pooled. The same draw may come with
    several files; it counts once, and the batch's own wins. A donor is known by ``patient``.
    """
    kept: dict[tuple[str, str | None], DonorCount] = {}
    left_out: list[LeftOutDonor] = []
    for one in sorted(candidates, key=_order):
        first = kept.get((one.donor, one.lot))
        if first is not None and first.draw == one.draw:
            continue
        problem = _find_problem(one, exposure)
        if problem is None and first is not None:
            problem = f"a later draw of this donor; {first.draw} counts"
        if problem is None:
            kept[one.donor, one.lot] = one
        else:
            left_out.append(_leave_out(one.draw, one.donor, problem))
    return FoundDonors(tuple(kept.values()), tuple(dict.fromkeys(left_out)))


def find_donor_exposure(donor: DonorCount, exposure: BackgroundExposure) -> float:
    """Return a chosen donor's exposure, in mL or nucleated cells."""
    value = donor.volume_ml if exposure == "volume" else donor.nucleated_cells
    return float(value or 0.0)


def explain_exposure(
    volume_source: str | None, value: float | None, exposure: BackgroundExposure
) -> str | None:
    """Return why a draw has no exposure to hold background against, or None where it has one."""
    if exposure == "nucleated_cells":
        return None if value else "its nucleated cells are not known"
    if not value:
        return "no volume of blood is known"
    if volume_source is not None and WHOLE_BLOOD in volume_source.split("+"):
        return (
            "its volume is the draw's whole blood (recovery end to end), not blood examined; "
            "settings.background_exposure: nucleated_cells can be used instead"
        )
    return None


def _find_problem(donor: DonorCount, exposure: BackgroundExposure) -> str | None:
    value = donor.volume_ml if exposure == "volume" else donor.nucleated_cells
    return explain_exposure(donor.volume_source, value, exposure)


def _order(donor: DonorCount) -> tuple[str, ...]:
    return (donor.donor, donor.collected_on, donor.draw, donor.lot or "", donor.source)


def _read_donor(draw: DrawCount, rows: Sequence[CountRow]) -> DonorCount:
    limited = {row.phenotype: row for row in rows if has_limits(row.phenotype)}
    first = rows[0]
    return DonorCount(
        donor=draw.draw["patient"],
        draw=draw.draw["draw"],
        collected_on=draw.draw["collected_on"],
        lot=first.lot,
        software_version=draw.software_version,
        volume_ml=first.exposure_ml,
        volume_source=first.exposure_source,
        nucleated_cells=first.nucleated_cells,
        counts={str(name): row.count or 0 for name, row in limited.items()},
        expected_coincidence={
            str(name): row.expected_coincidence
            for name, row in limited.items()
            if row.expected_coincidence is not None
        },
    )


def has_limits(phenotype: str | None) -> bool:
    """Return whether a class of cells gets limits."""
    return phenotype is not None and phenotype not in UNLIMITED


def _leave_out(draw: str, donor: str, reason: str) -> LeftOutDonor:
    return LeftOutDonor(draw=draw, donor=donor, reason=reason)
