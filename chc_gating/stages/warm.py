"""`chc warm`: kernels compiled for this processor before they are needed."""

from __future__ import annotations

import numpy as np

from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.imaging.background import measure_background
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.levels import measure_levels
from chc_gating.imaging.nearest import find_nearest
from chc_gating.imaging.pieces import measure_block
from chc_gating.imaging.sums import BlockPixels, MeasureRule, index_cells
from chc_gating.kernels.entries import find_inside_polygon
from chc_gating.model.events import EventStream
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel


def warm() -> None:
    """Compile the kernels of the gating pass, for float32 and float64 events, and of cells.

    They are kept beside the code, or in numba's own cache folder where that cannot be written; a
    process that finds them there loads them. Nothing happens where they are there already.
    """
    _warm_gating()
    _warm_cells()


def _warm_gating() -> None:
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


def _warm_cells() -> None:
    """Measure a nucleus that goes on below its block."""
    box, shape = Box(0, 4, 0, 4), (5, 4)
    labels = np.ones(shape, np.int64)
    pixels = BlockPixels(labels, np.ones((1, *shape), np.uint16), box, Box(0, 5, 0, 4))
    cells = index_cells(labels, ring_px=1.0)
    rule = MeasureRule(shape, saturation=1, thresholds=np.ones(1, np.int64), dna=0)
    measure_block(pixels, cells, rule=rule)
    measure_background(pixels, cells)
    measure_levels(lambda _: (pixels, cells), (4, 4), channels=1, maximum=1)
    find_nearest(np.zeros((1, 2)), 1, 1.0)


def _stream(events: np.ndarray) -> EventStream:
    return EventStream(
        channels=("A",),
        labels=(None,),
        event_count=len(events),
        factors=np.ones(1),
        saturation=np.full(1, np.inf),
        batches=lambda _: iter([events]),
    )
