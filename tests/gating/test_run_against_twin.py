"""The pass against the slow twin, event by event."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.gating.result import GatingResult
from chc_gating.gating.run import run_plan
from chc_gating.model.flags import event_flag_names
from chc_gating.model.gates import Gates
from tests.gating.scenes import (
    CHANNELS,
    INVERSE,
    PANEL,
    SATURATION,
    make_events,
    make_gates,
    make_plan,
    make_stream,
)
from tests.gating.slow_twin import Twin, TwinEvent


def twin_of(gates: Gates, bead: str | None = None) -> Twin:
    return Twin(PANEL, gates, CHANNELS, INVERSE, np.full(len(CHANNELS), SATURATION), bead)


def populations_of(result: GatingResult, i: int) -> set[str]:
    assert result.event_mask is not None
    bits = int(result.event_mask[i])
    return {name for p, name in enumerate(result.population_names) if bits >> p & 1}


def assert_equal_events(result: GatingResult, twins: list[TwinEvent]) -> None:
    assert result.event_class is not None
    assert result.event_flags is not None
    for i, twin in enumerate(twins):
        assert populations_of(result, i) == twin.populations, i
        assert result.leaf_names[result.event_class[i]] == twin.leaf, i
        assert set(event_flag_names(int(result.event_flags[i]))) == twin.flags, i


def leaves(result: GatingResult, counts: np.ndarray) -> dict[str, int]:
    """Counts by leaf class, without the rows that sum others up, without zeros."""
    rows = dict(zip(result.class_names, counts.tolist(), strict=True))
    return {name: n for name, n in rows.items() if n and name not in ("CHC", "CTC")}


def count_leaves(twins: list[TwinEvent]) -> dict[str, int]:
    counted = Counter(twin.leaf for twin in twins)
    del counted["outside"]
    return dict(counted)


def check(gates: Gates, events: np.ndarray, bead: str | None = None) -> None:
    result = run_plan(make_stream(events), make_plan(gates, bead_population=bead), keep_events=True)
    twin = twin_of(gates, bead)
    raw = events.astype(np.float64)
    twins = [twin.gate(row) for row in raw]
    assert_equal_events(result, twins)
    assert leaves(result, result.class_counts) == count_leaves(twins)
    low = [twin.gate(row, -0.1) for row in raw]
    high = [twin.gate(row, 0.1) for row in raw]
    assert leaves(result, result.class_low_cut) == count_leaves(low)
    assert leaves(result, result.class_high_cut) == count_leaves(high)
    clean = [t for t in twins if not t.flags & {"saturated", "leans_on_saturated"}]
    assert leaves(result, result.class_without_saturated) == count_leaves(clean)
    for p, name in enumerate(result.population_names):
        assert result.population_counts[p] == sum(name in t.populations for t in twins)
        assert result.population_invalid[p] == sum(name in t.invalid for t in twins)
    for flag, n in result.flag_counts.items():
        assert n == sum(flag in t.flags for t in twins), flag


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_event_is_what_the_twin_says(dtype: type) -> None:
    check(make_gates(), make_events(3000, dtype=dtype), bead="beads")


def test_events_without_a_bead_population_are_what_the_twin_says() -> None:
    check(make_gates(), make_events(1500, seed=3))


BOUND = st.one_of(st.none(), st.sampled_from([-50.0, 0.0, 150.0, 300.0, 1000.0]))
CUT = st.sampled_from([-50.0, 0.0, 100.0, 150.0, 300.0])


@st.composite
def gates_files(draw: st.DrawFn) -> Gates:
    names = ["first", "second", "third", "fourth"]
    populations: dict[str, object] = {}
    for name in names[: draw(st.integers(1, 4))]:
        kind = draw(st.sampled_from(["rectangle", "ratio", "when"]))
        channels = draw(
            st.lists(st.sampled_from(CHANNELS[:7]), min_size=2, max_size=3, unique=True)
        )
        rule: object = draw(st.sampled_from(["VIA-", "VIA- or CD45+", "not CK+ and EPCAM-"]))
        if kind == "rectangle":
            rule = {c: draw(st.tuples(BOUND, BOUND)) for c in channels}
        elif kind == "ratio":
            rule = {"of": channels[:2], "within": draw(st.tuples(BOUND, st.just(1.5)))}
        scale = draw(st.sampled_from(["compensated", "raw"]))
        parent = draw(st.sampled_from(["all", *populations]))
        populations[name] = {"parent": parent, kind: rule, "scale": scale}
    cuts = {m: {"fixed": draw(CUT)} for m in ("VIA", "EPCAM", "CK")}
    low = draw(CUT)
    cuts["CD45"] = {"fixed": low, "indeterminate": (low, low + draw(st.sampled_from([10.0, 99.0])))}
    phenotype = draw(st.sampled_from(["all", *populations]))
    return make_gates(populations=populations, cuts=cuts, phenotype=phenotype)


@settings(max_examples=40, deadline=None)
@given(gates_files(), st.integers(0, 1000))
def test_any_gates_give_what_the_twin_says(gates: Gates, seed: int) -> None:
    events = make_events(60, seed=seed)
    check(gates, events, bead=next(iter(gates.populations)) if seed % 2 else None)
