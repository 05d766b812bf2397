"""Rules and cuts as arrays: which marker tables a plan holds, and where the cuts lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.gating.scale import invert_scale
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.events import FloatArray
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.phenotypes import PhenotypeTable, compile_phenotypes, compile_rule

CUT_SHIFT = 0.1
"""Sensitivity: every cut is moved by a tenth of its size, down and up."""


@dataclass(frozen=True)
class MarkerTables:
    """All marker tables of a plan: those of `when` populations, then that of the phenotypes.

    markers : K markers in use. rules : table index of each `when` population.
    entries : per table, its markers and its (4**k,) entries.
    """

    markers: tuple[str, ...]
    rules: dict[str, int]
    entries: tuple[tuple[tuple[str, ...], NDArray[np.int16]], ...]
    phenotypes: PhenotypeTable | None


def build_tables(panel: Panel, gates: Gates) -> MarkerTables:
    """Return the tables of the rules of a gates file.

    Raises ChcError where a rule names a marker that the panel lacks or that has no cut.
    """
    entries: list[tuple[tuple[str, ...], NDArray[np.int16]]] = []
    rules: dict[str, int] = {}
    for name, gate in gates.populations.items():
        if gate.when is not None:
            markers, table = compile_rule(gate.when)
            _check_markers(markers, panel, gates, where=f"population {name}")
            rules[name] = len(entries)
            entries.append((markers, table.astype(np.int16)))
    phenotypes = _build_phenotypes(panel, gates)
    if phenotypes is not None:
        entries.append((phenotypes.markers, phenotypes.table))
    used = tuple(dict.fromkeys(marker for markers, _ in entries for marker in markers))
    return MarkerTables(used, rules, tuple(entries), phenotypes)


def _build_phenotypes(panel: Panel, gates: Gates) -> PhenotypeTable | None:
    """Return the phenotype table; None without phenotypes, or where the gates have no cuts yet."""
    if not gates.phenotypes or not gates.called:
        return None
    epithelial = [m for m in panel.markers_with_role("epithelial") if m in gates.called]
    table = compile_phenotypes(gates.phenotypes, epithelial=epithelial)
    _check_markers(table.markers, panel, gates, where="phenotypes")
    return table


def _check_markers(markers: Sequence[str], panel: Panel, gates: Gates, *, where: str) -> None:
    for marker in markers:
        if marker not in panel.markers:
            raise ChcError(
                f"gates {gates.name}: {where}: panel {panel.name} has no marker {marker}; "
                f"it has {', '.join(panel.markers)}"
            )
        if marker not in gates.called:
            raise ChcError(f"gates {gates.name}: {where}: marker {marker} has no cut; add it")


def apply_cuts(
    markers: Sequence[str],
    panel: Panel,
    gates: Gates,
    *,
    found: Mapping[str, AppliedCut] = {},
) -> tuple[AppliedCut, ...]:
    """Return the edges of every marker's cut in linear units; low equals high without a band.

    A marker that populations stand for has none. ``found`` are cuts of the slide at hand.
    """
    return tuple(
        found.get(marker) or _apply_cut(marker, panel, gates)
        for marker in markers
        if marker in gates.cuts
    )


def _apply_cut(marker: str, panel: Panel, gates: Gates) -> AppliedCut:
    cut = gates.cuts[marker]
    if cut.fixed is None:
        raise AssertionError("other sources of cuts are refused before")
    edges = cut.indeterminate or (cut.fixed, cut.fixed)
    if cut.scale == "transformed":
        low, high = invert_scale(np.array(edges), panel.transform).tolist()
        edges = (low, high)
    return AppliedCut(
        marker=marker,
        channel=panel.markers[marker],
        low=float(edges[0]),
        high=float(edges[1]),
        source="fixed",
    )


def place_cuts(markers: Sequence[str], cuts: Sequence[AppliedCut]) -> FloatArray:
    """Return the edges (3, K, 2) of K markers' cuts, moved ones too; NaN for one without."""
    placed = np.full((3, len(markers), 2), np.nan)
    for cut, edges in zip(cuts, np.moveaxis(shift_cuts(cuts), 1, 0), strict=True):
        placed[:, markers.index(cut.marker)] = edges
    return placed


def shift_cuts(cuts: Sequence[AppliedCut]) -> FloatArray:
    """Return the edges (3, K, 2) as they are, lower by a tenth of their size, and higher."""
    edges = np.array([(cut.low, cut.high) for cut in cuts], dtype=np.float64).reshape(-1, 2)
    down = np.where(edges < 0, 1 + CUT_SHIFT, 1 - CUT_SHIFT)
    up = np.where(edges < 0, 1 - CUT_SHIFT, 1 + CUT_SHIFT)
    return np.stack([edges, edges * down, edges * up])
