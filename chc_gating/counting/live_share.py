"""The share of a tube's events that the cytometer measured: neither aborted nor lost."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.model.acquisition import AcquisitionResult


@dataclass(frozen=True)
class LiveShare:
    """f_live, how it came about in words, and its flags."""

    share: float
    step: str
    flags: tuple[str, ...] = ()


def find_live_share(result: AcquisitionResult) -> LiveShare:
    """Return f_live = $TOT / ($TOT + $ABRT + $LOST).

    A keyword that the file lacks is not known and adds nothing to the denominator; the share is
    then an upper bound, and so is the exposure (flag ``exposure_upper_bound``).
    """
    events = result.event_count or 0
    aborted = result.flow.abort_events if result.flow else None
    lost = result.flow.lost_events if result.flow else None
    share = compute_live_share(events, aborted or 0, lost or 0)
    missing = [name for name, n in (("$ABRT", aborted), ("$LOST", lost)) if n is None]
    step = f"times f_live {share:.6g}: {events:,} events"
    if aborted is not None or lost is not None:
        step += f", {aborted or 0:,} aborted, {lost or 0:,} lost"
    if not missing:
        return LiveShare(share, step)
    step += f"; the file does not give {' and '.join(missing)}: an upper bound"
    return LiveShare(share, step, ("exposure_upper_bound",))


def compute_live_share(events: int, aborted: int, lost: int) -> float:
    """Return events / (events + aborted + lost), 0 where there was no event at all.

    Examples
    --------
    >>> round(compute_live_share(1_843_200, 52_800, 1_200), 6)
    0.971537
    """
    seen = events + aborted + lost
    return events / seen if seen else 0.0
