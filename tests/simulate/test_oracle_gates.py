from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chc_gating.errors import ChcError
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.simulate.batch import Rules
from chc_gating.simulate.oracle_gates import classify, count_classes

NAN, INF = np.nan, np.inf
VIABLE_CELL = {
    "FSC-A": 60_000.0,
    "FSC-H": 50_000.0,
    "SSC-A": 20_000.0,
    "APC-A": 9_000.0,
    "PE-A": 0.0,
    "FITC-A": 0.0,
    "BV421-A": 0.0,
    "BV605-A": 0.0,
    "Time": 0.0,
}
ReadRules = Callable[[str, str], Rules]


def columns(*events: dict[str, float]) -> dict[str, np.ndarray]:
    rows = [{**VIABLE_CELL, **{k.replace("_", "-"): v for k, v in e.items()}} for e in events]
    return {name: np.array([row[name] for row in rows]) for name in VIABLE_CELL}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, "leukocyte"),
        ({"FITC-A": 1500.0}, "CHC_CK"),  # on the cut: positive
        ({"FITC-A": 1499.999}, "leukocyte"),
        ({"FITC-A": 262_143.0}, "CHC_CK"),  # saturated: keeps its call
        ({"APC-A": 2500.0, "PE-A": 9e3}, "CHC_EPCAM"),  # at the top of the band: positive
        ({"APC-A": 2499.9, "PE-A": 9e3}, "indeterminate_candidate"),
        ({"APC-A": 1500.0, "PE-A": 9e3}, "indeterminate_candidate"),  # at the bottom: in the band
        ({"APC-A": 1499.9, "PE-A": 9e3}, "CTC_EPCAM"),
        ({"APC-A": -300.0, "PE-A": 9e3, "FITC-A": 9e3}, "CTC_EPCAM_CK"),
        ({"APC-A": NAN}, "invalid"),
        ({"APC-A": NAN, "FITC-A": 9e3}, "invalid_candidate"),
        ({"FITC-A": INF}, "invalid_candidate"),
        ({"FITC-A": -INF, "APC-A": 0.0}, "invalid_candidate"),
        ({"BV421-A": 2999.9}, "leukocyte"),
        ({"BV421-A": 3000.0}, ""),  # takes up the viability dye
        ({"BV421-A": NAN}, ""),  # negative is valid and below the cut
        ({"FSC-A": 30_000.0, "FSC-H": 25_000.0}, "leukocyte"),
        ({"FSC-A": 29_999.9, "FSC-H": 25_000.0}, ""),
        ({"SSC-A": 200_000.0}, ""),  # intervals are [low, high)
        ({"SSC-A": NAN}, ""),
        ({"FSC-H": 60_000.0 / 1.6}, ""),
        ({"FSC-H": 0.0}, ""),
        ({"FSC-H": NAN}, ""),
    ],
)
def test_class_of_one_event(event: dict[str, float], expected: str, rules: ReadRules) -> None:
    chosen = rules("chc4", "chc")
    found = classify(columns(event), panel=chosen.panel, gates=chosen.gates)
    assert found.tolist() == [expected]


def test_beads_never_have_a_phenotype(rules: ReadRules) -> None:
    chosen = rules("chc4", "chc")
    bead = {"BV605-A": 60_000.0, "FITC-A": 9e3}
    counts = count_classes(
        columns(bead, {}), panel=chosen.panel, gates=chosen.gates, bead_population="beads"
    )
    assert (counts.passes["CHC"], counts.passes["leukocyte"]) == (0, 1)


def test_parts_add_up_to_their_class(rules: ReadRules) -> None:
    chosen = rules("chc4", "chc")
    events = [{"FITC-A": 9e3}, {"PE-A": 9e3}, {"PE-A": 9e3, "FITC-A": NAN}]
    passes = count_classes(columns(*events), panel=chosen.panel, gates=chosen.gates).passes
    assert passes["CHC"] == 3
    assert [passes[f"CHC_{part}"] for part in ("CK", "EPCAM", "unresolved")] == [1, 1, 1]


def test_all_cuts_move_together_by_a_tenth(rules: ReadRules) -> None:
    chosen = rules("chc4", "chc")
    # 1,400 lies between .9 and 1 times the CK cut of 1,500; 1,600 between 1 and 1.1 times.
    events = columns({"FITC-A": 1400.0}, {"FITC-A": 1600.0}, {"BV421-A": 3200.0, "FITC-A": 9e3})
    counts = count_classes(events, panel=chosen.panel, gates=chosen.gates)
    # The third event takes up dye: it is viable only when the VIA cut is 3,300.
    assert (counts.low_cut["CHC"], counts.passes["CHC"], counts.high_cut["CHC"]) == (2, 1, 1)


def test_a_negative_cut_moves_by_a_tenth_of_its_size() -> None:
    panel = Panel.model_validate({"name": "p", "channels": {"A": {"marker": "CK"}}})
    gates = Gates.model_validate(
        {"name": "g", "cuts": {"CK": {"fixed": -100}}, "phenotypes": {"bright": "CK+"}}
    )
    counts = count_classes({"A": np.array([-105.0, -95.0])}, panel=panel, gates=gates)
    # The cut becomes -110, -100 and -90.
    found = (counts.low_cut["bright"], counts.passes["bright"], counts.high_cut["bright"])
    assert found == (2, 1, 0)


def test_no_events_give_no_counts(rules: ReadRules) -> None:
    chosen = rules("chc4", "chc")
    empty = {name: np.empty(0) for name in VIABLE_CELL}
    assert not +count_classes(empty, panel=chosen.panel, gates=chosen.gates).passes


def test_a_gate_that_the_oracle_does_not_know_is_named() -> None:
    panel = Panel.model_validate({"name": "p", "channels": {"A": {}, "B": {}}})
    vertices = [[0, 0], [1, 0], [0, 1]]
    gates = Gates.model_validate(
        {"name": "g", "populations": {"tri": {"polygon": {"of": ["A", "B"], "vertices": vertices}}}}
    )
    with pytest.raises(ChcError, match=r"not polygon \(tri\)"):
        classify({"A": np.zeros(1), "B": np.zeros(1)}, panel=panel, gates=gates)
