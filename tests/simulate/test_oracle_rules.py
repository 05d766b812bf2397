from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.errors import ChcError
from chc_gating.model.phenotypes import compile_phenotypes
from chc_gating.simulate.oracle_rules import evaluate, name_class

MARKERS = ("CD45", "EPCAM", "CK")
PHENOTYPES = {
    "CHC": "CD45+ and (EPCAM+ or CK+)",
    "CTC": "CD45- and (EPCAM+ or CK+)",
    "leukocyte": "CD45+ and EPCAM- and CK-",
}

Tree = tuple[str, ...] | tuple[str, "Tree"] | tuple[str, "Tree", "Tree"]


def trees() -> st.SearchStrategy[object]:
    leaf = st.tuples(st.sampled_from(MARKERS), st.sampled_from("+-"))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(st.just("not"), inner),
            st.tuples(st.sampled_from(["and", "or"]), inner, inner),
        ),
        max_leaves=8,
    )


def spell(tree: tuple) -> str:
    if tree[0] in ("and", "or"):
        return f"({spell(tree[1])} {tree[0]} {spell(tree[2])})"
    return f"not ({spell(tree[1])})" if tree[0] == "not" else tree[0] + tree[1]


def value(tree: tuple, states: Mapping[str, str]) -> float:
    """Kleene's logic as numbers: false 0, unknown 1/2, true 1; and is min, or is max."""
    if tree[0] in ("and", "or"):
        pick = min if tree[0] == "and" else max
        return pick(value(tree[1], states), value(tree[2], states))
    if tree[0] == "not":
        return 1 - value(tree[1], states)
    state = states[tree[0]]
    return 0.5 if state in "?!" else float(state == tree[1])


@given(trees(), st.tuples(*[st.sampled_from("-?+!")] * 3))
def test_every_expression_has_kleenes_value(tree: tuple, letters: tuple[str, ...]) -> None:
    states = dict(zip(MARKERS, letters, strict=True))
    expected = {0.0: False, 0.5: None, 1.0: True}[value(tree, states)]
    assert evaluate(spell(tree), states) is expected


def test_and_binds_before_or_and_not_before_both() -> None:
    states = {"CD45": "+", "EPCAM": "-", "CK": "-"}
    assert evaluate("CD45+ or EPCAM+ and CK+", states) is True
    assert evaluate("not CD45- and CK-", states) is True


@pytest.mark.parametrize("text", ["CD45", "CD45+ CK+", "CD45+ and", "(CD45+", "CD9+", "", "a$b"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ChcError, match="the oracle"):
        evaluate(text, {"CD45": "+", "CK": "+"})


@pytest.mark.parametrize(
    ("cd45", "epcam", "ck", "expected"),
    [
        ("+", "+", "+", "CHC_EPCAM_CK"),
        ("+", "-", "+", "CHC_CK"),
        ("-", "+", "-", "CTC_EPCAM"),
        ("+", "-", "-", "leukocyte"),
        ("-", "-", "-", "unclassified"),
        ("+", "+", "?", "CHC_unresolved"),
        ("+", "!", "+", "CHC_unresolved"),
        ("?", "+", "-", "indeterminate_candidate"),
        ("?", "-", "-", "indeterminate"),
        ("!", "-", "-", "invalid"),
        ("!", "+", "-", "invalid_candidate"),
        ("+", "-", "!", "invalid_candidate"),
        ("?", "+", "!", "indeterminate_candidate"),
        ("-", "-", "?", "indeterminate_candidate"),
        ("!", "-", "?", "invalid_candidate"),
    ],
)
def test_class_of_marker_states(cd45: str, epcam: str, ck: str, expected: str) -> None:
    # Worked out by hand from the rules of the calls. In ("?", "+", "!") CK decides nothing:
    # EPCAM is positive, so only the band of CD45 matters.
    states = {"CD45": cd45, "EPCAM": epcam, "CK": ck}
    assert name_class(PHENOTYPES, states, epithelial=["EPCAM", "CK"]) == expected


@pytest.mark.parametrize(
    "phenotypes",
    [
        PHENOTYPES,
        {"CHC": "CD45+ and EPCAM+ and not CK-", "other": "CD45- and CK+"},
        {"CTC": "(CD45- or EPCAM+) and CK+", "both": "CD45+ and EPCAM- and (CK+ or CK-)"},
    ],
)
def test_the_oracle_and_the_lookup_table_name_every_state_alike(
    phenotypes: dict[str, str],
) -> None:
    table = compile_phenotypes(phenotypes, epithelial=["EPCAM", "CK"])
    for letters in itertools.product("-?+!", repeat=len(table.markers)):
        states = dict(zip(table.markers, letters, strict=True))
        code = sum("-?+!".index(letter) << (2 * j) for j, letter in enumerate(letters))
        expected = table.classes[table.table[code]]
        assert name_class(phenotypes, states, epithelial=["EPCAM", "CK"]) == expected, states
