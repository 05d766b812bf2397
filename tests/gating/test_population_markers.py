"""Markers that populations stand for: their states, event by event."""

from __future__ import annotations

from typing import Any

import numpy as np

from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.model.flags import event_flag_bit
from chc_gating.model.gates import Gates
from tests.gating.scenes import CHANNELS, LABELS, PANEL, make_stream

GATES: dict[str, Any] = {
    "name": "populations",
    "populations": {
        "viable": {"when": "VIA-"},
        "bright": {"parent": "viable", "rectangle": {"PE-A": [60, None]}},
        "dim": {"parent": "viable", "rectangle": {"PE-A": [None, 90]}},
    },
    "phenotype": "all",
    "cuts": {"VIA": {"fixed": 100}, "CD45": {"fixed": 200}},
    "markers": {"EPCAM": {"positive": "bright", "negative": "dim"}},
    "phenotypes": {"CHC": "CD45+ and EPCAM+", "leukocyte": "CD45+ and EPCAM-"},
}


def test_an_event_is_called_by_the_populations_it_is_in() -> None:
    # bright, dim, both, undecided, and in neither
    events = np.full((5, len(CHANNELS)), 1000.0)
    events[:, CHANNELS.index("PE-A")] = [100, 10, 70, np.nan, 100]
    events[:, CHANNELS.index("BV421-A")] = [0, 0, 0, 0, 200]
    panel = PANEL.model_copy(update={"spillover": "none"})
    gates = Gates.model_validate(GATES)
    plan = compile_gates(panel, gates, channels=CHANNELS, labels=LABELS, spillover=None)
    found = run_plan(make_stream(events), plan, keep_events=True)
    counts = dict(zip(found.class_names, found.class_counts.tolist(), strict=True))
    assert (counts["CHC"], counts["leukocyte"]) == (1, 1)
    assert found.event_flags is not None
    odd = found.event_flags & event_flag_bit("nonfinite") != 0
    assert odd.tolist() == [False, False, False, True, False]
    assert found.population_invalid.tolist() == [0, 0, 1, 1]
    assert found.class_low_cut is None
