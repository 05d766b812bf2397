"""Event by event, the compiled plan against the oracle, on values that sit on every edge."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.gating.compile import compile_gates
from chc_gating.gating.result import GatingResult
from chc_gating.gating.run import run_plan
from chc_gating.model.events import EventStream
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover
from chc_gating.simulate.oracle_flow import compensate
from chc_gating.simulate.oracle_gates import classify, count_classes

CHANNELS = ("FSC-A", "FSC-H", "A", "B", "C")
PANEL = Panel.model_validate(
    {
        "name": "p",
        "spillover": "keyword",
        "channels": {
            "FSC-A": {"role": "scatter"},
            "FSC-H": {"role": "scatter"},
            "A": {"marker": "CD45", "role": "leukocyte"},
            "B": {"marker": "EPCAM", "role": "epithelial"},
            "C": {"marker": "CK", "role": "epithelial"},
        },
    }
)
EDGES = [-np.inf, -200.0, -110.0, -100.0, -90.0, 0.0, 90.0, 100.0, 110.0, 150.0, 200.0, 1e5]
VALUES = st.sampled_from([*EDGES, 99.5, 100.5, np.inf, np.nan])
BOUNDS = st.tuples(
    st.sampled_from([None, -100.0, 0.0, 100.0]), st.sampled_from([None, 100.0, 150.0, 200.0])
)
CUTS = st.sampled_from(
    [
        {"fixed": 100.0},
        {"fixed": -100.0},
        {"fixed": 0.0},
        {"fixed": 100.0, "indeterminate": [90.0, 150.0]},
        {"fixed": -100.0, "indeterminate": [-200.0, 0.0]},
    ]
)
RULES = st.sampled_from(["CK-", "not CD45-", "CD45+ or EPCAM- and CK+", "(CK+ or CK-) and CD45-"])
PHENOTYPES = st.sampled_from(
    [
        {
            "CHC": "CD45+ and (EPCAM+ or CK+)",
            "CTC": "CD45- and (EPCAM+ or CK+)",
            "leukocyte": "CD45+ and EPCAM- and CK-",
        },
        {"CTC": "CD45- and not (EPCAM- and CK-)", "immune": "CD45+ or CD45- and EPCAM- and CK-"},
        {"double": "EPCAM+ and CK+"},
    ]
)


@st.composite
def gates(draw: st.DrawFn) -> Gates:
    return Gates.model_validate(
        {
            "name": "g",
            "populations": {
                "beads": {"rectangle": {"B": draw(BOUNDS), "C": draw(BOUNDS)}},
                "single": {"ratio": {"of": ["FSC-A", "FSC-H"], "within": draw(BOUNDS)}},
                "ruled": {"parent": "single", "when": draw(RULES)},
            },
            "phenotype": draw(st.sampled_from(["all", "single", "ruled"])),
            "cuts": {marker: draw(CUTS) for marker in ("CD45", "EPCAM", "CK")},
            "phenotypes": draw(PHENOTYPES),
        }
    )


def gate(events: np.ndarray, rules: Gates, *, spillover: Spillover | None, beads: str | None):
    stream = EventStream(
        channels=CHANNELS,
        labels=(None,) * len(CHANNELS),
        event_count=len(events),
        factors=np.ones(len(CHANNELS)),
        saturation=np.full(len(CHANNELS), np.inf),
        batches=lambda size: (events[i : i + size] for i in range(0, len(events), size)),
    )
    plan = compile_gates(
        PANEL,
        rules,
        channels=CHANNELS,
        labels=stream.labels,
        spillover=spillover,
        bead_population=beads,
    )
    return run_plan(stream, plan, keep_events=True)


def assert_equal(
    found: GatingResult, columns: dict[str, np.ndarray], rules: Gates, beads: str | None
) -> None:
    names = np.array(["", *found.leaf_names[1:]])[found.event_class]
    expected = classify(columns, panel=PANEL, gates=rules, bead_population=beads)
    assert names.tolist() == expected.tolist()
    counts = count_classes(columns, panel=PANEL, gates=rules, bead_population=beads)
    for row, name in enumerate(found.class_names):
        assert (
            found.class_counts[row],
            found.class_low_cut[row],
            found.class_high_cut[row],
        ) == (counts.passes[name], counts.low_cut[name], counts.high_cut[name]), name
    assert set(+counts.passes) <= set(found.class_names)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(*[VALUES] * len(CHANNELS)), min_size=1, max_size=30),
    gates(),
    st.sampled_from([None, "beads"]),
)
def test_every_event_has_the_class_that_the_oracle_gives_it(
    events: list[tuple[float, ...]], rules: Gates, beads: str | None
) -> None:
    values = np.array(events)
    columns = {name: values[:, i] for i, name in enumerate(CHANNELS)}
    assert_equal(gate(values, rules, spillover=None, beads=beads), columns, rules, beads)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["dense", "one way", "block"]),
    gates(),
)
def test_compensated_events_have_the_class_that_the_oracle_gives_them(
    seed: int, shape: str, rules: Gates
) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.eye(3) + rng.uniform(0.01, 0.3, (3, 3)) * (1 - np.eye(3))
    if shape == "one way":
        matrix = np.triu(matrix)
    if shape == "block":
        matrix[2, :2] = matrix[:2, 2] = 0
    values = rng.normal(80, 90, (200, len(CHANNELS)))
    broken = rng.random(values.shape) < 0.03
    values[broken] = rng.choice([np.nan, np.inf, -np.inf], size=int(broken.sum()))
    spillover = Spillover(("A", "B", "C"), matrix, "made for the test")
    compensated = compensate(values, [2, 3, 4], matrix)
    columns = {name: compensated[:, i] for i, name in enumerate(CHANNELS)}
    assert_equal(gate(values, rules, spillover=spillover, beads=None), columns, rules, None)
