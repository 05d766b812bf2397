"""What an FCS file says of its own volume and duration, with the unit of $VOL decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chc_gating.flow.clock import parse_clock_span
from chc_gating.flow.fcs import DEFAULT_BATCH, FcsFile
from chc_gating.flow.numerals import parse_integer, parse_number
from chc_gating.model.acquisition import FlowFacts
from chc_gating.model.events import EventStream

SLOWEST_UL_PER_MIN, FASTEST_UL_PER_MIN = 1.0, 1500.0
"""Flow rates of real cytometers: MACSQuant 14, Aurora 18-73, Attune 184 (up to 1,000)."""

_DISORDER = 0.01
"""Share of steps of Time that go back, from which on events are shuffled, not wrapped."""

_STANDARD_UNIT = "nanolitres"
_UL_PER_UNIT = {_STANDARD_UNIT: 1e-3, "microlitres": 1.0}


@dataclass(frozen=True)
class _Volume:
    volume_ul: float | None = None
    note: str | None = None
    unit_repaired: bool = False
    refused: str | None = None


def read_flow_facts(fcs: FcsFile) -> FlowFacts:
    """Return abort and lost events, the volume and the duration that the file states.

    The duration is the span of Time, else $ETIM - $BTIM (FCS 3.2: $ENDDATETIME -
    $BEGINDATETIME). $VOL is nanolitres in the standard, but Cytek Aurora writes microlitres: the
    unit is taken whose implied flow rate lies between 1 and 1,500 uL/min. If neither or both do,
    or there is no duration, the volume is refused with its reason. ``volume_note`` names
    the unit that was taken; ``volume_unit_repaired`` says that it is not the standard's.
    """
    duration_s = measure_time_span(fcs.event_stream())
    if duration_s is None:
        duration_s = parse_clock_span(fcs.keywords)
    volume = _decide_volume(fcs.keywords.get("$VOL"), duration_s)
    return FlowFacts(
        fcs_version=fcs.version,
        abort_events=_count(fcs.keywords.get("$ABRT")),
        lost_events=_count(fcs.keywords.get("$LOST")),
        volume_ul=volume.volume_ul,
        volume_note=volume.note,
        volume_unit_repaired=volume.unit_repaired,
        volume_refused=volume.refused,
        duration_s=duration_s,
    )


def measure_time_span(stream: EventStream) -> float | None:
    """Return seconds between the first and the last event.

    None where there is no time channel, where all events bear one time, and where Time jumps
    back by more than half its span: a counter that wrapped says less than really passed. Events
    that are in no order of time at all (more than one step in a hundred goes back) have a span.
    """
    if stream.time_channel is None:
        return None
    factor = float(stream.factors[stream.time_channel])
    lowest, highest, largest_drop, back, count = np.inf, -np.inf, 0.0, 0, 0
    last: float | None = None
    for batch in stream.batches(DEFAULT_BATCH):
        times = batch[:, stream.time_channel].astype(np.float64)
        times = times[np.isfinite(times)]
        if len(times) == 0:
            continue
        lowest, highest = min(lowest, times.min()), max(highest, times.max())
        steps = np.diff(times, prepend=times[0] if last is None else last)
        largest_drop, last = max(largest_drop, float(-steps.min())), float(times[-1])
        back, count = back + int(np.count_nonzero(steps < 0)), count + len(steps)
    span = highest - lowest
    in_order = back <= count * _DISORDER
    if not span > 0 or (in_order and largest_drop > span / 2):
        return None
    return float(span * factor)


def _count(text: str | None) -> int | None:
    count = parse_integer(text)
    return count if count is not None and count >= 0 else None


def _decide_volume(text: str | None, duration_s: float | None) -> _Volume:
    if text is None:
        return _Volume()
    number = parse_number(text)
    if number is None or number <= 0:
        return _Volume(refused="$VOL is not a positive number")
    if duration_s is None:
        return _Volume(
            refused="the unit of $VOL cannot be checked: the file gives no duration (Time, "
            "$BTIM and $ETIM)"
        )
    rates = {unit: number * factor * 60 / duration_s for unit, factor in _UL_PER_UNIT.items()}
    fitting = [
        unit for unit, rate in rates.items() if SLOWEST_UL_PER_MIN <= rate <= FASTEST_UL_PER_MIN
    ]
    said = ", ".join(f"{rate:.3g} uL/min as {unit}" for unit, rate in rates.items())
    if len(fitting) != 1:
        how = "neither" if not fitting else "both"
        return _Volume(refused=f"{how} unit of $VOL gives a flow rate that can be: {said}")
    unit = fitting[0]
    return _Volume(
        volume_ul=number * _UL_PER_UNIT[unit],
        note=f"{unit}: $VOL implies {said}",
        unit_repaired=unit != _STANDARD_UNIT,
    )
