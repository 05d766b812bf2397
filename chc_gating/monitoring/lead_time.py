"""Lead times between events that are only known to lie between two dates."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from chc_gating.model.monitor import LeadTime, PatientEvent


@dataclass(frozen=True)
class Onset:
    """Something that began after ``after`` (None: no date is known) and by ``by``."""

    name: str
    after: str | None
    by: str


def find_progression(events: tuple[PatientEvent, ...]) -> Onset | None:
    """Return the first imaging with detail PD, bounded below by the imaging before it."""
    imaging = sorted(
        (e.date, (e.detail or "").strip().upper()) for e in events if e.kind == "imaging"
    )
    first = next((date for date, detail in imaging if detail == "PD"), None)
    if first is None:
        return None
    before = [date for date, _ in imaging if date < first]
    return Onset("imaging progression (PD)", before[-1] if before else None, first)


def find_lead_time(earlier: Onset, later: Onset) -> LeadTime:
    """Return the days from one onset to another, with both onsets' censoring.

    Negative days: the second came first. A bound that no date limits is None.
    """
    shortest = None if later.after is None else _count_days(earlier.by, later.after)
    longest = None if earlier.after is None else _count_days(earlier.after, later.by)
    return LeadTime(
        earlier=earlier.name, later=later.name, shortest_days=shortest, longest_days=longest
    )


def _count_days(first: str, second: str) -> int:
    return (datetime.date.fromisoformat(second) - datetime.date.fromisoformat(first)).days
