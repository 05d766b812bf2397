"""`chc warm`: kernels compiled for this processor before they are needed."""

from __future__ import annotations

import numpy as np

from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.imaging.background import measure_background
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.levels import measure_levels
from chc_gating.imaging.nearest import find_nearest
from chc_gating.imaging.nucleus_steps import count_seeds
from chc_gating.imaging.pieces import measure_block
from chc_gating.imaging.quality_maps import QualityMaps
from chc_gating.imaging.sums import BlockPixels, MeasureRule, index_cells
from chc_gating.imaging.watershed_nuclei import WatershedMethod
from chc_gating.kernels.entries import decode_bytes, decode_words, find_inside_polygon
from chc_gating.kernels.objects import building_ahead
from chc_gating.model.events import EventStream
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel


def warm() -> None:
    """Compile the kernels of reading, gating, nuclei (watershed) and cells; all types of events.

    They are kept beside the code, or in the user's cache folder where that cannot be written; a
    process that finds them there loads them. Nothing happens where they are there already.
    """
    with building_ahead():
        warm_reading()
        _warm_gating()
        _warm_nuclei()
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


def warm_reading() -> None:
    """Compile the kernels that decode integers, of every width."""
    one, none = np.zeros(1, dtype=np.int64), np.zeros(0)
    byte = np.zeros((1, 1), dtype=np.uint8)
    place, mask = np.zeros((1, 8), dtype=np.uint64), np.zeros(1, dtype=np.uint64)
    first, is_float = np.zeros(2, dtype=np.int64), np.zeros(1, dtype=np.uint8)
    for out in (np.zeros(1, dtype=np.float32), np.zeros(1)):
        for width in (1, 2, 4, 8):
            word = np.zeros(1, dtype=f"u{width}")
            decode_words(word, word, out)
        decode_bytes(byte, place, one + 1, mask, is_float, first, none, out.reshape(1, 1))


def _warm_nuclei() -> None:
    """Find the nuclei of a small image."""
    image, box = np.ones((8, 8), np.uint16), Box(0, 8, 0, 8)
    prepared = WatershedMethod().prepare(lambda part: image[part.slices], (8, 8), diameter_px=4.0)
    count_seeds(prepared.label_block(image, box, outer=box), box, slide_width=8)


def _warm_cells() -> None:
    """Measure a nucleus that goes on below its block."""
    box, shape = Box(0, 4, 0, 4), (5, 4)
    labels = np.ones(shape, np.uint32)
    pixels = BlockPixels(labels, np.ones((1, *shape), np.uint16), box, Box(0, 5, 0, 4))
    cells = index_cells(labels, ring_px=1.0)
    rule = MeasureRule(shape, saturation=1, thresholds=np.ones(1, np.int64), dna=0)
    measure_block(pixels, cells, rule=rule)
    background = measure_background(pixels, cells)
    maps = QualityMaps(shape, ("warm",), dna=0)
    maps.add_block(pixels, cells, background=background, saturation=1)
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
