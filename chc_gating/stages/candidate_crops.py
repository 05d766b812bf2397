"""Crops of a slide's candidates, and of random cells that are none, to hold them against."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.batch import layout
from chc_gating.gating.result import GatingResult
from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.crops import MAX_CROPS, CroppedCells, CropSource, write_crops
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.measure import RING_UM
from chc_gating.imaging.measured_rows import pick_ranked
from chc_gating.imaging.neighbours import read_field
from chc_gating.imaging.records import Measurement
from chc_gating.imaging.slide import open_slide
from chc_gating.model.panel import Panel
from chc_gating.stages.explain import find_class, find_scale

CONTROL_CROPS = 24
CONTROL_CLASSES = ("leukocyte", "unclassified")
_CONTROL_SEED = 31


@dataclass(frozen=True)
class Opening:
    """How a slide is opened again for its crops; labels None: no outlines."""

    slide: Path
    cells: CellGroups
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
    folder: Path,
    result: GatingResult,
    *,
    opening: Opening,
    controls: int,
    seed: int,
    threads: int = 1,
) -> None:
    """Write crops, outlines, overview and crops.json of candidates and ``controls`` random cells.

    The controls are half leukocytes, half unclassified, as far as there are any, drawn with a seed
    that the slide's cells fix.
    """
    chosen = choose_candidates(result.candidates.event_index)
    drawn, classes = draw_controls(result, controls, seed=seed)
    measurement, panel = opening.measurement, opening.panel
    scale = find_scale(measurement)
    fields = [read_field(opening.cells, rows, scale) for rows in (chosen, *drawn)]
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
            cells=opening.cells,
            dna=slide.channels.index(panel.channels_with_role("dna")[0]),
            ring_px=(ring_um if isinstance(ring_um, int | float) else RING_UM)
            / slide.pixel_size_um,
        )
        write_crops(
            slide,
            CroppedCells(
                ids=np.concatenate([field.ids for field in fields]),
                centroids_px=np.concatenate([field.centroids_px for field in fields]),
                candidates=chosen.size,
                control_phenotypes=classes,
            ),
            source=source,
            output=folder,
            threads=threads,
        )


def choose_candidates(rows: NDArray[np.int64], most: int = MAX_CROPS) -> NDArray[np.int64]:
    """Return the candidates that get a crop: all, or ``most``, evenly spaced along the slide."""
    if rows.size <= most:
        return rows
    return rows[np.linspace(0, rows.size - 1, most).round().astype(np.int64)]


def draw_controls(
    result: GatingResult, count: int, *, seed: int
) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Return random cells that are no candidates, and their classes: rows of each class, ascending.

    ``seed`` is a number that the slide's cells fix.
    """
    rng = np.random.default_rng((seed, _CONTROL_SEED))
    pools = [find_class(result, name) for name in CONTROL_CLASSES]
    sizes = [int(np.count_nonzero(pool)) for pool in pools]
    wanted = [count - count // 2, count // 2]
    takes = [min(n, size) for n, size in zip(wanted, sizes, strict=True)]
    # What one class lacks the other gives.
    for one, other in ((0, 1), (1, 0)):
        lacking = max(0, wanted[other] - takes[other])
        takes[one] += min(lacking, sizes[one] - takes[one])
    rows, classes = [], []
    for name, pool, size, take in zip(CONTROL_CLASSES, pools, sizes, takes, strict=True):
        ranks = np.sort(rng.choice(size, take, replace=False))
        rows.append(pick_ranked(pool, ranks))
        classes += [name] * take
    return rows, tuple(classes)
