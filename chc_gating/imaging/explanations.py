"""What could explain a candidate away: neighbours, two nuclei, focus, debris. Never a reason to
drop one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import map_in_order
from chc_gating.imaging.cell_groups import CellGroups
from chc_gating.imaging.measured_rows import MeasuredRows, pick_ranked, read_rows, spread_rows
from chc_gating.imaging.neighbours import CellField, Rows, Scale, find_nearest_of, read_field
from chc_gating.imaging.spill import chance_of_neighbour
from chc_gating.imaging.surroundings import Surroundings, look_around
from chc_gating.model.flags import event_flag_bit

FloatArray = NDArray[np.float64]

SPILL_P = 0.05
SPILL_SHARE = 0.5
EPITHELIAL_SHARE = 1 / 3
LITTLE_DNA = 0.25
LOW_FOCUS = 0.25
NOTCHED = 0.88
"""Thresholds of the flags: chance of the shuffle null; share of the ring's signal that the actual
neighbours would give, of a leukocyte marker and of an epithelial one (on simulated crowded slides
no planted hybrid reached a third, and half to three quarters of the false ones did); DNA and focus
against the median leukocyte's; solidity of the nucleus."""
_SAMPLE = 20_000
"""Cells that medians and the pool of the shuffle are taken from, evenly spaced along the slide."""
STRETCH = 1024
"""Candidates that are explained at a time."""
_SHAPES = (
    "area_px",
    "cell_area_px",
    "focus",
    "solidity",
    "nuclei_in_contact",
    "touching_cells",
)


@dataclass(frozen=True)
class SlideCells:
    """What explanations look at: n cells, and the channels of the panel.

    is_leukocyte : (n,) bool. leukocyte_channels, epithelial_channels : of markers that are
    called. dna_channel : None where there is none. seed : of the shuffles.
    """

    cells: CellGroups
    scale: Scale
    seed: int
    is_leukocyte: NDArray[np.bool_]
    dna_channel: str
    leukocyte_channels: Sequence[str]
    epithelial_channels: Sequence[str]
    ring_um: float
    area_mm2: float

    @property
    def called(self) -> tuple[str, ...]:
        """The channels of markers that are called."""
        return (*self.leukocyte_channels, *self.epithelial_channels)


@dataclass(frozen=True)
class _Typical:
    """Medians of leukocytes, and per leukocyte channel the ring means that shuffles draw from."""

    content: float
    focus: float
    pools: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Explanations:
    """Columns of candidates.parquet by name, (c,) float64 each, NaN: not known; flags (c,)."""

    columns: Mapping[str, FloatArray]
    flags: NDArray[np.uint32]


def explanation_columns(
    leukocyte_channels: Sequence[str], epithelial_channels: Sequence[str]
) -> tuple[str, ...]:
    """Return the names of the columns, in order."""
    return (
        "diameter_um",
        "nearest_leukocyte_um",
        "chance_leukocyte_nearer",
        *(f"spill_p:{name}" for name in leukocyte_channels),
        *(f"spill_share:{name}" for name in (*leukocyte_channels, *epithelial_channels)),
        *(f"ring_positive_fraction:{name}" for name in leukocyte_channels),
        "dna_relative",
        "focus_relative",
        "solidity",
        "nuclei_in_contact",
        "touching_cells",
    )


def explain_candidates(
    cells: SlideCells,
    candidates: Rows,
    *,
    positive: Mapping[str, NDArray[np.bool_]],
    threads: int = 1,
) -> Explanations:
    """Return what could explain each of c candidates away.

    candidates : (c,) ascending rows of the table. positive : by channel, (c,) whether the
    candidate's marker is positive: a neighbour's light matters to those, and explains no negative
    call. They are looked at in stretches of the slide, so that only the cells near some of them
    are held at a time.
    """
    typical = _find_typical(cells, threads=threads)
    starts = range(0, max(candidates.size, 1), STRETCH)

    def explain(first: int) -> dict[str, FloatArray]:
        return _explain_stretch(cells, candidates[first : first + STRETCH], typical)

    parts = list(map_in_order(explain, starts, threads=threads))
    wanted = explanation_columns(cells.leukocyte_channels, cells.epithelial_channels)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in wanted}
    return Explanations(columns=columns, flags=_flag(cells, columns, positive=positive))


def _find_typical(cells: SlideCells, *, threads: int) -> _Typical:
    """Return what candidates are held against, from cells spread along the slide."""
    leukocytes = pick_ranked(
        cells.is_leukocyte, spread_rows(int(np.count_nonzero(cells.is_leukocyte)), _SAMPLE)
    )
    dna = cells.dna_channel
    wanted = ("area_px", "focus", f"nucleus_mean:{dna}", f"background:{dna}")
    rows = read_rows(cells.cells, leukocytes, wanted, threads=threads)
    content, focus = _measure_dna(rows, dna)
    pools = {}
    if cells.leukocyte_channels:
        sample = spread_rows(cells.cells.count, _SAMPLE)
        names = [n for c in cells.leukocyte_channels for n in (f"ring_mean:{c}", f"background:{c}")]
        rows = read_rows(cells.cells, sample, names, threads=threads)
        for channel in cells.leukocyte_channels:
            ring = rows.net(f"ring_mean:{channel}", channel)
            pools[channel] = ring[np.isfinite(ring)]
    return _Typical(_find_median(content), _find_median(focus), pools)


