"""Real files gated by FlowKit and by the gate plan, compared event by event.

facs_diva_test.fcs: a leukaemia sample, from fcsparser's tests. CD34 and CD10 stand in for the
epithelial markers. fullPanel_PBMC.fcs: theFlowSpec, 15 colours; its own $SPILLOVER
is the identity, and once more with a dense matrix.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chc_gating.compensation import spillover_from_keyword
from chc_gating.flow.fcs import FcsFile, open_fcs
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.result import GatingResult
from chc_gating.gating.run import run_plan
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # FlowKit's plotting imports warn; no concern of ours
    import flowkit

LEUKAEMIA_PANEL = {
    "name": "leukaemia",
    "channels": {
        "FSC-A": {"role": "scatter"},
        "FSC-W": {"role": "scatter"},
        "SSC-A": {"role": "scatter"},
        "PerCP-A": {"marker": "CD45", "role": "leukocyte"},
        "PacificBlue-A": {"marker": "Syto41", "role": "dna"},
        "PE-Cy7-A": {"marker": "CD34", "role": "epithelial"},
        "PE-A": {"marker": "CD10", "role": "epithelial"},
    },
}
LEUKAEMIA_GATES = {
    "name": "leukaemia",
    "populations": {
        "intact": {"rectangle": {"FSC-A": [40000, 250000], "SSC-A": [None, 200000]}},
        "singlet": {"parent": "intact", "ratio": {"of": ["FSC-A", "FSC-W"], "within": [0.8, 2.5]}},
        "nucleated": {"parent": "singlet", "when": "Syto41+"},
    },
    "phenotype": "nucleated",
    "cuts": {
        "Syto41": {"fixed": 8000},
        "CD45": {"fixed": 10000, "indeterminate": [8000, 12000]},
        "CD34": {"fixed": 1200},
        "CD10": {"fixed": 3000},
    },
    "phenotypes": {
        "CHC": "CD45+ and (CD34+ or CD10+)",
        "CTC": "CD45- and (CD34+ or CD10+)",
        "leukocyte": "CD45+ and CD34- and CD10-",
    },
}
PBMC_PANEL = {
    "name": "pbmc",
    "channels": {
        "FSC-A": {"role": "scatter"},
        "FSC-H": {"role": "scatter"},
        "SSC-A": {"role": "scatter"},
        "CD3 BrV785": {"marker": "CD3", "role": "leukocyte"},
        "V 710/50-A": {"marker": "CD8", "role": "epithelial"},
        "V 670/30-A": {"marker": "CD45RA", "role": "epithelial"},
        "R 730/45-A": {"marker": "CD20", "role": "dump"},
    },
}
PBMC_GATES = {
    "name": "pbmc",
    "populations": {
        "intact": {"rectangle": {"FSC-A": [50000, 200000], "SSC-A": [None, 120000]}},
        "singlet": {"parent": "intact", "ratio": {"of": ["FSC-A", "FSC-H"], "within": [0.9, 1.4]}},
        "no_b": {"parent": "singlet", "when": "CD20-"},
        "bright": {"parent": "intact", "rectangle": {"V 710/50-A": [2000, 60000]}},
    },
    "phenotype": "no_b",
    "cuts": {
        "CD20": {"fixed": 2000},
        "CD3": {"fixed": 3000},
        "CD8": {"fixed": 1500, "indeterminate": [1000, 2500]},
        "CD45RA": {"fixed": 4000},
    },
    "phenotypes": {
        "CHC": "CD3+ and (CD8+ or CD45RA+)",
        "CTC": "CD3- and (CD8+ or CD45RA+)",
        "leukocyte": "CD3+ and CD8- and CD45RA-",
    },
}

CASES = {
    "leukaemia": ("flow/fcsparser/facs_diva_test.fcs", LEUKAEMIA_PANEL, LEUKAEMIA_GATES, False),
    "pbmc": ("flow/theFlowSpec/fullPanel_PBMC.fcs", PBMC_PANEL, PBMC_GATES, False),
    "pbmc_mixed": ("flow/theFlowSpec/fullPanel_PBMC.fcs", PBMC_PANEL, PBMC_GATES, True),
}


def mix(spillover: Spillover) -> Spillover:
    """A dense matrix over the same channels: this file's own one is the identity."""
    d = len(spillover.channels)
    apart = np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
    return Spillover(spillover.channels, 0.2**apart, "made up")


class Comparison:
    """One file, gated by both."""

    def __init__(
        self, path: Path, panel: dict[str, Any], gates: dict[str, Any], *, mixed: bool
    ) -> None:
        self.panel = Panel.model_validate(panel)
        self.gates = Gates.model_validate(gates)
        self.fcs: FcsFile = open_fcs(path)
        spillover = spillover_from_keyword(
            self.fcs.keywords, channels=self.fcs.channels, labels=self.fcs.markers
        )
        assert spillover is not None
        if mixed:
            spillover = mix(spillover)
        self.spillover: Spillover = spillover
        plan = compile_gates(
            self.panel,
            self.gates,
            channels=self.fcs.channels,
            labels=self.fcs.markers,
            spillover=spillover,
        )
        self.result: GatingResult = run_plan(self.fcs.event_stream(), plan, keep_events=True)
        self.flowkit = gate_with_flowkit(path, self)

    def mask(self, population: str) -> np.ndarray:
        """Which events our population holds."""
        assert self.result.event_mask is not None
        bit = np.uint64(self.result.population_names.index(population))
        return (self.result.event_mask >> bit) & np.uint64(1) == 1

    def compensation_of(self, name: str) -> str:
        """FlowKit's name for whether a panel channel is compensated."""
        is_in = self.file_channel(name) in self.spillover.channels
        return "spill" if is_in else "uncompensated"

    def file_channel(self, name: str) -> str:
        """The $PnN of a panel channel."""
        if name in self.fcs.channels:
            return name
        return self.fcs.channels[self.fcs.markers.index(name)]


