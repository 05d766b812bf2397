"""Why a population holds no event: none in its parent, none decided, or none where its gate is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from chc_gating.gating.calls import prepare_batch
from chc_gating.gating.dimensions import GateAxis, read_axes
from chc_gating.gating.fit_lines import fit_lines
from chc_gating.gating.plan import GatePlan
from chc_gating.gating.result import GatingResult
from chc_gating.gating.rules import BoxRule, EllipsoidRule, PolygonRule
from chc_gating.gating.sample import call_sample
from chc_gating.kernels.plan_arrays import NOMINAL
from chc_gating.model.events import EventStream, FloatArray
from chc_gating.model.gates import ROOT, Gates

LOOKED_AT = 262_144
"""The first so many events are looked at for the range of a parent's values."""

Shape = BoxRule | PolygonRule | EllipsoidRule


def explain_empty(
    result: GatingResult, plan: GatePlan, gates: Gates, stream: EventStream
) -> tuple[str, ...]:
    """Return a line for every empty population of another program's gates.

    Only where a parent has events is the stream read again, its first 262,144 events.
    """
    order = result.population_names
    counts = dict(zip(order, result.population_counts.tolist(), strict=True))
    invalid = dict(zip(order, result.population_invalid.tolist(), strict=True))
    empty = [n for n in order if not counts[n] and n != ROOT and _is_imported(n, gates)]
    asked = [n for n in empty if counts[gates.populations[n].parent]]
    ranges = _find_ranges(asked, plan, gates, stream) if asked else {}
    lines = []
    for name in empty:
        parent = gates.populations[name].parent
        events = counts[parent]
        if not events:
            reason = f"its parent {parent} is empty"
        elif invalid[name] == events:
            reason = f"a value that its gate needs is not finite in any of the {events} of {parent}"
        else:
            reason = ranges.get(name) or f"none of the {events} events of {parent} is inside"
        lines.append(f"population {name} is empty: {reason}")
    return tuple(lines)


def _is_imported(name: str, gates: Gates) -> bool:
    gate = gates.populations.get(name)
    return gate is not None and gate.imported is not None


def _find_ranges(
    names: list[str], plan: GatePlan, gates: Gates, stream: EventStream
) -> dict[str, str]:
    """Return, per population, the first axis on which its gate lies beyond its parent's values."""
    arrays = plan.bind(stream)
    order = plan.population_names
    batch = next(iter(stream.batches(LOOKED_AT)), None)
    if batch is None:
        return {}
    stored = prepare_batch(batch)
    rules = fit_lines(stream, plan, arrays=arrays, rules=plan.bind_rules(arrays))
    stop = 1 + max(order.index(gates.populations[name].parent) for name in names)
    state = call_sample(stored, plan, arrays=arrays, rules=rules, stop=stop)
    mask = state.mask[:, NOMINAL]
    found = {}
    for name in names:
        rule = rules.get(order.index(name))
        parent = gates.populations[name].parent
        rows = np.flatnonzero(mask >> np.uint64(order.index(parent)) & np.uint64(1))
        if isinstance(rule, Shape) and not rule.complement and len(rows):
            linear = tuple(_without_scale(axis) for axis in rule.axes)
            positions, _ = read_axes(rule.axes, stored, rows)
            values, _ = read_axes(linear, stored, rows)
            problem = next(_beyond(name, gates, rule, positions, values, len(rows)), None)
            if problem is not None:
                found[name] = problem
    return found


def _without_scale(axis: GateAxis) -> GateAxis:
    return replace(axis, scale=None)


def _beyond(
    name: str, gates: Gates, rule: Shape, positions: FloatArray, values: FloatArray, events: int
) -> Iterator[str]:
    """Yield a sentence for every axis on which no value reaches the gate."""
    imported = gates.populations[name].imported
    if imported is None:
        return
    low, high = _extent(rule)
    for j, dimension in enumerate(imported.dimensions):
        seen = positions[:, j][np.isfinite(positions[:, j])]
        own = values[:, j][np.isfinite(values[:, j])]
        if not len(seen) or not len(own):
            continue
        if seen.max() < low[j] or seen.min() > high[j]:
            side = "above" if seen.max() < low[j] else "below"
            what = " / ".join(dimension.channels)
            yield (
                f"its gate lies {side} all values of {what} ({_compensated(dimension.compensation)}"
                f"), which run from {own.min():.6g} to {own.max():.6g} in the {events} events of "
                f"{gates.populations[name].parent} that were looked at"
            )


def _compensated(compensation: str) -> str:
    return "not compensated" if compensation == "uncompensated" else "compensated"


def _extent(rule: Shape) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest positions (d,) that can be inside."""
    if isinstance(rule, BoxRule):
        return rule.bounds[:, 0], rule.bounds[:, 1]
    if isinstance(rule, PolygonRule):
        return rule.vertices.min(axis=0), rule.vertices.max(axis=0)
    half = np.sqrt(np.diag(np.linalg.inv(rule.inverse)) * rule.distance_square)
    return rule.mean - half, rule.mean + half
