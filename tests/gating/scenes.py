"""A small panel, its gates, and streams of events made from arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chc_gating.gating.compile import compile_gates
from chc_gating.gating.plan import GatePlan
from chc_gating.model.events import EventStream
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover

CHANNELS = ("FSC-A", "FSC-H", "SSC-A", "APC-A", "PE-A", "FITC-A", "BV421-A", "Time")
LABELS: tuple[str | None, ...] = (None,) * len(CHANNELS)
SATURATION = 5000.0

PANEL = Panel.model_validate(
    {
        "name": "chc4",
        "channels": {
            "FSC-A": {"role": "scatter"},
            "FSC-H": {"role": "scatter"},
            "SSC-A": {"role": "scatter"},
            "APC-A": {"marker": "CD45", "role": "leukocyte"},
            "PE-A": {"marker": "EPCAM", "role": "epithelial"},
            "FITC-A": {"marker": "CK", "role": "epithelial"},
            "BV421-A": {"marker": "VIA", "role": "viability"},
            "Time": {"role": "time"},
        },
    }
)

GATES: dict[str, Any] = {
    "name": "chc",
    "populations": {
        "intact": {"rectangle": {"FSC-A": [300, None], "SSC-A": [None, 2000]}},
        "singlet": {"parent": "intact", "ratio": {"of": ["FSC-A", "FSC-H"], "within": [0.9, 1.6]}},
        "beads": {"rectangle": {"SSC-A": [1500, None]}, "scale": "raw"},
        "viable": {"parent": "singlet", "when": "VIA-"},
    },
    "phenotype": "viable",
    "cuts": {
        "VIA": {"fixed": 300},
        "CD45": {"fixed": 200, "indeterminate": [150, 250]},
        "EPCAM": {"fixed": 150},
        "CK": {"fixed": -20, "indeterminate": [-40, 60]},
    },
    "phenotypes": {
        "CHC": "CD45+ and (EPCAM+ or CK+)",
        "CTC": "CD45- and (EPCAM+ or CK+)",
        "leukocyte": "CD45+ and EPCAM- and CK-",
    },
}

MATRIX = np.array([[1.0, 0.125, 0.0], [0.0, 1.0, 0.25], [0.5, 0.0, 1.0]])
SPILLOVER = Spillover(("APC-A", "PE-A", "FITC-A"), MATRIX, "test")
INVERSE = np.eye(len(CHANNELS))
INVERSE[3:6, 3:6] = np.linalg.inv(MATRIX)


def make_gates(**changes: Any) -> Gates:
    return Gates.model_validate({**GATES, **changes})


def make_plan(gates: Gates | None = None, **options: Any) -> GatePlan:
    given = {"spillover": SPILLOVER, "channels": CHANNELS, "labels": LABELS, **options}
    return compile_gates(PANEL, gates or make_gates(), **given)


def make_stream(events: np.ndarray, **changes: Any) -> EventStream:
    def batches(size: int) -> Iterator[np.ndarray]:
        return (events[i : i + size] for i in range(0, len(events), size))

    m = events.shape[1]
    given = {
        "channels": CHANNELS,
        "labels": LABELS,
        "event_count": len(events),
        "factors": np.ones(m),
        "saturation": np.full(m, SATURATION),
        "batches": batches,
        "time_channel": CHANNELS.index("Time"),
        **changes,
    }
    return EventStream(**given)


def make_events(n: int, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    """Events that visit every branch: on cuts, saturated, not finite, beads, doublets."""
    rng = np.random.default_rng(seed)
    events = np.empty((n, len(CHANNELS)), dtype=dtype)
    events[:, 0] = rng.uniform(200, 3000, n)
    events[:, 1] = events[:, 0] / rng.uniform(0.8, 1.8, n)
    events[:, 2] = rng.uniform(0, 2200, n)
    events[:, 3:7] = rng.uniform(-100, 500, (n, 4))
    events[:, 7] = np.arange(n) * 0.01
    odd = rng.choice([np.nan, np.inf, -np.inf, 0.0, SATURATION, 150.0, 300.0], (n, 7))
    swap = rng.random((n, 7)) < 0.04
    events[:, :7][swap] = odd[swap]
    return events
