"""The lines of singlets gates, fitted to a sample of the file before the pass.

A robust line (iterated reweighting with Tukey's biweight, as `rlm` of R's MASS does it) of area
against height. Residuals are shares of the line's value, since the spread of area over height
grows with the cell: a band of constant width would lose large cells, which the count is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from chc_gating.errors import RawFileError
from chc_gating.gating.calls import prepare_batch
from chc_gating.gating.decide import bit_of
from chc_gating.gating.plan import EventRule, GatePlan
from chc_gating.gating.rules import SingletRule
from chc_gating.gating.sample import call_sample
from chc_gating.kernels.plan_arrays import NOMINAL, PlanArrays
from chc_gating.model.acquisition import FittedLine
from chc_gating.model.events import EventStream, FloatArray, StoredBatch

SAMPLE_EVENTS = 200_000
"""About so many events, evenly over the file, decide a line: its slope to a part in 10,000."""

FEWEST_EVENTS = 100
"""Fewer events of the parent decide no line."""

BIWEIGHT = 4.685
"""Tukey's constant: 95 % efficient on normal residuals (Huber 1981)."""

MAD_TO_SD = 1.4826
"""Of normal residuals."""

READ_EVENTS = 65_536


def fit_lines(
    stream: EventStream,
    plan: GatePlan,
    *,
    arrays: PlanArrays,
    rules: Mapping[int, EventRule],
) -> dict[int, EventRule]:
    """Return the rules with the line of every singlets gate, top down.

    The sample is every k-th event of the stream, whatever its batches. A file without events
    leaves lines that hold no event. arrays, rules : the plan's, bound to the stream.

    Raises RawFileError where a gate's parent has too few events in the sample.
    """
    fitted = dict(rules)
    unfitted = {p: rule for p, rule in rules.items() if isinstance(rule, SingletRule)}
    if not unfitted:
        return fitted
    sample = prepare_batch(_read_sample(stream))
    for p, rule in unfitted.items():
        parent = int(arrays.gate_parent[p])
        state = call_sample(sample, plan, arrays=arrays, rules=fitted, stop=parent + 1)
        rows = np.flatnonzero(state.mask[:, NOMINAL] & bit_of(parent))
        area, height = rule.read(sample, rows)
        line = fit_line(area, height, band=rule.band)
        if line is None and stream.event_count:
            raise RawFileError(
                f"population {plan.population_names[p]}: a singlets line needs {FEWEST_EVENTS} "
                "events with area and height above 0 in its parent, and finds "
                f"{len(rows)} events in the sample"
            )
        empty = FittedLine(intercept=0.0, slope=0.0, half_width=0.0, events=0)
        fitted[p] = replace(rule, line=line or empty)
    return fitted


def _read_sample(stream: EventStream) -> StoredBatch:
    stride = max(1, stream.event_count // SAMPLE_EVENTS)
    parts, first = [], 0
    for stored in stream.batches(READ_EVENTS):
        parts.append(np.array(stored[-first % stride :: stride]))
        first += len(stored)
    return np.concatenate(parts) if parts else np.empty((0, len(stream.channels)))


def fit_line(area: FloatArray, height: FloatArray, *, band: float) -> FittedLine | None:
    """Return the robust line of area (n,) against height (n,), None with too few events.

    Its band is ``band`` robust standard deviations of area / line - 1 to both sides. Events that
    are not finite, or not above 0, take no part.
    """
    with np.errstate(all="ignore"):
        used = np.isfinite(area) & np.isfinite(height) & (area > 0) & (height > 0)
    # In one order, so that sums round alike whatever the order of events.
    order = np.lexsort((area[used], height[used]))
    area, height = area[used][order], height[used][order]
    if len(area) < FEWEST_EVENTS:
        return None
    line = np.array([0.0, np.median(area / height)])
    spread = 0.0
    for _ in range(100):
        value = line[0] + line[1] * height
        with np.errstate(all="ignore"):
            off = np.where(value > 0, area / value - 1.0, np.inf)
        spread = MAD_TO_SD * float(np.median(np.abs(off)))
        if spread == 0.0:
            break
        weight = np.clip(1.0 - (off / (BIWEIGHT * spread)) ** 2, 0.0, None) / np.abs(value)
        found = _least_squares(area, height, weight)
        close = np.allclose(found, line, rtol=1e-9, atol=1e-9 * float(np.median(area)))
        line = found
        if close:
            break
    return FittedLine(
        intercept=float(line[0]),
        slope=float(line[1]),
        half_width=band * spread,
        events=len(area),
    )


def _least_squares(area: FloatArray, height: FloatArray, weight: FloatArray) -> FloatArray:
    """Return intercept and slope that minimise the sum of (weight * residual) squared.

    The residual is over the line's value already, so the weight is the root of the biweight's
    (1 - u^2)^2 over that value.
    """
    square = weight * weight
    total = square.sum()
    x, y = (square * height).sum() / total, (square * area).sum() / total
    spread = (square * (height - x) ** 2).sum()
    slope = (square * (height - x) * (area - y)).sum() / spread if spread > 0 else y / x
    return np.array([y - slope * x if spread > 0 else 0.0, slope])
