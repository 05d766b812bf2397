"""A YAML gates file written as Gating-ML, read back by FlowKit and by us: the same events."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chc_gating.batch.gating_ml import read_gating_ml
from chc_gating.errors import ChcError
from chc_gating.export.gating_ml import write_gating_ml
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover
from tests.gating.scenes import CHANNELS, LABELS, PANEL, SPILLOVER, make_stream

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # FlowKit's plotting imports warn; no concern of ours
    import flowkit

POPULATIONS: dict[str, Any] = {
    "intact": {"rectangle": {"FSC-A": [300, None], "SSC-A": [None, 2000]}},
    "singlet": {"parent": "intact", "ratio": {"of": ["FSC-A", "FSC-H"], "within": [0.9, 1.6]}},
    "viable": {"parent": "singlet", "when": "VIA-"},
    "odd": {"parent": "intact", "when": "not (CD45+ or VIA-) or (CK+ and EPCAM-)"},
    "scaled": {"rectangle": {"PE-A": [0.3, 0.5]}, "scale": "transformed"},
    "triangle": {"parent": "intact", "polygon": {"of": ["PE-A", "APC-A"], "vertices": [
        [0, 0], [400, 0], [0, 400]]}},
    "placed": {"polygon": {"of": ["PE-A", "FITC-A"], "vertices": [
        [0.2, 0.2], [0.7, 0.3], [0.4, 0.6]]}, "scale": "transformed"},
    "disc": {"ellipse": {"of": ["PE-A", "APC-A"], "mean": [100, 100], "covariance": [
        [1e4, 2e3], [2e3, 9e3]], "distance_square": 2}, "scale": "raw"},
    "corner": {"quadrant": {"of": ["PE-A", "APC-A"], "dividers": [50, 60], "sides": [
        "low", "high"]}},
    "both": {"and": ["triangle", "disc"]},
    "one": {"parent": "intact", "or": ["disc"]},
    "rest": {"parent": "intact", "not": "both"},
}  # fmt: skip
REST: dict[str, Any] = {
    "name": "chc",
    "phenotype": "viable",
    "cuts": {
        "VIA": {"fixed": 300},
        "CD45": {"fixed": 200, "indeterminate": [150, 250]},
        "EPCAM": {"fixed": 150},
        "CK": {"fixed": 0.3, "scale": "transformed"},
    },
    "phenotypes": {
        "CHC": "CD45+ and (EPCAM+ or CK+)",
        "CTC": "CD45- and (EPCAM+ or CK+)",
        "leukocyte": "CD45+ and EPCAM- and CK-",
    },
}
GATES = Gates.model_validate({**REST, "populations": POPULATIONS})


def make_panel(**changes: Any) -> Panel:
    return Panel.model_validate({**PANEL.model_dump(), **changes})


def finite_events() -> np.ndarray:
    rng = np.random.default_rng(4)
    events = rng.uniform(-100, 500, (3000, len(CHANNELS)))
    events[:, 0] = rng.uniform(200, 3000, 3000)
    events[:, 1] = events[:, 0] / rng.uniform(0.8, 1.8, 3000)
    events[:, 2] = rng.uniform(0, 2200, 3000)
    events[:, 7] = np.arange(3000) * 0.01
    return events.astype(np.float32).astype(np.float64)


def our_events(
    panel: Panel, gates: Gates, spillover: Spillover | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Populations, and classes of the count table, event by event."""
    plan = compile_gates(panel, gates, channels=CHANNELS, labels=LABELS, spillover=spillover)
    result = run_plan(make_stream(finite_events()), plan, keep_events=True)
    assert result.event_mask is not None
    assert result.event_class is not None
    populations = {
        name: (result.event_mask >> np.uint64(bit)) & np.uint64(1) != 0
        for bit, name in enumerate(result.population_names)
    }
    classes = {}
    for name in gates.phenotypes if plan.phenotypes is not None else ():
        assert plan.phenotypes is not None
        classes[name] = np.isin(result.event_class, plan.phenotypes.leaves_of(name))
    return populations, classes


CASES = {"none": None, "comp.csv": SPILLOVER}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("spillover", CASES)
def test_flowkit_finds_the_same_events_in_every_population_and_phenotype(spillover: str) -> None:
    panel, matrix = make_panel(spillover=spillover), CASES[spillover]
    text = write_gating_ml(GATES, panel, spillover=matrix)
    strategy = flowkit.parse_gating_xml(io.BytesIO(text.encode()))
    sample = flowkit.Sample(finite_events(), channel_labels=list(CHANNELS), sample_id="events")
    theirs = strategy.gate_sample(sample)
    populations, classes = our_events(panel, GATES, matrix)
    for name, ours in {**populations, **classes}.items():
        if name != "all":
            np.testing.assert_array_equal(ours, theirs.get_gate_membership(name), err_msg=name)
            assert 0 < ours.sum() < len(ours), name


@pytest.mark.parametrize("spillover", CASES)
def test_we_find_the_same_events_in_the_document_that_we_wrote(
    spillover: str, tmp_path: Path
) -> None:
    panel, matrix = make_panel(spillover=spillover), CASES[spillover]
    path = tmp_path / "chc.xml"
    path.write_text(write_gating_ml(GATES, panel, spillover=matrix))
    populations, matrices = read_gating_ml(path)
    back = Gates(name="back", populations=populations, matrices=matrices)
    found, _ = our_events(make_panel(spillover="none"), back, None)
    for name, ours in our_events(panel, GATES, matrix)[0].items():
        np.testing.assert_array_equal(ours, found[name], err_msg=name)


def test_a_panel_that_takes_the_file_s_spillover_refers_to_it() -> None:
    text = write_gating_ml(GATES, make_panel(spillover="keyword"))
    assert 'gating:compensation-ref="FCS"' in text
    assert "spectrumMatrix" not in text


REFUSED = {
    "singlets": ({"a": {"singlets": {"of": ["FSC-A", "FSC-H"]}}}, {}, "singlets depends on"),
    "margins": ({"a": {"margins": ["FSC-A"]}}, {}, "margins depends on"),
    "name": ({"a b": {"rectangle": {"FSC-A": [1, 2]}}}, {}, "a b: is no name in XML"),
    "clash": ({"CK_positive": {"rectangle": {"FSC-A": [1, 2]}}}, {}, "two gates would have"),
    "scale": (
        {"a": {"rectangle": {"FSC-A": [0.1, 0.2]}, "scale": "transformed"}},
        {"transform": {"kind": "biexponential"}},
        "biexponential has no Gating-ML form",
    ),
    "matrix": ({"a": {"rectangle": {"FSC-A": [1, 2]}}}, {"spillover": "c.csv"}, "c.csv is needed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_form_in_gating_ml_is_refused_in_one_line(case: str) -> None:
    populations, panel, problem = REFUSED[case]
    (name,) = populations
    gates = Gates.model_validate(
        {**REST, "phenotype": name, "populations": populations, "cuts": {"CK": {"fixed": 1}}}
    )
    with pytest.raises(ChcError, match=problem) as refused:
        write_gating_ml(gates, make_panel(**{"spillover": "none", **panel}))
    assert "\n" not in str(refused.value)
