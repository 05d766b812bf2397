"""The contract's rules read literally, one event at a time, in plain Python and numpy.

Shares the parsed rules with the program, and nothing else: no plan, no table, no kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from chc_gating.model.expression import (
    Call,
    Conjunction,
    Disjunction,
    Negation,
    Node,
    parse_expression,
)
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel

NEGATIVE, BAND, POSITIVE, INVALID = range(4)
Truth = bool | None


def kleene(node: Node, states: Mapping[str, int]) -> Truth:
    if isinstance(node, Call):
        state = states[node.marker]
        if state in (BAND, INVALID):
            return None
        return (state == POSITIVE) == node.positive
    if isinstance(node, Negation):
        inner = kleene(node.operand, states)
        return None if inner is None else not inner
    values = [kleene(operand, states) for operand in node.operands]
    if isinstance(node, Conjunction):
        return False if False in values else None if None in values else True
    assert isinstance(node, Disjunction)
    return True if True in values else None if None in values else False


def true_phenotype(phenotypes: Mapping[str, str], states: Mapping[str, int]) -> str | None:
    for name, text in phenotypes.items():
        if kleene(parse_expression(text).root, states) is True:
            return name
    return None


def resolutions(states: Mapping[str, int], markers: Sequence[str]) -> list[dict[str, int]]:
    """All ways to leave each of the markers as it is, or to resolve it."""
    choices = [(states[m], NEGATIVE, POSITIVE) for m in markers]
    return [{**states, **dict(zip(markers, c, strict=True))} for c in product(*choices)]


def matters(phenotypes: Mapping[str, str], states: Mapping[str, int], marker: str) -> bool:
    others = [m for m, s in states.items() if s in (BAND, INVALID) and m != marker]
    return any(
        true_phenotype(phenotypes, resolved) is None
        and any(
            true_phenotype(phenotypes, {**resolved, marker: s}) is not None
            for s in (NEGATIVE, POSITIVE)
        )
        for resolved in resolutions(states, others)
    )


def classify_states(
    phenotypes: Mapping[str, str], states: Mapping[str, int], *, epithelial: Sequence[str]
) -> str:
    name = true_phenotype(phenotypes, states)
    if name in ("CHC", "CTC"):
        sure = [states[m] in (NEGATIVE, POSITIVE) for m in epithelial]
        positive = [m for m in epithelial if states[m] == POSITIVE]
        return "_".join([name, *positive]) if positive and all(sure) else f"{name}_unresolved"
    if name is not None:
        return name
    unresolved = [m for m, s in states.items() if s in (BAND, INVALID)]
    decisive = [m for m in unresolved if matters(phenotypes, states, m)]
    possible = any(
        true_phenotype(phenotypes, resolved) in ("CHC", "CTC")
        for resolved in resolutions(states, unresolved)
    )
    suffix = "_candidate" if possible else ""
    if any(states[m] == INVALID for m in decisive):
        return "invalid" + suffix
    if decisive:
        return "indeterminate" + suffix
    return "unclassified"


@dataclass
class TwinEvent:
    """What one event is."""

    populations: set[str] = field(default_factory=lambda: {"all"})
    invalid: set[str] = field(default_factory=set)
    leaf: str = "outside"
    flags: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Twin:
    """Gates one event at a time."""

    panel: Panel
    gates: Gates
    channels: tuple[str, ...]
    inverse: np.ndarray
    saturation: np.ndarray
    bead: str | None = None

    def gate(self, raw: np.ndarray, shift: float = 0.0) -> TwinEvent:
        """Raw : (m,) linear. shift : -0.1 and 0.1 move all cuts by a tenth of their size."""
        event = TwinEvent()
        with np.errstate(all="ignore"):
            pure = self.compensate(raw)
        for name, gate in self.gates.populations.items():
            if gate.parent in event.populations:
                values = raw if gate.scale == "raw" else pure
                self._enter(event, name, values, pure, shift)
        self._classify(event, raw, pure, shift)
        return event

    def compensate(self, raw: np.ndarray) -> np.ndarray:
        """Sum over the detectors with a coefficient, in their order."""
        pure = np.empty(len(raw))
        for j in range(len(raw)):
            used = np.flatnonzero(self.inverse[:, j])
            pure[j] = 0.0
            for i in used:
                pure[j] += raw[i] * self.inverse[i, j]
        return pure

    def _enter(
        self, event: TwinEvent, name: str, values: np.ndarray, pure: np.ndarray, shift: float
    ) -> None:
        gate = self.gates.populations[name]
        if gate.when is not None:
            rule = parse_expression(gate.when)
            states = self.states(rule.markers, pure, shift)
            if kleene(rule.root, states) is True:
                event.populations.add(name)
                return
            event.flags.add("left_by_when")
            invalid = [m for m, s in states.items() if s == INVALID]
            if any(matters({"rule": gate.when}, states, m) for m in invalid):
                event.invalid.add(name)
        else:
            sides = self._sides(name, values)
            if not all(np.isfinite(v) for v, _, _ in sides):
                event.invalid.add(name)
            elif all((lo is None or v >= lo) and (hi is None or v < hi) for v, lo, hi in sides):
                event.populations.add(name)
        if name in event.invalid:
            event.flags.add("nonfinite")

    def _sides(
        self, name: str, values: np.ndarray
    ) -> list[tuple[float, float | None, float | None]]:
        gate = self.gates.populations[name]
        if gate.rectangle is not None:
            return [(values[self.channels.index(c)], *b) for c, b in gate.rectangle.items()]
        assert gate.ratio is not None
        above, below = (values[self.channels.index(c)] for c in gate.ratio.of)
        with np.errstate(all="ignore"):
            ratio = np.float64(above) / np.float64(below)
        return [(above, None, None), (below, None, None), (ratio, *gate.ratio.within)]

    def states(self, markers: Sequence[str], pure: np.ndarray, shift: float) -> dict[str, int]:
        """The states of markers."""
        return {m: self._state(m, pure, shift) for m in markers}

    def _state(self, marker: str, pure: np.ndarray, shift: float) -> int:
        cut = self.gates.cuts[marker]
        assert cut.fixed is not None
        low, high = cut.indeterminate or (cut.fixed, cut.fixed)
        value = pure[self.channels.index(self.panel.markers[marker])]
        if not np.isfinite(value):
            return INVALID
        low, high = (edge * (1 + shift * (1 if edge >= 0 else -1)) for edge in (low, high))
        return POSITIVE if value >= high else NEGATIVE if value < low else BAND

    def _classify(self, event: TwinEvent, raw: np.ndarray, pure: np.ndarray, shift: float) -> None:
        if self.bead in event.populations:
            event.flags.add("bead")
            return
        if self.gates.phenotype not in event.populations:
            return
        epithelial = [m for m in self.panel.markers_with_role("epithelial") if m in self.gates.cuts]
        rules = [parse_expression(t) for t in self.gates.phenotypes.values()]
        used = dict.fromkeys([m for r in rules for m in r.markers] + epithelial)
        states = self.states(list(used), pure, shift)
        event.leaf = classify_states(self.gates.phenotypes, states, epithelial=epithelial)
        if INVALID in states.values():
            event.flags.add("nonfinite")
        whens = [g.when for g in self.gates.populations.values() if g.when is not None]
        markers = [*used, *(m for w in whens for m in parse_expression(w).markers)]
        self._flag_saturated(event, raw, markers)

    def _flag_saturated(self, event: TwinEvent, raw: np.ndarray, markers: Sequence[str]) -> None:
        for marker in markers:
            own = self.channels.index(self.panel.markers[marker])
            for detector in np.flatnonzero(self.inverse[:, own]):
                if raw[detector] >= self.saturation[detector]:
                    flag = "saturated" if detector == own else "leans_on_saturated"
                    event.flags.add(flag)
