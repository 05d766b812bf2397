"""What a slide's count finds of the planted cells, on measured outlines and on true ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.simulate.matching import match_positions
from chc_gating.simulate.truth import TruthCell
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table

MATCH_DISTANCE_UM = 5.0
"""A counted cell is a planted one when their centres are at most this far apart."""
LOCATED = ("CHC", "CTC")
GIANT = "caml"
"""By the rules a giant cell is a hybrid, and flagged: counted, it is neither found nor false."""


@dataclass(frozen=True)
class Located:
    """Of one class on one slide: planted cells that were counted and missed, and counted cells
    that were not planted, among so many nuclei.
    """

    phenotype: str
    found: int
    missed: int
    false: int
    nuclei: int

    @property
    def recall(self) -> float | None:
        """Share of the planted cells that were counted; None where there are none."""
        planted = self.found + self.missed
        return self.found / planted if planted else None

    @property
    def false_per_1000(self) -> float:
        """Counted cells that were not planted, per 1,000 nuclei."""
        return 1000 * self.false / max(self.nuclei, 1)

    def __str__(self) -> str:
        share = "" if self.recall is None else f", recall {self.recall:.3f}"
        return (
            f"found {self.found}, missed {self.missed}, false {self.false} "
            f"({self.false_per_1000:.2f} per 1,000 nuclei){share}"
        )


def locate_planted(folder: Path, cells: Sequence[TruthCell]) -> tuple[Located, ...]:
    """Return how the counted CHC and CTC of a result folder match a slide's planted cells.

    Cells are paired by position, the nearest first. Raises ChcError where the slide was not
    counted.
    """
    result = read_record(folder / "populations.json", AcquisitionResult)
    if result.slide is None or result.status != "counted":
        raise ChcError(f"{folder.name}: {result.status}: {result.reason}")
    table = read_table(folder / "candidates.parquet")
    classes = np.array(table["phenotype"].to_pylist(), dtype=str)
    counted = np.column_stack(
        [table["centroid_y_px"].to_numpy(), table["centroid_x_px"].to_numpy()]
    )
    within = MATCH_DISTANCE_UM / result.slide.pixel_size_um
    giants = _positions(cell for cell in cells if cell.planted == GIANT)
    near = np.hypot(*(counted[:, None] - giants[None]).transpose(2, 0, 1)) <= within
    of_giant = near.any(axis=1)
    located = []
    for name in LOCATED:
        planted = _positions(cell for cell in cells if cell.planted.startswith(f"{name}_"))
        match = match_positions(planted, counted[(classes == name) & ~of_giant], within=within)
        located.append(Located(name, match.found, match.missed, match.false, result.slide.nuclei))
    return tuple(located)


def _positions(cells: Iterable[TruthCell]) -> NDArray[np.float64]:
    places = [(cell.centroid_y_px, cell.centroid_x_px) for cell in cells]
    return np.array(places, dtype=np.float64).reshape(-1, 2)
