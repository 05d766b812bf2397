"""One registry of quality flags: name, meaning in words, and the bit of event flags."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

EVENT_FLAGS: dict[str, str] = {
    "nonfinite": "a channel that a gate or a call uses is not finite in this event",
    "saturated": "a marker of this event is at its detector's maximum; its call is kept",
    "leans_on_saturated": "a marker's compensation subtracts from a detector that is saturated",
    "bead": "belongs to the counting-bead population; never has a phenotype",
    "left_by_when": "left a population because its marker rule was not true",
    "touches_image_edge": "the cell touches the edge of the image; its signal may be cut off",
    "touches_neighbour": "the cell touches another cell; its ring may hold the other's signal",
    "caml_like": "larger than 25 um across, like a cancer-associated macrophage-like cell",
    "neighbour_spill": "a neighbour's light may explain a marker of this candidate",
    "several_nuclei": "the nucleus touches another or is notched; it may be two cells",
    "out_of_focus": "the nucleus is blurred against the slide's leukocytes",
    "little_dna": "holds less than a quarter of a leukocyte's DNA; it may be debris",
    "in_area_out_of_focus": (
        "lies in an area of the slide that is out of focus; not counted, and the exposure is lower"
    ),
}
"""Event flags in bit order: the first is bit 0."""

LOST_FLAG = "in_area_out_of_focus"
"""Events that the front end gives this flag are in no population, and have no class."""

DRAW_FLAGS: dict[str, str] = {
    "exposure_upper_bound": (
        "the file does not say how many events were aborted or lost; "
        "the exposure is an upper bound, so the count per volume is a lower bound"
    ),
    "not_corrected_for_recovery": (
        "no recovery is applied; the number per 7.5 mL is not corrected for losses in handling"
    ),
    "recovery_varies": (
        "spike draws differ by more than counting; the interval holds a new draw's spread"
    ),
    "recovery_end_to_end": "a recovery measured end to end replaces the other fractions",
    "cbc_counting_error_only": "no CV of the blood count is given; only counting error is in it",
    "volume_unit_repaired": "$VOL was read as microlitres because the implied flow rate says so",
    "exposure_exceeds_volume": "the acquisitions' volumes add up to more than the draw's volume",
    "exposure_routes_disagree": (
        "two routes to the volume of one acquisition differ beyond their errors; one is wrong"
    ),
    "acquisition_failed": "an acquisition of this draw could not be measured; the others count",
    "acquisitions_differ": (
        "the acquisitions' counts do not fit one rate (exact p below .001); look at each of them"
    ),
    "replicate_not_summed": "a replicate of the same cells stands apart and is not summed",
    "time_unstable": "the event rate is unstable in part of the acquisition",
    "implied_wbc_differs": "leukocytes per volume differ from the blood count by a factor above 2",
    "unequal_losses": "leukocytes and hybrids may be lost unequally; no interval covers that",
    "limits_of_other_lot": (
        "this lot has too few healthy donors; the highest limit of the lots that have enough counts"
    ),
    "saturated_candidates": "a candidate holds a saturated marker",
    "candidates_not_rare": (
        "more than 1 % of the cells are called CHC or CTC, which are expected at one in a million"
    ),
    "majority_not_negative": (
        "a cut was found from the slide's negative majority, but most of its cells look positive"
    ),
    "false_events_expected": (
        "a cut from a control lies where more than 1 false event is expected in this many events"
    ),
    "control_too_shallow": (
        "a control of a cut has too few events to show that at most 1 false event is expected"
    ),
    "sensitive_to_cuts": "CHC or CTC change by more than half when all cuts move by 10 %",
    "cells_touch": "more than half of the candidates touch a neighbour on the slide",
    "neighbours_explain": (
        "a neighbour's light may explain more than half of the candidates on the slide"
    ),
    "area_out_of_focus": "part of the slide is out of focus; the exposure is lowered by it",
    "area_empty": (
        "part of the slide holds no nuclei amid cells, or no pixels; the exposure is lowered by it"
    ),
}
"""Flags of a draw or an acquisition, with their meaning in words."""

_BIT = {name: np.uint32(1 << bit) for bit, name in enumerate(EVENT_FLAGS)}


def event_flag_bit(name: str) -> np.uint32:
    """Return the bit of an event flag."""
    return _BIT[name]


def event_flag_names(bits: int) -> tuple[str, ...]:
    """Return the names of the event flags that are set in ``bits``."""
    return tuple(name for name, bit in _BIT.items() if bits & int(bit))


def describe_flag(name: str) -> str:
    """Return a flag's meaning in words."""
    return DRAW_FLAGS.get(name) or EVENT_FLAGS[name]


def count_event_flags(bits: NDArray[np.uint32]) -> dict[str, int]:
    """Count, for every event flag, the events of ``bits`` (n,) that carry it."""
    return {name: int(np.count_nonzero(bits & bit)) for name, bit in _BIT.items()}


def join_flags(flags: Iterable[str]) -> str:
    """Return flags as one table cell: sorted, unique, separated by semicolons."""
    return ";".join(sorted(set(flags)))