def gate_with_flowkit(path: Path, case: Comparison) -> dict[str, np.ndarray]:
    """Membership of every population and of every marker's calls, by FlowKit's gates."""
    sample = flowkit.Sample(path, ignore_offset_error=True)
    strategy = flowkit.GatingStrategy()
    names = list(case.spillover.channels)
    matrix = flowkit.Matrix(case.spillover.matrix, names, names)
    strategy.add_comp_matrix("spill", matrix)
    children: list[str] = []
    paths = {"all": ("root",)}
    for name, gate in case.gates.populations.items():
        add_population(strategy, name, gate, paths=paths, case=case)
        children.append(name)
    for marker, cut in case.gates.cuts.items():
        low, high = cut.indeterminate or (cut.fixed, cut.fixed)
        channel = case.panel.markers[marker]
        for suffix, interval in (("+", (high, None)), ("-", (None, low))):
            gate = rectangle(f"{marker}{suffix}", {channel: interval}, case)
            strategy.add_gate(gate, ("root",))
            children.append(gate.gate_name)
    found = strategy.gate_sample(sample)
    return {name: found.get_gate_membership(name) for name in children}


def rectangle(name: str, sides: dict[str, tuple[float | None, float | None]], case: Comparison):  # type: ignore[no-untyped-def]
    """A FlowKit rectangle over compensated channels."""
    return flowkit.gates.RectangleGate(
        name,
        [
            flowkit.Dimension(
                case.file_channel(channel),
                compensation_ref=(
                    "spill"
                    if case.file_channel(channel) in case.spillover.channels
                    else "uncompensated"
                ),
                range_min=low,
                range_max=high,
            )
            for channel, (low, high) in sides.items()
        ],
    )


def add_population(strategy, name, gate, *, paths, case) -> None:  # type: ignore[no-untyped-def]
    """Add one of our populations, as FlowKit's gate of the same meaning."""
    parent = paths[gate.parent]
    if gate.rectangle is not None:
        made = rectangle(name, gate.rectangle, case)
    elif gate.ratio is not None:
        transform = flowkit.transforms.RatioTransform(list(gate.ratio.of), 1.0, 0.0, 0.0)
        strategy.add_transform(f"ratio_{name}", transform)
        low, high = gate.ratio.within
        dimension = flowkit.RatioDimension(
            f"ratio_{name}", "uncompensated", range_min=low, range_max=high
        )
        made = flowkit.gates.RectangleGate(name, [dimension])
    else:
        marker, sign = gate.when[:-1], gate.when[-1]
        cut = case.gates.cuts[marker].fixed
        interval = (cut, None) if sign == "+" else (None, cut)
        made = rectangle(name, {case.panel.markers[marker]: interval}, case)
    strategy.add_gate(made, parent)
    paths[name] = (*parent, name)


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, shared_data: Path) -> Comparison:
    file, panel, gates, mixed = CASES[request.param]
    return Comparison(shared_data / file, panel, gates, mixed=mixed)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_population_holds_the_events_that_flowkit_puts_there(case: Comparison) -> None:
    for name in case.gates.populations:
        ours, theirs = case.mask(name), case.flowkit[name]
        assert 0 < ours.sum() < len(ours), name
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_call_is_that_of_flowkits_gates(case: Comparison) -> None:
    """The class of every event, spelled out from FlowKit's membership."""
    flow, result = case.flowkit, case.result
    inside = flow[case.gates.phenotype]
    first, (a, b) = (
        case.panel.markers_with_role("leukocyte")[0],
        case.panel.markers_with_role("epithelial"),
    )
    for family, sign in (("CHC", "+"), ("CTC", "-")):
        base = inside & flow[first + sign]
        expected = {
            f"{family}_{a}": base & flow[a + "+"] & flow[b + "-"],
            f"{family}_{b}": base & flow[a + "-"] & flow[b + "+"],
            f"{family}_{a}_{b}": base & flow[a + "+"] & flow[b + "+"],
            family: base & (flow[a + "+"] | flow[b + "+"]),
        }
        for name, mask in expected.items():
            np.testing.assert_array_equal(events_of(result, name), mask, err_msg=name)
            assert count_of(result, name) == mask.sum()
    leukocyte = inside & flow[first + "+"] & flow[a + "-"] & flow[b + "-"]
    np.testing.assert_array_equal(events_of(result, "leukocyte"), leukocyte)
    assert leukocyte.sum() > 0
    assert count_of(result, "CHC") > 0


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_candidates_are_compensated_as_flowkit_does(case: Comparison) -> None:
    sample = flowkit.Sample(case.fcs.path, ignore_offset_error=True)
    names = list(case.spillover.channels)
    sample.apply_compensation(flowkit.Matrix(case.spillover.matrix, names, names))
    theirs = sample.get_events(source="comp")
    found = case.result.candidates
    for c, name in enumerate(case.fcs.channels):
        if name in names:
            np.testing.assert_allclose(
                found.compensated[:, c], theirs[found.event_index, c], rtol=1e-9, atol=1e-6
            )


def events_of(result: GatingResult, name: str) -> np.ndarray:
    assert result.event_class is not None
    parts = [
        i
        for i, leaf in enumerate(result.leaf_names)
        if leaf == name or (name in ("CHC", "CTC") and leaf.startswith(name + "_"))
    ]
    return np.isin(result.event_class, parts)


def count_of(result: GatingResult, name: str) -> int:
    return int(result.class_counts[result.class_names.index(name)])
