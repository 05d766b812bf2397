"""Marker rules become lookup tables over marker states.

A marker is in one of four states, two bits each. A table over k markers has 4**k entries; the
entry of an event is the sum of state_j * 4**j over the table's markers j.

An event is then: the class that is true; else ``invalid`` where an invalid marker matters; else
``indeterminate`` where a marker in its band matters; else ``unclassified`` (marker_states.py says
what matters). Invalid and indeterminate events for which CHC or CTC is possible, by whatever
resolution, are called ``invalid_candidate`` and ``indeterminate_candidate``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.model.expression import Expression, parse_expression
from chc_gating.model.marker_states import (
    NEGATIVE,
    POSITIVE,
    BoolArray,
    StateArray,
    find_what_matters,
    list_states,
    look_up,
    where_possible,
    where_true,
)

LEFT, STAYS, LEFT_UNRESOLVED, LEFT_INVALID = 0, 1, 2, 3
"""What a `when` rule decides: only events for which it is true stay."""

MAX_MARKERS = 8
"""Markers in one table: 4**8 is 65,536 entries; each further one makes it four times larger."""

OUTSIDE = 0
"""The class index of an event that gets no phenotype (outside the phenotype population, bead)."""

CANDIDATE_CLASSES = ("CHC", "CTC")
UNRESOLVED_CLASSES = (
    "indeterminate_candidate",
    "indeterminate",
    "unclassified",
    "invalid_candidate",
    "invalid",
)


@dataclass(frozen=True)
class PhenotypeTable:
    """The class of every combination of marker states.

    markers : k markers; bit pair j of an entry's index is the state of marker j.
    classes : names of the leaf classes; the first is OUTSIDE, which the table never yields.
    families : for every leaf class the phenotype that it is a part of (itself where undivided).
    table : (4**k,) int16 indices into ``classes``.
    """

    markers: tuple[str, ...]
    classes: tuple[str, ...]
    families: tuple[str, ...]
    table: NDArray[np.int16]

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of all rows of a count table: classes, each CHC and CTC before its parts."""
        return tuple(
            dict.fromkeys(
                name
                for leaf, family in zip(self.classes[1:], self.families[1:], strict=True)
                for name in (family, leaf)
            )
        )

    def leaves_of(self, row: str) -> tuple[int, ...]:
        """Return the indices of the leaf classes that add up to a row."""
        return tuple(
            i
            for i, (leaf, family) in enumerate(zip(self.classes, self.families, strict=True))
            if i != OUTSIDE and row in (leaf, family)
        )


