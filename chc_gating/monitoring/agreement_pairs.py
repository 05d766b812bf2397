"""Pairs of measurements of one draw: two modalities, two operators, replicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from chc_gating.model.cohort import Measurement, PairKind
from chc_gating.model.count import AcquisitionSummary, CountRow, DrawCount
from chc_gating.monitoring.cohort_draws import PHENOTYPES, explain_volume, is_whole_blood

STANDARD_ML = 7.5


@dataclass(frozen=True)
class FoundPair:
    """A pair and what it may be summarised with: the same kind, sides, phenotype and recovery."""

    draw: DrawCount
    kind: PairKind
    sides: tuple[str, str]
    phenotype: str
    first: Measurement
    second: Measurement
    same_cells: bool
    recovery_included: bool

    @property
    def key(self) -> tuple[str, str, str, str, bool]:
        """What pairs of one summary share."""
        return self.kind, *self.sides, self.phenotype, self.recovery_included


def find_pairs(draws: Sequence[DrawCount]) -> tuple[FoundPair, ...]:
    """Return every pair, in the order of draws; spiked blood too, since both sides share it."""
    return tuple(pair for draw in draws for pair in (*_pair_rows(draw), *_pair_acquisitions(draw)))


def _pair_rows(draw: DrawCount) -> Iterator[FoundPair]:
    """Yield flow against slide: rows of the draw that differ in modality."""
    for phenotype in PHENOTYPES:
        rows = [
            row
            for row in draw.rows
            if row.phenotype == phenotype
            and row.status == "counted"
            and row.count is not None
            and explain_volume(row) is None
        ]
        flow = [row for row in rows if row.modality == "flow"]
        slides = [row for row in rows if row.modality == "image"]
        for one in flow:
            for other in slides:
                yield from _pair_modalities(draw, one, other)


def _pair_modalities(draw: DrawCount, flow: CountRow, slide: CountRow) -> Iterator[FoundPair]:
    with_recovery = flow.recovery is not None and slide.recovery is not None
    if not with_recovery and (is_whole_blood(flow) or is_whole_blood(slide)):
        return
    yield FoundPair(
        draw=draw,
        kind="modality",
        sides=(_name_scope(flow), _name_scope(slide)),
        phenotype=flow.phenotype or "",
        first=_measure_row(flow, with_recovery=with_recovery),
        second=_measure_row(slide, with_recovery=with_recovery),
        same_cells=False,
        recovery_included=with_recovery,
    )


def _name_scope(row: CountRow) -> str:
    word = "flow" if row.modality == "flow" else "slide"
    return f"{word}, panel {row.panel}, gates {row.gates}"


def _measure_row(row: CountRow, *, with_recovery: bool) -> Measurement:
    volume = (row.exposure_ml or 0.0) * ((row.recovery or 1.0) if with_recovery else 1.0)
    name = _name_scope(row) + (f", lot {row.lot}" if row.lot else "")
    return _measure(name, row.count or 0, volume)


def _measure(name: str, count: int, volume: float, operator: str | None = None) -> Measurement:
    rate = STANDARD_ML * count / volume
    return Measurement(name=name, count=count, volume_ml=volume, per_7_5_ml=rate, operator=operator)


def _pair_acquisitions(draw: DrawCount) -> Iterator[FoundPair]:
    """Yield acquisitions that share panel, gates and lot and differ in operator or replicate."""
    usable = [one for one in draw.acquisitions if one.status == "counted" and one.exposure_ml]
    for one, other in combinations(usable, 2):
        if _scope_of(one) != _scope_of(other):
            continue
        pair = _pair_two(draw, one, other)
        if pair is None:
            continue
        for phenotype in PHENOTYPES:
            if phenotype in one.counts and phenotype in other.counts:
                yield replace(
                    pair,
                    phenotype=phenotype,
                    first=_measure_acquisition(pair.first.name, draw, phenotype),
                    second=_measure_acquisition(pair.second.name, draw, phenotype),
                )


def _scope_of(one: AcquisitionSummary) -> tuple[str | None, ...]:
    return tuple(one.row.get(name) for name in ("modality", "panel", "gates", "lot"))


def _pair_two(
    draw: DrawCount, one: AcquisitionSummary, other: AcquisitionSummary
) -> FoundPair | None:
    """Return the pair of two acquisitions, its phenotype still empty; None where it is none.

    Rows of one tube of which one has a replicate are of the same cells. Operators are paired in
    the order of their names, replicates in the order of the sheet.
    """
    tube = ("tube", "tube_order")
    same_tube = [one.row.get(c) for c in tube] == [other.row.get(c) for c in tube]
    same_cells = same_tube and bool(one.row.get("replicate") or other.row.get("replicate"))
    operators = one.row.get("operator"), other.row.get("operator")
    word = "flow" if one.row.get("modality") == "flow" else "slide"
    scope = f"{word}, panel {one.row.get('panel')}, gates {one.row.get('gates')}"
    kind: PairKind
    if None not in operators and operators[0] != operators[1]:
        kind = "operator"
        if str(operators[0]) > str(operators[1]):
            one, other = other, one
        names = one.row["operator"], other.row["operator"]
        sides = (f"operator {names[0]}, {scope}", f"operator {names[1]}, {scope}")
    elif same_cells:
        kind, sides = "replicate", (f"earlier replicate, {scope}", f"later replicate, {scope}")
    else:
        return None
    return FoundPair(
        draw=draw,
        kind=kind,
        sides=sides,
        phenotype="",
        first=_measure(one.acquisition, 0, one.exposure_ml or 1.0),
        second=_measure(other.acquisition, 0, other.exposure_ml or 1.0),
        same_cells=same_cells,
        recovery_included=False,
    )


def _measure_acquisition(name: str, draw: DrawCount, phenotype: str) -> Measurement:
    [one] = [a for a in draw.acquisitions if a.acquisition == name]
    return _measure(
        name, one.counts[phenotype], one.exposure_ml or 1.0, operator=one.row.get("operator")
    )
