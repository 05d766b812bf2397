"""Gates to a plan: names of channels, cuts, and what is refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover
from tests.gating.scenes import CHANNELS, GATES, LABELS, PANEL, make_gates, make_plan, make_stream


def refused(**changes: Any) -> str:
    with pytest.raises(ChcError) as error:
        make_plan(make_gates(**changes))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_plan_arrays_cannot_be_written_to() -> None:
    plan = make_plan()
    arrays = [a for a in plan.arrays if isinstance(a, np.ndarray)]
    assert len(arrays) > 10
    assert not any(array.flags.writeable for array in arrays)


def test_only_terms_that_compensation_needs_are_in_the_plan() -> None:
    plan = make_plan()
    detectors, weights = plan.arrays.terms(CHANNELS.index("FSC-A"))
    assert (detectors.tolist(), weights.tolist()) == ([0], [1.0])
    detectors, _ = plan.arrays.terms(CHANNELS.index("PE-A"))
    assert detectors.tolist() == [3, 4, 5]


def test_rounding_errors_of_the_inverse_are_no_terms() -> None:
    # two blocks that do not share light: the inverse has nothing between them
    matrix = np.eye(4)
    matrix[:2, :2] = [[1, 0.3], [0.1, 1]]
    matrix[2:, 2:] = [[1, 0.7], [0.2, 1]]
    matrix = matrix + 1e-17
    spillover = Spillover(("APC-A", "PE-A", "FITC-A", "BV421-A"), matrix, "blocks")
    plan = make_plan(spillover=spillover)
    detectors, _ = plan.arrays.terms(CHANNELS.index("APC-A"))
    assert detectors.tolist() == [3, 4]


def test_a_parent_may_stand_below_its_child_and_is_evaluated_first() -> None:
    child = {"parent": "mother", "rectangle": {"PE-A": [0, None]}}
    mother = {"rectangle": {"SSC-A": [0, None]}}
    gates = make_gates(populations={"child": child, "mother": mother}, phenotype="child")
    assert make_plan(gates).population_names == ("all", "mother", "child")


def test_cuts_are_applied_with_their_band_in_linear_units() -> None:
    cuts = {cut.marker: (cut.channel, cut.low, cut.high) for cut in make_plan().cuts}
    assert cuts["CD45"] == ("APC-A", 150.0, 250.0)
    assert cuts["EPCAM"] == ("PE-A", 150.0, 150.0)


def test_lower_and_higher_cuts_move_by_a_tenth_of_their_size() -> None:
    plan = make_plan()
    k = [cut.marker for cut in plan.cuts].index("CK")  # band [-40, 60)
    assert plan.arrays.cuts[:, k] == pytest.approx(np.array([[-40, 60], [-44, 54], [-36, 66]]))


def test_a_channel_is_found_by_its_label_where_no_name_fits() -> None:
    names = tuple(f"FL{i}" for i in range(len(CHANNELS)))
    plan = make_plan(channels=names, labels=CHANNELS, spillover=None)
    assert [cut.channel for cut in plan.cuts] == ["BV421-A", "APC-A", "PE-A", "FITC-A"]
    assert plan.arrays.marker_channel.tolist() == [6, 3, 4, 5]


def test_a_file_that_lacks_channels_is_named_with_what_it_has() -> None:
    with pytest.raises(RawFileError) as error:
        make_plan(channels=CHANNELS[:4], labels=LABELS[:4], spillover=None)
    message = str(error.value)
    assert message.startswith("panel chc4 needs BV421-A (VIA), PE-A (EPCAM), FITC-A (CK), the file")
    assert "FSC-A, FSC-H, SSC-A, APC-A" in message


def test_a_panel_channel_that_nothing_uses_may_be_absent() -> None:
    plan = make_plan(channels=CHANNELS[:7], labels=LABELS[:7])
    assert "Time" not in plan.channels


def test_a_spillover_over_absent_channels_is_a_fault_of_the_file() -> None:
    spillover = Spillover(("APC-A", "PE-Cy7-A"), np.eye(2), "m.csv")
    with pytest.raises(RawFileError, match=r"spillover from m\.csv needs channels PE-Cy7-A"):
        make_plan(spillover=spillover)


def test_a_singular_spillover_is_refused() -> None:
    spillover = Spillover(("APC-A", "PE-A"), np.ones((2, 2)), "m.csv")
    with pytest.raises(ChcError, match="singular"):
        make_plan(spillover=spillover)


def test_a_gate_on_a_channel_that_the_panel_lacks_is_refused() -> None:
    populations = {"a": {"rectangle": {"BV711-A": [0, None]}}}
    assert "gates use BV711-A" in refused(populations=populations, phenotype="a")


def test_a_circle_of_parents_is_refused() -> None:
    populations = {
        "a": {"parent": "b", "when": "VIA-"},
        "b": {"parent": "a", "when": "VIA-"},
    }
    assert "populations a, b need each other" in refused(populations=populations, phenotype="a")


def test_an_unknown_parent_is_refused() -> None:
    populations = {"a": {"parent": "b", "when": "VIA-"}}
    assert "there is no parent b" in refused(populations=populations, phenotype="a")


def test_an_unknown_phenotype_population_is_refused() -> None:
    assert "phenotype: there is no population living" in refused(phenotype="living")


def test_an_unknown_bead_population_is_refused() -> None:
    with pytest.raises(ChcError, match="bead_population: there is no population counted"):
        make_plan(bead_population="counted")


def test_more_than_63_populations_are_refused() -> None:
    populations = {f"p{i}": {"when": "VIA-"} for i in range(64)}
    assert "64 populations; at most 63" in refused(populations=populations, phenotype="p0")


def test_63_populations_are_evaluated() -> None:
    populations = {f"p{i}": {"rectangle": {"PE-A": [i, None]}} for i in range(63)}
    gates = make_gates(populations=populations, phenotype="p0")
    events = np.full((2, len(CHANNELS)), 61.5)
    found = run_plan(make_stream(events), make_plan(gates, spillover=None))
    assert found.population_counts.tolist() == [2] * 63 + [0]


def test_a_rule_over_a_marker_without_a_cut_is_refused() -> None:
    cuts = {k: v for k, v in GATES["cuts"].items() if k != "CK"}
    assert "marker CK has no cut" in refused(cuts=cuts)


def test_a_rule_over_a_marker_that_the_panel_lacks_is_refused() -> None:
    rules = {"CHC": "CD44+"}
    assert "panel chc4 has no marker CD44" in refused(phenotypes=rules)


def test_gates_without_cuts_count_populations_and_no_classes() -> None:
    populations = {"a": {"rectangle": {"SSC-A": [100, None]}}}
    gates = make_gates(populations=populations, phenotype="a", cuts={})
    events = np.full((3, len(CHANNELS)), 100.0)
    found = run_plan(make_stream(events), make_plan(gates))
    assert found.population_counts.tolist() == [3, 3]
    assert found.phenotype_events == 3
    assert found.class_names == ()
    assert [(d.population, d.x, d.y) for d in found.densities] == [
        ("all", "SSC-A", "FSC-A"),
        ("a", "APC-A", "PE-A"),
        ("a", "APC-A", "FITC-A"),
        ("all", "FSC-A", "FSC-H"),
        ("a", "APC-A", "BV421-A"),
    ]


def test_a_ratio_on_the_transformed_scale_is_refused_in_one_line() -> None:
    rule = {"ratio": {"of": ["FSC-A", "FSC-H"], "within": [1, 2]}, "scale": "transformed"}
    message = refused(populations={"a": rule}, phenotype="a")
    assert "population a: scale transformed is for rectangle, polygon" in message


@pytest.mark.parametrize("source", ["fmo", "isotype", "unstained"])
def test_a_cut_from_a_control_that_is_not_given_is_refused(source: str) -> None:
    cuts = {**GATES["cuts"], "CK": {source: {"quantile": 0.99}}}
    text = f"cut of CK: is taken from the {source} control; run chc cutoffs on it"
    assert text in refused(cuts=cuts)


def test_a_cut_from_donors_is_refused_in_one_line() -> None:
    cuts = {**GATES["cuts"], "CK": {"donors": {"quantile": 0.99}}}
    assert "cut of CK: donors is not built yet" in refused(cuts=cuts)


def test_gates_of_another_program_that_were_not_read_are_refused_in_one_line() -> None:
    message = refused(file="gates.xml", populations={}, phenotype="all")
    assert "no populations were read from gates.xml" in message


# logicle at t 262144, w .5, m 4.5, a 0 maps 1 to the top of the scale (Gating-ML 2.0, 6.4)
def test_bounds_on_the_transformed_scale_become_linear() -> None:
    rectangle = {"rectangle": {"PE-A": [None, 1.0]}, "scale": "transformed"}
    plan = make_plan(make_gates(populations={"a": rectangle}, phenotype="a"))
    assert plan.arrays.side_bounds[0].tolist() == [-np.inf, pytest.approx(262144.0)]


def test_nucleated_cells_are_known_with_a_dna_channel_or_where_the_gates_name_them() -> None:
    assert make_plan().nucleated is None
    assert make_plan(make_gates(nucleated="singlet")).nucleated == "singlet"
    panel = Panel.model_validate(
        {
            **PANEL.model_dump(),
            "channels": {**PANEL.model_dump()["channels"], "Time": {"role": "dna"}},
        }
    )
    plan = compile_gates(panel, make_gates(), channels=CHANNELS, labels=LABELS, spillover=None)
    assert plan.nucleated == "viable"
