"""A draw's count over its donors' by methods of physics: printed as extras, never the call."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.counting.excess import find_excess_p, find_li_ma, find_profile_interval
from chc_gating.counting.feldman_cousins import find_feldman_cousins

_MOST_EVENTS = 100
"""Events up to which Feldman-Cousins is computed: beyond it a profile is the same, and quick."""


@dataclass(frozen=True)
class ExcessExtras:
    """Events of a draw beyond the donors', if the donors were Poisson with one rate.

    p : exact, one-sided. li_ma : in normal deviations. profile, feldman_cousins : 95 % intervals
    of the true events; the second takes the background as known, and is None for many events.
    """

    p: float
    li_ma: float
    profile: tuple[float, float]
    feldman_cousins: tuple[float, float] | None


def find_excess_extras(
    count: int, exposure: float, *, donor_events: int, donor_exposure: float
) -> ExcessExtras:
    """Return the extras of a count in its exposure beside all donors' events in theirs."""
    ratio = exposure / donor_exposure
    few = count <= _MOST_EVENTS
    return ExcessExtras(
        p=find_excess_p(count, donor_events, ratio),
        li_ma=find_li_ma(count, donor_events, ratio) if count + donor_events else 0.0,
        profile=find_profile_interval(count, donor_events, ratio),
        feldman_cousins=find_feldman_cousins(count, ratio * donor_events) if few else None,
    )
