"""What the pass over a stream yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.acquisition import AppliedCut, FittedLine
from chc_gating.model.density import Density
from chc_gating.model.events import FloatArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class CandidateTable:
    """The first c CHC and CTC candidates, in the order of events: all, or as many as are kept.

    event_index : (c,) int64 place in the stream. event_id : (c,) int64, the same unless the
    stream has ids of its own. bin : (c,) int64 time bin. phenotype : CHC or CTC.
    sub_phenotype : CHC_EPCAM, ..., CHC_unresolved. raw, compensated : (c, m) float64, linear
    units. flags : (c,) uint32 event flags. total, flag_counts : of all candidates, kept or not.
    """

    event_index: IntArray
    event_id: IntArray
    bin: IntArray
    phenotype: tuple[str, ...]
    sub_phenotype: tuple[str, ...]
    raw: FloatArray
    compensated: FloatArray
    flags: NDArray[np.uint32]
    total: int
    flag_counts: Mapping[str, int]


@dataclass(frozen=True)
class GatingResult:
    """Counts over n events, m channels, P populations, C count rows, B time bins, L leaf classes.

    population_* : (P,) as in the plan, the first is all events; ``population_invalid``: events
        of the parent for which the gate is not decided, since a value is not finite.
    class_* : (C,) one per row of the count table, CHC before its parts, so rows overlap; counted
        with the cuts as they are, times .9, times 1.1, and (as they are) without events that are
        saturated or lean on a saturated detector. Empty without phenotypes or cuts;
        ``class_low_cut`` and ``class_high_cut`` None where populations of another program's file
        stand for calls, which no cut of ours moves.
    bin_* : (B,) equal runs of events; ``bin_first_event`` starts at 0. A bin lasts from the time
        of its first event to that of the next bin's, the last to the last event's; None without
        a time channel, or without events.
    bin_population_counts : (B, P); bin_class_counts : (B, C).
    phenotype_events, nucleated_events : events of those populations that are no beads, so that
        classes add up to ``phenotype_events``; nucleated None where that is not known.
    flag_counts : events per event flag that gating sets, and of a slide's cells.
    channel_saturated, channel_nonfinite, channel_at_lower_margin : (m,) over all events; at the
        lower margin are those that share the channel's lowest finite value.
    lines : of singlets gates, what was fitted.
    event_* : as far as ``keep_events`` asks: populations of every event as bits, its index into
        ``leaf_names`` (0: no class), its flags.
    """

    event_count: int
    channels: tuple[str, ...]
    population_names: tuple[str, ...]
    population_parents: tuple[str | None, ...]
    population_counts: IntArray
    population_invalid: IntArray
    class_names: tuple[str, ...]
    class_counts: IntArray
    class_low_cut: IntArray | None
    class_high_cut: IntArray | None
    class_without_saturated: IntArray
    flag_counts: Mapping[str, int]
    bin_first_event: IntArray
    bin_events: IntArray
    bin_start_s: FloatArray | None
    bin_end_s: FloatArray | None
    bin_phenotype_events: IntArray
    bin_candidates: IntArray
    bin_population_counts: IntArray
    bin_class_counts: IntArray
    phenotype_events: int
    nucleated_events: int | None
    bead_events: int | None
    cuts: tuple[AppliedCut, ...]
    densities: tuple[Density, ...]
    channel_saturated: IntArray
    channel_at_lower_margin: IntArray
    channel_nonfinite: IntArray
    candidates: CandidateTable
    leaf_names: tuple[str, ...]
    lines: Mapping[str, FittedLine]
    event_mask: NDArray[np.uint64] | None = None
    event_class: NDArray[np.int16] | None = None
    event_flags: NDArray[np.uint32] | None = None
