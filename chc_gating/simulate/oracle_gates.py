"""The oracle's own gates: boolean numpy expressions over whole columns of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.model.gates import ROOT, Bound, Cut, Gates, PopulationGate
from chc_gating.model.panel import Panel
from chc_gating.simulate.oracle_rules import CANDIDATE_CLASSES, evaluate, name_class

Columns = Mapping[str, NDArray[np.float64]]
Mask = NDArray[np.bool_]

CUT_FACTORS = {"passes": 1.0, "low_cut": 0.9, "high_cut": 1.1}
"""The counts of truth.tsv, and the factor of every marker cut behind each."""

_LETTERS = np.array(["-", "?", "+", "!"])


@dataclass(frozen=True)
class OracleCounts:
    """Events of every class (parts and their sums) with the cuts as they are, and moved."""

    passes: Counter[str]
    low_cut: Counter[str]
    high_cut: Counter[str]

    def __add__(self, other: OracleCounts) -> OracleCounts:
        return OracleCounts(
            passes=self.passes + other.passes,
            low_cut=self.low_cut + other.low_cut,
            high_cut=self.high_cut + other.high_cut,
        )


def count_classes(
    columns: Columns, *, panel: Panel, gates: Gates, bead_population: str | None = None
) -> OracleCounts:
    """Count the classes among n events.

    Parameters
    ----------
    columns
        Per channel of the panel, (n,) compensated values; NaN and inf are invalid.
    bead_population
        Its events never have a phenotype.
    """
    counts = {
        name: _sum_parts(
            classify(
                columns, panel=panel, gates=gates, bead_population=bead_population, factor=factor
            )
        )
        for name, factor in CUT_FACTORS.items()
    }
    return OracleCounts(**counts)


def classify(
    columns: Columns,
    *,
    panel: Panel,
    gates: Gates,
    bead_population: str | None = None,
    factor: float = 1.0,
) -> NDArray[np.object_]:
    """Return (n,) the class of every event, "" outside the phenotype population."""
    states = _call_markers(columns, panel=panel, gates=gates, factor=factor)
    populations = find_populations(columns, gates=gates, states=states)
    inside = populations[gates.phenotype].copy()
    if bead_population is not None:
        inside &= ~populations[bead_population]
    epithelial = [m for m in panel.markers_with_role("epithelial") if m in states]
    classes = np.full(len(inside), "", dtype=object)
    for letters, rows in _group_states(states, inside):
        classes[rows] = name_class(gates.phenotypes, letters, epithelial=epithelial)
    return classes


def find_populations(
    columns: Columns, *, gates: Gates, states: Mapping[str, NDArray[np.str_]]
) -> dict[str, Mask]:
    """Return (n,) membership of every population, of ``all`` too."""
    count = len(next(iter(columns.values())))
    found: dict[str, Mask] = {ROOT: np.ones(count, dtype=bool)}
    for name, gate in gates.populations.items():
        if gate.scale != "compensated":
            raise ChcError(f"the oracle has no {gate.scale} scale (population {name})")
        found[name] = found[gate.parent] & _apply_rule(name, gate, columns, states)
    return found


def _apply_rule(
    name: str, gate: PopulationGate, columns: Columns, states: Mapping[str, NDArray[np.str_]]
) -> Mask:
    if gate.rectangle is not None:
        sides = [_within(columns[c], bounds) for c, bounds in gate.rectangle.items()]
        return np.asarray(np.logical_and.reduce(sides))
    if gate.ratio is not None:
        top, bottom = (columns[channel] for channel in gate.ratio.of)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inside = _within(top / bottom, gate.ratio.within)
        # Five over infinity is 0, a finite ratio of an invalid event.
        return np.asarray(inside & np.isfinite(top) & np.isfinite(bottom))
    if gate.when is not None:
        everyone = np.ones(len(next(iter(columns.values()))), dtype=bool)
        inside = np.zeros_like(everyone)
        for letters, rows in _group_states(states, everyone):
            inside[rows] = evaluate(gate.when, letters) is True
        return inside
    raise ChcError(f"the oracle knows rectangle, ratio and when, not {gate.kind} ({name})")


def _within(values: NDArray[np.float64], bounds: tuple[Bound, Bound]) -> Mask:
    low, high = bounds
    inside = np.isfinite(values)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values < high
    return inside


def _call_markers(
    columns: Columns, *, panel: Panel, gates: Gates, factor: float
) -> dict[str, NDArray[np.str_]]:
    states = {}
    for marker, channel in panel.markers.items():
        if marker in gates.cuts:
            low, high = _cut_edges(marker, gates.cuts[marker], factor)
            values = columns[channel]
            letter = (values >= low).astype(np.int8) + (values >= high)
            states[marker] = _LETTERS[np.where(np.isfinite(values), letter, 3)]
    return states


def _cut_edges(marker: str, cut: Cut, factor: float) -> tuple[float, float]:
    """Return the bottom and the top of the band; without a band both are the cut."""
    if cut.fixed is None or cut.scale != "compensated":
        raise ChcError(f"the oracle knows fixed cuts in compensated units only (marker {marker})")
    low, high = cut.indeterminate or (cut.fixed, cut.fixed)
    return _move(low, factor), _move(high, factor)


def _move(edge: float, factor: float) -> float:
    """Move an edge down for a factor below 1 and up for one above, negative ones too."""
    mirrored = round(2.0 - factor, 9)  # 2 - 1.1 is not .9 in binary
    return edge * (factor if edge >= 0 else mirrored)


def _group_states(
    states: Mapping[str, NDArray[np.str_]], inside: Mask
) -> list[tuple[dict[str, str], NDArray[np.int64]]]:
    """Return every combination of states that occurs ``inside``, with the events that have it."""
    rows = np.flatnonzero(inside)
    if not states:
        return [({}, rows)]
    words = np.array([""], dtype=str)
    for letters in states.values():
        words = np.char.add(words, letters[rows])
    found, group = np.unique(words, return_inverse=True)
    return [
        (dict(zip(states, str(word), strict=True)), rows[group == index])
        for index, word in enumerate(found)
    ]


def _sum_parts(classes: NDArray[np.object_]) -> Counter[str]:
    counts = Counter(str(name) for name in classes if name)
    for whole in CANDIDATE_CLASSES:
        counts[whole] = sum(n for name, n in counts.items() if name.startswith(whole + "_"))
    return counts