def find_overlaps(phenotypes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of phenotypes that one event can satisfy at once.

    Raises ExpressionError where a rule cannot be parsed, ChcError over MAX_MARKERS markers.

    Examples
    --------
    >>> find_overlaps({"CHC": "CD45+ and CK+", "leukocyte": "CD45+"})
    [('CHC', 'leukocyte')]
    """
    parsed = {name: parse_expression(text) for name, text in phenotypes.items()}
    markers = _all_markers(list(parsed.values()))
    true = {name: where_true(rule, markers) for name, rule in parsed.items()}
    return [(a, b) for a, b in combinations(parsed, 2) if bool((true[a] & true[b]).any())]


def compile_phenotypes(
    phenotypes: Mapping[str, str], *, epithelial: Sequence[str]
) -> PhenotypeTable:
    """Return the lookup table of a gates file's phenotypes.

    epithelial : markers that divide CHC and CTC into sub-phenotypes, in the panel's order; those
        that are named must have a cut.

    A sub-phenotype that no combination of states yields is left out; the rest, ``CHC_unresolved``,
    always stands. Raises ChcError for two phenotypes that can be true at once, a name that the
    program uses itself, or more than MAX_MARKERS markers; ExpressionError for a syntax error.
    """
    overlaps = find_overlaps(phenotypes)
    if overlaps:
        pairs = ", ".join(f"{a} and {b}" for a, b in overlaps)
        raise ChcError(
            f"phenotypes {pairs} can be true at once; make their rules exclude each other"
        )
    parsed = {name: parse_expression(phenotypes[name]) for name in _report_order(phenotypes)}
    markers = _all_markers(list(parsed.values()), further=epithelial)
    states = list_states(len(markers))
    names: list[str] = []
    codes = _family_codes(parsed, markers, states, names)
    return _divide(codes, names, markers=markers, epithelial=tuple(epithelial), states=states)


def compile_rule(text: str) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    """Return a `when` rule's markers and its (4**k,) table of LEFT, STAYS and the like.

    An event stays where the rule is true. Where it is neither true nor false the event leaves as
    LEFT_INVALID if an invalid marker matters, else as LEFT_UNRESOLVED.
    """
    rule = parse_expression(text)
    markers = _all_markers([rule])
    states = list_states(len(markers))
    true = where_true(rule, markers)
    invalid, band = find_what_matters(true, states)
    table = np.full(len(states), LEFT, dtype=np.uint8)
    table[band] = LEFT_UNRESOLVED
    table[invalid] = LEFT_INVALID
    table[look_up(true, states)] = STAYS
    return markers, table


def _report_order(phenotypes: Mapping[str, str]) -> list[str]:
    first = [name for name in (*CANDIDATE_CLASSES, "leukocyte") if name in phenotypes]
    return first + [name for name in phenotypes if name not in first]


def _all_markers(rules: Sequence[Expression], *, further: Sequence[str] = ()) -> tuple[str, ...]:
    markers = tuple(dict.fromkeys([m for rule in rules for m in rule.markers] + list(further)))
    if len(markers) > MAX_MARKERS:
        raise ChcError(
            f"rules over {len(markers)} markers ({', '.join(markers)}); "
            f"at most {MAX_MARKERS} can take part in one set of rules"
        )
    return markers


def _family_codes(
    parsed: Mapping[str, Expression],
    markers: tuple[str, ...],
    states: StateArray,
    names: list[str],
) -> NDArray[np.int16]:
    """Return the undivided class of every entry; fills ``names`` with what the codes mean."""
    true = {name: where_true(rule, markers) for name, rule in parsed.items()}
    any_true = np.zeros((3,) * len(markers), dtype=np.bool_)
    candidate = any_true.copy()
    for name, grid in true.items():
        any_true |= grid
        if name in CANDIDATE_CLASSES:
            candidate |= where_possible(grid)
    invalid, band = find_what_matters(any_true, states)
    possible = look_up(candidate, states)
    chosen = [look_up(grid, states) for grid in true.values()]
    rest = [band & possible & ~invalid, band & ~invalid, None, invalid & possible, invalid]
    names.extend([*parsed, *UNRESOLVED_CLASSES])
    codes = np.full(len(states), names.index("unclassified"), dtype=np.int16)
    for code in range(len(names) - 1, -1, -1):
        where = chosen[code] if code < len(chosen) else rest[code - len(chosen)]
        if where is not None:
            codes[where] = code
    return codes


def _divide(
    codes: NDArray[np.int16],
    names: Sequence[str],
    *,
    markers: tuple[str, ...],
    epithelial: tuple[str, ...],
    states: StateArray,
) -> PhenotypeTable:
    """Divide CHC and CTC by the epithelial markers that are surely positive."""
    classes, families = ["outside"], ["outside"]
    table = np.zeros(len(codes), dtype=np.int16)
    for code, name in enumerate(names):
        parts = _parts(epithelial) if name in CANDIDATE_CLASSES else ()
        remaining = codes == code
        for part in parts:
            where = remaining & _surely(part, epithelial, markers=markers, states=states)
            if where.any():
                table[where] = len(classes)
                classes.append("_".join((name, *part)))
                families.append(name)
                remaining = remaining & ~where
        table[remaining] = len(classes)
        classes.append(f"{name}_unresolved" if name in CANDIDATE_CLASSES else name)
        families.append(name)
    _refuse_double_names(classes, families)
    return PhenotypeTable(
        markers=markers, classes=tuple(classes), families=tuple(families), table=table
    )


def _parts(epithelial: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return every set of positive markers but the empty one, smaller sets first."""
    sizes = range(1, len(epithelial) + 1)
    return tuple(part for size in sizes for part in combinations(epithelial, size))


def _surely(
    part: tuple[str, ...],
    epithelial: tuple[str, ...],
    *,
    markers: tuple[str, ...],
    states: StateArray,
) -> BoolArray:
    """Return the entries in which exactly ``part`` of the epithelial markers is positive."""
    where = np.ones(len(states), dtype=np.bool_)
    for marker in epithelial:
        wanted = POSITIVE if marker in part else NEGATIVE
        where &= states[:, markers.index(marker)] == wanted
    return where


def _refuse_double_names(classes: Sequence[str], families: Sequence[str]) -> None:
    names = list(classes) + [f for f in dict.fromkeys(families) if f not in classes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ChcError(
            f"phenotype name {', '.join(twice)} is used by the program itself; choose another"
        )
