"""A gate plan: gates, cuts and spillover as one flat, immutable set of arrays with their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.kernels.records import State
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.events import EventStream, FloatArray, StoredBatch
from chc_gating.model.panel import Transform
from chc_gating.model.phenotypes import PhenotypeTable


@dataclass(frozen=True)
class Axis:
    """One axis of a density: a value, and the scale that spaces its bins.

    transform : None on a linear axis. known_range : False where the range has to be seen in the
    events first (slides).
    """

    channel: str
    value: int
    transform: Transform | None
    known_range: bool


@dataclass(frozen=True)
class DensityPlan:
    """A density to fill: the events of one population over two axes."""

    population: str
    x: Axis
    y: Axis


class EventRule(Protocol):
    """A gate that no kernel decides."""

    def bind(self, factor: FloatArray, saturation: FloatArray) -> EventRule:
        """Return the rule for a stream's factors and maxima (m,)."""
        ...

    def enter(self, stored: StoredBatch, p: int, parent: int, state: State) -> None:
        """Put a batch's events into population p of the state, and note who is undecided."""
        ...


@dataclass(frozen=True)
class GatePlan:
    """What `run_plan` evaluates.

    channels : the m channels of the stream that the plan was made for.
    channel_names : the same as results name them: by the panel's name, where it has one.
    population_names, population_parents : P, parents first; the first is all events.
    phenotypes : None where the gates name no phenotypes or no cuts.
    nucleated : the population that counts as nucleated, None where that is not known.
    sensitive : whether moving the cuts moves every call; not where populations of another
    program's file stand for calls.
    arrays : the plan as kernels read it, for channels of factor 1 that never saturate.
    rules : by population index, the gates that no kernel decides (their kind is RULE or
        BOOLEAN).
    """

    channels: tuple[str, ...]
    channel_names: tuple[str, ...]
    population_names: tuple[str, ...]
    population_parents: tuple[str | None, ...]
    phenotype: str
    phenotypes: PhenotypeTable | None
    nucleated: str | None
    bead: str | None
    cuts: tuple[AppliedCut, ...]
    densities: tuple[DensityPlan, ...]
    sensitive: bool
    arrays: PlanArrays
    rules: Mapping[int, EventRule] = field(default_factory=dict)

    def bind(self, stream: EventStream) -> PlanArrays:
        """Return the arrays for a stream: its factors and saturation put in.

        Raises ValueError where the stream's channels are not the plan's.
        """
        if stream.channels != self.channels:
            raise ValueError("the plan was compiled for other channels than the stream has")
        factor = np.array(stream.factors, dtype=np.float64)
        weight = self.arrays.term_weight * factor[self.arrays.term_detector]
        saturation = np.array(stream.saturation, dtype=np.float64)
        return freeze(
            self.arrays._replace(term_weight=weight, factor=factor, saturation=saturation)
        )

    def bind_rules(self, arrays: PlanArrays) -> dict[int, EventRule]:
        """Return the rules for the stream of bound arrays, by population, ascending.

        Raises RawFileError where the stream lacks what a rule needs.
        """
        given = arrays.factor, arrays.saturation
        return {p: rule.bind(*given) for p, rule in sorted(self.rules.items())}


def freeze(arrays: PlanArrays) -> PlanArrays:
    """Return the same arrays, made read-only."""
    for array in arrays:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return arrays
