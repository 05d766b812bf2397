"""What could explain a candidate away: neighbours, two nuclei, focus, debris. Never a reason to
drop one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.measured_rows import MeasuredRows, read_rows, spread_rows
from chc_gating.imaging.neighbours import CellField, Rows
from chc_gating.imaging.spill import (
    SPILL_REACH_UM,
    chance_of_neighbour,
    cover_ring,
    shuffle_spill,
)
from chc_gating.model.flags import event_flag_bit

FloatArray = NDArray[np.float64]

LARGEST_NUCLEUS_UM = 20.0
"""Radius; a neighbour whose centre is farther than this and the rings cannot reach."""
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


@dataclass(frozen=True)
class SlideCells:
    """What explanations look at: n cells, and the channels of the panel.

    is_leukocyte : (n,) bool. leukocyte_channels, epithelial_channels : of markers that are
    called. dna_channel : None where there is none.
    """

    measurements: Path
    field: CellField
    is_leukocyte: NDArray[np.bool_]
    dna_channel: str
    leukocyte_channels: Sequence[str]
    epithelial_channels: Sequence[str]
    ring_um: float
    area_mm2: float


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
    cells: SlideCells, candidates: Rows, *, positive: Mapping[str, NDArray[np.bool_]]
) -> Explanations:
    """Return what could explain each of c candidates away.

    candidates : (c,) rows of the table. positive : by channel, (c,) whether the candidate's marker
    is positive: a neighbour's light matters to those, and explains no negative call.
    """
    near = [_find_reaching(cells, int(row)) for row in candidates]
    leukocytes = np.flatnonzero(cells.is_leukocyte)
    sample, typical = (
        spread_rows(len(cells.field.ids), _SAMPLE),
        leukocytes[spread_rows(leukocytes.size, _SAMPLE)],
    )
    needed = np.unique(np.concatenate([candidates, sample, typical, *near]).astype(np.int64))
    rows = read_rows(cells.measurements, needed)
    columns = _describe_shapes(cells, rows, candidates, typical)
    columns |= _describe_neighbours(cells, candidates)
    covered = _cover_rings(cells, rows, candidates, near)
    for name in (*cells.leukocyte_channels, *cells.epithelial_channels):
        columns[f"spill_share:{name}"] = _describe_spill(
            rows, candidates, near, covered=covered, channel=name
        )
    for name in cells.leukocyte_channels:
        columns[f"spill_p:{name}"] = _shuffle(
            cells, rows, candidates, sample, covered=covered, channel=name
        )
    for name in cells.leukocyte_channels:
        columns[f"ring_positive_fraction:{name}"] = rows.column(
            f"ring_positive_fraction:{name}", candidates
        )
    wanted = explanation_columns(cells.leukocyte_channels, cells.epithelial_channels)
    return Explanations(
        columns={name: columns[name] for name in wanted},
        flags=_flag(cells, columns, positive=positive),
    )


def _find_reaching(cells: SlideCells, row: int) -> Rows:
    """Return the other cells whose light may reach a cell's ring."""
    y, x = cells.field.centroids_px[row]
    radius = 2 * LARGEST_NUCLEUS_UM + cells.ring_um + SPILL_REACH_UM
    found, _ = cells.field.near(y, x, radius_um=radius)
    others: Rows = found[found != row]
    return others


def _describe_shapes(
    cells: SlideCells, rows: MeasuredRows, candidates: Rows, typical: Rows
) -> dict[str, FloatArray]:
    dna = cells.dna_channel
    content = rows.net(f"nucleus_mean:{dna}", dna) * rows.column("area_px")
    # The variance of the Laplacian grows with the square of the brightness.
    with np.errstate(all="ignore"):
        focus = rows.column("focus") / rows.net(f"nucleus_mean:{dna}", dna) ** 2
    area = rows.column("cell_area_px", candidates) * cells.field.pixel_size_um**2
    return {
        "diameter_um": 2 * np.sqrt(area / np.pi),
        "dna_relative": rows.relative(content, candidates, typical),
        "focus_relative": rows.relative(focus, candidates, typical),
        "solidity": rows.column("solidity", candidates),
        "nuclei_in_contact": rows.column("nuclei_in_contact", candidates),
        "touching_cells": rows.column("touching_cells", candidates),
    }


def _describe_neighbours(cells: SlideCells, candidates: Rows) -> dict[str, FloatArray]:
    distance = np.array([cells.field.nearest(int(row), cells.is_leukocyte) for row in candidates])
    per_um2 = np.count_nonzero(cells.is_leukocyte) / (1e6 * cells.area_mm2)
    return {
        "nearest_leukocyte_um": distance,
        "chance_leukocyte_nearer": chance_of_neighbour(distance, per_um2=per_um2),
    }


def _cover_rings(
    cells: SlideCells, rows: MeasuredRows, candidates: Rows, near: Sequence[Rows]
) -> list[FloatArray]:
    """Return per candidate the share of its ring that each of the cells near it covers."""
    radius = np.sqrt(rows.column("area_px") / np.pi) * cells.field.pixel_size_um
    covered = []
    for row, others in zip(candidates.tolist(), near, strict=True):
        offsets = cells.field.centroids_px[others] - cells.field.centroids_px[row]
        covered.append(
            cover_ring(
                float(radius[rows.places(np.array([row]))[0]]),
                cells.ring_um,
                neighbours_um=offsets * cells.field.pixel_size_um,
                neighbour_nuclei_um=radius[rows.places(others)],
            )
        )
    return covered


def _describe_spill(
    rows: MeasuredRows,
    candidates: Rows,
    near: Sequence[Rows],
    *,
    covered: Sequence[FloatArray],
    channel: str,
) -> FloatArray:
    """Return the part of each candidate's ring signal that its neighbours would give."""
    ring = rows.net(f"ring_mean:{channel}", channel)
    observed = ring[rows.places(candidates)]
    spilled = np.array(
        [
            float(shares @ np.maximum(np.nan_to_num(ring[rows.places(others)]), 0))
            for shares, others in zip(covered, near, strict=True)
        ]
    )
    with np.errstate(all="ignore"):
        return np.where(observed > 0, spilled / observed, np.nan)


def _shuffle(
    cells: SlideCells,
    rows: MeasuredRows,
    candidates: Rows,
    sample: Rows,
    *,
    covered: Sequence[FloatArray],
    channel: str,
) -> FloatArray:
    """Return each candidate's chance under the shuffle null of a leukocyte marker."""
    ring = rows.net(f"ring_mean:{channel}", channel)
    pool = ring[rows.places(sample)]
    pool = pool[np.isfinite(pool)]
    chance = np.full(candidates.size, np.nan)
    for i, (row, shares) in enumerate(zip(candidates.tolist(), covered, strict=True)):
        observed = float(ring[rows.places(np.array([row]))[0]])
        if np.isfinite(observed):
            rng = np.random.default_rng((cells.field.seed, int(cells.field.ids[row])))
            chance[i] = shuffle_spill(observed, shares, pool=pool, rng=rng)
    return chance


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
