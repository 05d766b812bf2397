"""Cuts of a slide from its own negative majority, or from its background.

Rare markers are never fitted by mixture models: a second component that holds one cell in a
million is decided by the tail of the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.gates_above import gates_above
from chc_gating.gating.plan import GatePlan
from chc_gating.gating.run import BATCH_EVENTS, run_plan
from chc_gating.model.acquisition import AppliedCut, CutBackground
from chc_gating.model.events import EventStream, FloatArray
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.slide_cuts import BackgroundCut
from chc_gating.model.spillover import Spillover

SAMPLED_CELLS = 1_000_000
"""Cells that a cut is found from at most, evenly spaced: the median is known to 0.1 % of its SD."""
FEWEST_CELLS = 100
MAD_TO_SD = 1.4826
"""A normal distribution's SD over its median absolute deviation."""
_YARDSTICK_SD, _YARDSTICK_FACTOR = 3.0, 1.5
"""Most cells above 1.5 * (level + 3 SD) of the background's pixels: the majority stains."""


@dataclass(frozen=True)
class PixelLevel:
    """Grey level and robust SD of a channel's pixels outside cells, over the whole slide."""

    background: float
    sd: float


def find_background_cuts(
    stream: EventStream,
    panel: Panel,
    gates: Gates,
    *,
    spillover: Spillover | None = None,
    levels: Mapping[str, PixelLevel] = {},
    threads: int = 1,
) -> dict[str, AppliedCut]:
    """Return, by marker, the cuts that a slide's own cells or background give; none: empty.

    Cells are those of the gates' phenotype population, with finite values. ``levels`` are by
    channel; a rule over pixels needs them. ``threads`` change nothing.

    Raises RawFileError where a slide has too few cells to find a cut from; ChcError where the
    phenotype population hangs on such a cut itself, or a level that is needed is not known.
    """
    wanted = {
        marker: cut.background_of(panel.channels[panel.markers[marker]].role)
        for marker, cut in gates.cuts.items()
        if cut.is_found_on_slide
    }
    if not wanted:
        return {}
    plan = compile_gates(
        panel,
        gates_above(gates),
        channels=stream.channels,
        labels=stream.labels,
        spillover=spillover,
    )
    inside = _find_inside(stream, plan, gates.phenotype, threads=threads)
    values = _read_values(stream, plan, inside, [panel.markers[marker] for marker in wanted])
    found = {}
    for column, (marker, rule) in enumerate(wanted.items()):
        channel = panel.markers[marker]
        if rule.of == "pixels" and channel not in levels:
            raise ChcError(
                f"gates {gates.name}: cut of {marker}: the background of {channel} was not "
                "measured; run chc measure again"
            )
        of_channel = values[:, column]
        of_channel = of_channel[np.isfinite(of_channel)]
        if of_channel.size < FEWEST_CELLS:
            raise RawFileError(
                f"cut of {marker}: {of_channel.size} cells, fewer than the {FEWEST_CELLS} that a "
                "cut can be found from; give a fixed cut"
            )
        found[marker] = apply_rule(
            rule,
            of_channel,
            marker=marker,
            channel=channel,
            level=levels.get(channel),
            majority_stains=panel.channels[channel].role == "leukocyte",
        )
    return found


def list_fraction_channels(panel: Panel, gates: Gates) -> tuple[str, ...]:
    """Return the channels whose cells are called by their share of positive pixels."""
    found = []
    for marker, cut in gates.cuts.items():
        channel = panel.markers[marker]
        if cut.is_found_on_slide:
            rule = cut.background_of(panel.channels[channel].role)
            found += [channel] if rule.fraction is not None else []
    return tuple(found)


