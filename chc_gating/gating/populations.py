"""Populations in the order of evaluation, and their gates as intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.gating.compile_rules import Rule, RuleContext, compile_shape
from chc_gating.gating.file_channels import FileChannels
from chc_gating.gating.rules import BooleanRule
from chc_gating.gating.scale import invert_scale
from chc_gating.kernels.plan_arrays import ALL, BOOLEAN, NONE, RATIO, RECTANGLE, RULE, WHEN
from chc_gating.model.gates import MAX_POPULATIONS, ROOT, Bound, Gates, PopulationGate


@dataclass(frozen=True)
class Side:
    """An interval [low, high) of a value."""

    value: int
    low: float
    high: float


@dataclass(frozen=True)
class CompiledGate:
    """A population's gate; ``parent`` is a population index, ``table`` that of a `when`.

    rule : what numpy evaluates, None where a kernel does.
    """

    kind: int
    parent: int
    sides: tuple[Side, ...]
    table: int
    rule: Rule | None = None


def order_populations(gates: Gates) -> tuple[str, ...]:
    """Return the population names with all events first and every parent before its children.

    What a boolean gate refers to also comes before it.

    Raises ChcError for an unknown parent or population, a cycle, or too many populations.
    """
    if len(gates.populations) > MAX_POPULATIONS:
        raise ChcError(
            f"gates {gates.name}: {len(gates.populations)} populations; "
            f"at most {MAX_POPULATIONS} fit one plan"
        )
    ordered = [ROOT]
    waiting = dict(gates.populations)
    while waiting:
        ready = [
            name
            for name, gate in waiting.items()
            if all(needed in ordered for needed in (gate.parent, *gate.references))
        ]
        if not ready:
            raise ChcError(_describe_broken_parents(gates, waiting))
        ordered.append(ready[0])
        del waiting[ready[0]]
    return tuple(ordered)


def _describe_broken_parents(gates: Gates, waiting: Mapping[str, PopulationGate]) -> str:
    for name, gate in waiting.items():
        for needed in (gate.parent, *gate.references):
            if needed != ROOT and needed not in gates.populations:
                what = "parent" if needed == gate.parent else "population"
                return f"gates {gates.name}: population {name}: there is no {what} {needed}"
    names = ", ".join(waiting)
    return f"gates {gates.name}: populations {names} need each other, in a circle"


def compile_population(
    name: str,
    gates: Gates,
    *,
    context: RuleContext,
    rules: Mapping[str, int],
) -> CompiledGate:
    """Return one population's gate over the values of a file's channels."""
    if name == ROOT:
        return CompiledGate(ALL, NONE, (), NONE)
    gate, file = gates.populations[name], context.file
    parent = context.order.index(gate.parent)
    if gate.rectangle is not None:
        sides = tuple(_side(c, bounds, gate, file) for c, bounds in gate.rectangle.items())
        return CompiledGate(RECTANGLE, parent, sides, NONE)
    if gate.ratio is not None:
        above, below = gate.ratio.of
        sides = (_side(above, gate.ratio.within, gate, file), _side(below, _OPEN, gate, file))
        return CompiledGate(RATIO, parent, sides, NONE)
    if gate.quadrant is not None:
        sides = tuple(_side(c, b, gate, file) for c, b in gate.quadrant.bounds.items())
        return CompiledGate(RECTANGLE, parent, sides, NONE)
    if gate.when is not None:
        return CompiledGate(WHEN, parent, (), rules[name])
    rule = compile_shape(name, gate, context)
    kind = BOOLEAN if isinstance(rule, BooleanRule) else RULE
    return CompiledGate(kind, parent, (), NONE, rule)


_OPEN: tuple[Bound, Bound] = (None, None)


def _side(
    channel: str, bounds: tuple[Bound, Bound], gate: PopulationGate, file: FileChannels
) -> Side:
    low = -np.inf if bounds[0] is None else bounds[0]
    high = np.inf if bounds[1] is None else bounds[1]
    if gate.scale == "transformed" and bounds != _OPEN:
        finite = np.array([b for b in bounds if b is not None], dtype=np.float64)
        linear = iter(invert_scale(finite, file.panel.transform).tolist())
        low = low if bounds[0] is None else next(linear)
        high = high if bounds[1] is None else next(linear)
    index = file.index(channel)
    return Side(index + len(file.names) if gate.scale == "raw" else index, low, high)