def _measure_dna(rows: MeasuredRows, dna: str) -> tuple[FloatArray, FloatArray]:
    """Return the DNA of nuclei, and how sharp they are."""
    level = rows.net(f"nucleus_mean:{dna}", dna)
    # The variance of the Laplacian grows with the square of the brightness.
    with np.errstate(all="ignore"):
        return level * rows.column("area_px"), rows.column("focus") / level**2


def _find_median(values: FloatArray) -> float:
    """Return the median of finite values, NaN where it is not positive."""
    known = values[np.isfinite(values)]
    median = float(np.median(known)) if known.size else 0.0
    return median if median > 0 else np.nan


def _explain_stretch(
    cells: SlideCells, candidates: Rows, typical: _Typical
) -> dict[str, FloatArray]:
    """Return the columns of some candidates."""
    around = look_around(
        cells.cells,
        read_field(cells.cells, candidates, cells.scale),
        ring_um=cells.ring_um,
        columns=_columns_of(cells),
    )
    columns = _describe_shapes(cells, around, typical) | _describe_neighbours(cells, around.points)
    for name in cells.called:
        columns[f"spill_share:{name}"] = around.share_spill(name)
    for name in cells.leukocyte_channels:
        pool = typical.pools[name]
        columns[f"spill_p:{name}"] = around.shuffle(name, pool=pool, seed=cells.seed)
        ring = f"ring_positive_fraction:{name}"
        columns[ring] = around.rows.column(ring, candidates)
    return columns


def _columns_of(cells: SlideCells) -> tuple[str, ...]:
    """Return the columns that are looked at."""
    dna = cells.dna_channel
    grey = {f"nucleus_mean:{dna}", f"background:{dna}"}
    for name in cells.called:
        grey |= {f"ring_mean:{name}", f"background:{name}"}
    grey |= {f"ring_positive_fraction:{name}" for name in cells.leukocyte_channels}
    return (*_SHAPES, *sorted(grey))


def _describe_shapes(
    cells: SlideCells, around: Surroundings, typical: _Typical
) -> dict[str, FloatArray]:
    rows, candidates = around.rows, around.points.rows
    here = rows.places(candidates)
    content, focus = _measure_dna(rows, cells.dna_channel)
    area = rows.column("cell_area_px", candidates) * cells.scale.pixel_size_um**2
    return {
        "diameter_um": 2 * np.sqrt(area / np.pi),
        "dna_relative": content[here] / typical.content,
        "focus_relative": focus[here] / typical.focus,
        "solidity": rows.column("solidity", candidates),
        "nuclei_in_contact": rows.column("nuclei_in_contact", candidates),
        "touching_cells": rows.column("touching_cells", candidates),
    }


def _describe_neighbours(cells: SlideCells, points: CellField) -> dict[str, FloatArray]:
    distance = find_nearest_of(cells.cells, points, cells.is_leukocyte)
    per_um2 = np.count_nonzero(cells.is_leukocyte) / (1e6 * cells.area_mm2)
    return {
        "nearest_leukocyte_um": distance,
        "chance_leukocyte_nearer": chance_of_neighbour(distance, per_um2=per_um2),
    }


def _flag(
    cells: SlideCells,
    columns: Mapping[str, FloatArray],
    *,
    positive: Mapping[str, NDArray[np.bool_]],
) -> NDArray[np.uint32]:
    """Return the flags of candidates; an unknown value raises none."""
    spill = np.zeros(columns["diameter_um"].shape, np.bool_)
    nothing = np.zeros_like(spill)
    for name in cells.leukocyte_channels:
        explained = columns[f"spill_p:{name}"] > SPILL_P
        explained |= columns[f"spill_share:{name}"] >= SPILL_SHARE
        spill |= positive.get(name, nothing) & explained
    # One epithelial marker of its own is enough for the call.
    own, called = np.zeros_like(spill), np.zeros_like(spill)
    for name in cells.epithelial_channels:
        is_called = positive.get(name, nothing)
        called |= is_called
        own |= is_called & ~(columns[f"spill_share:{name}"] >= EPITHELIAL_SHARE)
    spill |= called & ~own
    marks = {
        "neighbour_spill": spill,
        "several_nuclei": (columns["nuclei_in_contact"] > 1) | (columns["solidity"] < NOTCHED),
        "out_of_focus": columns["focus_relative"] < LOW_FOCUS,
        "little_dna": columns["dna_relative"] < LITTLE_DNA,
    }
    flags = np.zeros(spill.shape, np.uint32)
    for name, mark in marks.items():
        flags[mark] |= event_flag_bit(name)
    return flags