def apply_rule(
    rule: BackgroundCut,
    values: FloatArray,
    *,
    marker: str,
    channel: str,
    level: PixelLevel | None = None,
    majority_stains: bool = False,
) -> AppliedCut:
    """Return the cut of one marker from its cells' finite values (n,), background subtracted.

    Where ``rule.fraction`` is set the values are shares of positive pixels. ``level`` is needed
    where the rule is of pixels. ``majority_stains``: most cells are meant to be positive, as for
    CD45 in blood; then a rule over pixels is right to say so.
    """
    if rule.of == "pixels":
        if level is None:
            raise ValueError("a rule over pixels needs their level")
        centre, sd = level.background, level.sd
        cut = rule.factor * (centre + rule.k_sd * sd) - centre
    else:
        centre, sd = measure_majority(values)
        cut = rule.factor * (centre + rule.k_sd * sd)
    if rule.fraction is not None:
        cut = rule.fraction
    low, high = (1.0, 1.0) if rule.band is None else rule.band
    share = float(np.mean(values >= cut))
    expected = rule.of == "pixels" and majority_stains
    return AppliedCut(
        marker=marker,
        channel=channel,
        low=cut * low,
        high=cut * high,
        source=f"background of {rule.of}",
        background=CutBackground(
            of=rule.of,
            level=centre,
            sd=sd,
            k_sd=rule.k_sd,
            factor=rule.factor,
            fraction=rule.fraction,
            cells=int(values.size),
            positive_share=share,
            tail_share=_tail_share(cut, centre=centre, sd=sd) if rule.of == "cells" else None,
            doubtful=not expected and (share > 0.5 or _stains(rule, values, level)),
        ),
    )


def measure_majority(values: FloatArray) -> tuple[float, float]:
    """Return the median of values (n,) and the robust SD of those at or below it.

    The SD is 1.4826 times the median distance of the lower half: positive cells, which lie above,
    cannot widen it, and move the median by half their share of cells at most.
    """
    centre = float(np.median(values))
    below = centre - values[values <= centre]
    return centre, MAD_TO_SD * float(np.median(below))


def _tail_share(cut: float, *, centre: float, sd: float) -> float:
    """Return the share of a normal distribution that lies above a cut."""
    if sd == 0:
        return float(cut <= centre)
    return 0.5 * math.erfc((cut - centre) / (sd * math.sqrt(2)))


def _stains(rule: BackgroundCut, values: FloatArray, level: PixelLevel | None) -> bool:
    """Whether most cells stand so far above the pixels outside cells that they are no negatives."""
    if level is None or rule.of == "pixels":
        return False
    bright = _YARDSTICK_FACTOR * (level.background + _YARDSTICK_SD * level.sd) - level.background
    return float(np.median(values)) > bright


def _find_inside(
    stream: EventStream, plan: GatePlan, phenotype: str, *, threads: int
) -> NDArray[np.bool_]:
    """Return which cells (n,) are of the phenotype population."""
    result = run_plan(stream, plan, threads=threads, keep_events=["populations"])
    if result.event_mask is None:
        raise AssertionError("asked for")
    bit = np.uint64(1 << plan.population_names.index(phenotype))
    inside: NDArray[np.bool_] = (result.event_mask & bit).astype(np.bool_)
    return inside


def _read_values(
    stream: EventStream, plan: GatePlan, inside: NDArray[np.bool_], channels: list[str]
) -> FloatArray:
    """Return the compensated values (cells, channels) of those inside, evenly spaced."""
    terms = [plan.arrays.terms(plan.channel_names.index(name)) for name in channels]
    members = int(np.count_nonzero(inside))
    step = max(1, -(-members // SAMPLED_CELLS))
    values = np.empty((-(-members // step), len(channels)))
    first = passed = filled = 0
    for batch in stream.batches(BATCH_EVENTS):
        found = np.flatnonzero(inside[first : first + len(batch)])
        chosen = found[-passed % step :: step]
        rows = batch[chosen] * stream.factors
        for column, (detectors, weights) in enumerate(terms):
            values[filled : filled + chosen.size, column] = rows[:, detectors] @ weights
        first, passed, filled = first + len(batch), passed + found.size, filled + chosen.size
    return values
