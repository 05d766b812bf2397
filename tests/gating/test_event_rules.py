"""Gates that no kernel decides, entered between kernel calls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from chc_gating.gating.decide import ask_events, enter_population
from chc_gating.gating.plan import GatePlan
from chc_gating.gating.run import run_plan
from chc_gating.gating.task import find_thresholds
from chc_gating.kernels.plan_arrays import RULE
from chc_gating.kernels.records import State
from chc_gating.model.events import FloatArray, StoredBatch
from tests.gating.scenes import make_events, make_plan, make_stream
from tests.gating.test_run_laws import assert_same

EVENTS = make_events(9000, seed=4)


@dataclass(frozen=True)
class SidesInNumpy:
    """A rectangle or ratio of the plan, decided in numpy."""

    plan: GatePlan
    sides: range
    is_ratio: bool

    def bind(self, factor: FloatArray, saturation: FloatArray) -> SidesInNumpy:
        """The scenes' factors are 1."""
        return self

    def enter(self, stored: StoredBatch, p: int, parent: int, state: State) -> None:
        """Decide as the contract says."""
        rows = ask_events(state, parent)
        arrays = self.plan.arrays
        values = []
        with np.errstate(all="ignore"):
            for side in self.sides:
                value = np.zeros(len(rows))
                terms = arrays.terms(arrays.side_value[side])
                for detector, weight in zip(*terms, strict=True):
                    value += stored[rows, detector] * weight
                values.append(value)
            if self.is_ratio:
                values = [*values, values[0] / values[1]]
        bounds = arrays.side_bounds[list(self.sides)]
        if self.is_ratio:
            bounds = np.array([[-np.inf, np.inf], [-np.inf, np.inf], bounds[0]])
        odd = ~np.isfinite(values).all(axis=0)
        inside = ~odd
        for value, (low, high) in zip(values, bounds, strict=True):
            inside &= (low <= value) & (value < high)
        enter_population(state, p, parent, rows=rows, inside=inside, undecided=odd)


@pytest.mark.parametrize("names", [["intact"], ["singlet"], ["intact", "singlet", "beads"]])
def test_a_gate_decided_between_kernel_calls_is_as_one_that_the_kernel_decides(
    names: list[str],
) -> None:
    plan = make_plan(bead_population="beads")
    expected = run_plan(make_stream(EVENTS), plan, keep_events=True)
    first, kinds = plan.arrays.gate_first, plan.arrays.gate_kind.copy()
    rules = {}
    for p in (plan.population_names.index(name) for name in names):
        sides = range(first[p], first[p + 1])
        rules[p] = SidesInNumpy(plan, sides, is_ratio=plan.population_names[p] == "singlet")
        kinds[p] = RULE
    changed = replace(plan, arrays=plan.arrays._replace(gate_kind=kinds), rules=rules)
    for threads in (1, 3):
        found = run_plan(
            make_stream(EVENTS), changed, keep_events=True, threads=threads, batch_events=4444
        )
        assert_same(expected, found)
    assert (expected.class_low_cut != expected.class_counts).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stored_value_is_saturated_exactly_from_its_threshold_on(dtype: type) -> None:
    factor = np.array([1.0, 0.1, 1 / 3, 7.3, 1.0])
    saturation = np.array([262144.0, 26214.3, 1e5 / 3, 1e3, np.inf])
    found = find_thresholds(factor, saturation, dtype=np.dtype(dtype))
    below = np.nextafter(found, dtype(-np.inf))
    assert (found.astype(np.float64) * factor >= saturation).all()
    assert not (below.astype(np.float64) * factor >= saturation).any()
