"""Crops of a slide's candidates, and of random cells that are none, to hold them against."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.batch import layout
from chc_gating.gating.result import GatingResult
from chc_gating.imaging.crops import MAX_CROPS, CroppedCells, CropSource, write_crops
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.measure import RING_UM
from chc_gating.imaging.neighbours import CellField
from chc_gating.imaging.records import Measurement
from chc_gating.imaging.slide import open_slide
from chc_gating.model.panel import Panel
from chc_gating.stages.explain import find_class

CONTROL_CROPS = 24
CONTROL_CLASSES = ("leukocyte", "unclassified")
_CONTROL_SEED = 31


@dataclass(frozen=True)
class Opening:
    """How a slide is opened again for its crops; labels None: no outlines.

    measured : the folder of measurements.parquet.
    """

    slide: Path
    measured: Path
    labels: Path | None
    measurement: Measurement
    panel: Panel


def find_labels(measured: Path, labels: Path | None) -> Path | None:
    """Return the label image: of the folder that was named, else the measured one, if any."""
    if labels is not None:
        return labels / layout.LABELS
    beside = measured / layout.LABELS
    return beside if beside.is_file() else None


def write_slide_crops(
    folder: Path, result: GatingResult, field: CellField, *, opening: Opening, controls: int
) -> None:
    """Write crops, outlines, overview and crops.json of candidates and ``controls`` random cells.

    The controls are half leukocytes, half unclassified, as far as there are any, drawn with a seed
    that the slide's cells fix.
    """
    chosen = choose_candidates(result.candidates.event_index)
    drawn, classes = draw_controls(result, field, controls)
    rows = np.concatenate([chosen, drawn])
    measurement, panel = opening.measurement, opening.panel
    ring_um = measurement.parameters.get("ring_um", RING_UM)
    with ExitStack() as stack:
        slide = stack.enter_context(
            open_slide(
                opening.slide,
                image=measurement.image,
                pixel_size_um=None
                if measurement.slide is None
                else measurement.slide.pixel_size_um,
                channel_names=panel.channel_names,
            )
        )
        labels = None if opening.labels is None else stack.enter_context(Labels(opening.labels))
        source = CropSource(
            labels=labels,
            measurements=opening.measured / layout.MEASUREMENTS,
            dna=slide.channels.index(panel.channels_with_role("dna")[0]),
            ring_px=(ring_um if isinstance(ring_um, int | float) else RING_UM)
            / slide.pixel_size_um,
        )
        write_crops(
            slide,
            CroppedCells(
                ids=field.ids[rows],
                centroids_px=field.centroids_px[rows],
                candidates=chosen.size,
                control_phenotypes=classes,
            ),
            source=source,
            output=folder,
        )


def choose_candidates(rows: NDArray[np.int64], most: int = MAX_CROPS) -> NDArray[np.int64]:
    """Return the candidates that get a crop: all, or ``most``, evenly spaced along the slide."""
    if rows.size <= most:
        return rows
    return rows[np.linspace(0, rows.size - 1, most).round().astype(np.int64)]


def draw_controls(
    result: GatingResult, field: CellField, count: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return rows of random cells that are no candidates, and their classes."""
    rng = np.random.default_rng((field.seed, _CONTROL_SEED))
    pools = [np.flatnonzero(find_class(result, name)) for name in CONTROL_CLASSES]
    wanted = [count - count // 2, count // 2]
    takes = [min(n, pool.size) for n, pool in zip(wanted, pools, strict=True)]
    # What one class lacks the other gives.
    for one, other in ((0, 1), (1, 0)):
        lacking = max(0, wanted[other] - takes[other])
        takes[one] += min(lacking, pools[one].size - takes[one])
    rows, classes = [np.empty(0, np.int64)], []
    for name, pool, take in zip(CONTROL_CLASSES, pools, takes, strict=True):
        rows.append(pool[np.sort(rng.choice(pool.size, take, replace=False))])
        classes += [name] * take
    return np.concatenate(rows), tuple(classes)
