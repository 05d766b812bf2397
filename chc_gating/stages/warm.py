"""`chc warm`: kernels compiled for this processor before they are needed."""

from __future__ import annotations

import numpy as np

from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.kernels.entries import find_inside_polygon
from chc_gating.model.events import EventStream
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel


def warm() -> None:
    """Compile the kernels of the gating pass, for float32 and float64 events.

    They are kept beside the code, or in numba's own cache folder where that cannot be written; a
    process that finds them there loads them. Nothing happens where they are there already.
    """
    panel = Panel.model_validate(
        {"name": "warm", "channels": {"A": {"marker": "CD45", "role": "leukocyte"}}}
    )
    gates = Gates.model_validate(
        {
            "name": "warm",
            "phenotype": "any",
            "populations": {"any": {"rectangle": {"A": [None, None]}}},
            "cuts": {"CD45": {"fixed": 1}},
            "phenotypes": {"CHC": "CD45+"},
        }
    )
    plan = compile_gates(panel, gates, channels=("A",), labels=(None,), spillover=None)
    for events in (np.ones((1, 1), dtype=np.float32), np.ones((1, 1))):
        run_plan(_stream(events), plan)
    find_inside_polygon(np.zeros((1, 2)), np.zeros((3, 2)), np.zeros(1, dtype=np.bool_))


def _stream(events: np.ndarray) -> EventStream:
    return EventStream(
        channels=("A",),
        labels=(None,),
        event_count=len(events),
        factors=np.ones(1),
        saturation=np.full(1, np.inf),
        batches=lambda _: iter([events]),
    )
