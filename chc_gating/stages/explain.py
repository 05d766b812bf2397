"""What could explain a slide's candidates away, put beside them: columns and flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.result import GatingResult
from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.explanations import SlideCells, explain_candidates
from chc_gating.imaging.measure import RING_UM
from chc_gating.imaging.neighbours import Scale
from chc_gating.imaging.records import Measurement
from chc_gating.model.flags import count_event_flags
from chc_gating.model.panel import Role
from chc_gating.stages.acquisition import Origin


@dataclass(frozen=True)
class Explained:
    """A gating result whose candidates carry flags of doubt, and the columns beside them, (c,)."""

    result: GatingResult
    columns: Mapping[str, NDArray[np.float64]]


def explain(
    result: GatingResult,
    cells: CellGroups,
    *,
    origin: Origin,
    measurement: Measurement,
    seed: int,
    threads: int = 1,
) -> Explained:
    """Return the result with the flags of what could explain its candidates, and the columns.

    No candidate is removed, and no count changes. The result's flags of events are written to.
    """
    slide_cells = _view_cells(result, cells, origin=origin, measurement=measurement, seed=seed)
    found = result.candidates
    told = explain_candidates(
        slide_cells, found.event_index, positive=_find_positive(result), threads=threads
    )
    flags = found.flags | told.flags
    added = count_event_flags(told.flags)
    if result.event_flags is None:
        raise AssertionError("a slide's events are kept")
    # No copy: of ten million cells it would take as much memory again.
    result.event_flags[found.event_index] |= told.flags
    return Explained(
        columns=told.columns,
        result=replace(
            result,
            candidates=replace(found, flags=flags, flag_counts=_add(found.flag_counts, added)),
            flag_counts=_add(result.flag_counts, added),
        ),
    )


def _find_positive(result: GatingResult) -> dict[str, NDArray[np.bool_]]:
    """Return by channel which candidates (c,) are positive for its marker."""
    values = result.candidates.compensated
    return {
        cut.channel: values[:, result.channels.index(cut.channel)] >= cut.high
        for cut in result.cuts
    }


def _add(counts: Mapping[str, int], added: Mapping[str, int]) -> dict[str, int]:
    return {name: counts.get(name, 0) + added.get(name, 0) for name in {**counts, **added}}


def _view_cells(
    result: GatingResult,
    cells: CellGroups,
    *,
    origin: Origin,
    measurement: Measurement,
    seed: int,
) -> SlideCells:
    if measurement.slide is None:
        raise AssertionError("a slide that was measured has a size")
    ring = measurement.parameters.get("ring_um", RING_UM)
    return SlideCells(
        cells=cells,
        scale=find_scale(measurement),
        seed=seed,
        is_leukocyte=find_class(result, "leukocyte"),
        dna_channel=origin.panel.channels_with_role("dna")[0],
        leukocyte_channels=_called(origin, "leukocyte"),
        epithelial_channels=_called(origin, "epithelial"),
        ring_um=float(ring) if isinstance(ring, int | float) else RING_UM,
        area_mm2=measurement.slide.area_mm2,
    )


def find_scale(measurement: Measurement) -> Scale:
    """Return the width and the pixel size of a slide that was measured."""
    if measurement.slide is None:
        raise AssertionError("a slide that was measured has a size")
    return Scale(measurement.slide.width_px, measurement.slide.pixel_size_um)


def find_class(result: GatingResult, name: str) -> NDArray[np.bool_]:
    """Return which events (n,) are of a class that has no parts."""
    if result.event_class is None:
        raise AssertionError("a slide's events are kept")
    if name not in result.leaf_names:
        return np.zeros(result.event_class.shape, np.bool_)
    chosen: NDArray[np.bool_] = result.event_class == result.leaf_names.index(name)
    return chosen


def _called(origin: Origin, role: Role) -> tuple[str, ...]:
    return tuple(
        name
        for name in origin.panel.channels_with_role(role)
        if origin.panel.channels[name].marker in origin.gates.cuts
    )
