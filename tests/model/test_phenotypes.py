"""Lookup tables of phenotypes against a slow, literal reading of the contract."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.errors import ChcError
from chc_gating.model.marker_states import INDETERMINATE, INVALID, NEGATIVE, POSITIVE
from chc_gating.model.phenotypes import (
    LEFT,
    LEFT_INVALID,
    LEFT_UNRESOLVED,
    STAYS,
    PhenotypeTable,
    compile_phenotypes,
    compile_rule,
    find_overlaps,
)
from tests.gating.slow_twin import classify_states

DEFAULT = {
    "CHC": "CD45+ and (EPCAM+ or CK+)",
    "CTC": "CD45- and (EPCAM+ or CK+)",
    "leukocyte": "CD45+ and EPCAM- and CK-",
}
N, B, P, X = NEGATIVE, INDETERMINATE, POSITIVE, INVALID


def class_of(table: PhenotypeTable, **states: int) -> str:
    code = sum(states[marker] << (2 * j) for j, marker in enumerate(table.markers))
    return table.classes[table.table[code]]


@pytest.fixture(scope="module")
def default_table() -> PhenotypeTable:
    return compile_phenotypes(DEFAULT, epithelial=["EPCAM", "CK"])


# interface.md, "Rules of the calls"; states of CD45, EPCAM, CK
@pytest.mark.parametrize(
    ("cd45", "epcam", "ck", "expected"),
    [
        (P, P, N, "CHC_EPCAM"),
        (P, N, P, "CHC_CK"),
        (P, P, P, "CHC_EPCAM_CK"),
        (P, P, B, "CHC_unresolved"),
        (P, P, X, "CHC_unresolved"),
        (N, N, P, "CTC_CK"),
        (N, B, P, "CTC_unresolved"),
        (P, N, N, "leukocyte"),
        (N, N, N, "unclassified"),
        (B, P, N, "indeterminate_candidate"),
        (B, N, N, "indeterminate"),
        (P, B, N, "indeterminate_candidate"),
        (N, B, N, "indeterminate_candidate"),
        (X, P, N, "invalid_candidate"),
        (X, N, N, "invalid"),
        (P, N, X, "invalid_candidate"),
        (X, B, N, "invalid_candidate"),
        (B, X, N, "invalid_candidate"),
    ],
)
def test_states_of_the_three_markers_give_the_class_of_the_contract(
    default_table: PhenotypeTable, cd45: int, epcam: int, ck: int, expected: str
) -> None:
    assert class_of(default_table, CD45=cd45, EPCAM=epcam, CK=ck) == expected


def test_rows_name_each_class_before_its_parts(default_table: PhenotypeTable) -> None:
    assert default_table.rows == (
        "CHC",
        "CHC_EPCAM",
        "CHC_CK",
        "CHC_EPCAM_CK",
        "CHC_unresolved",
        "CTC",
        "CTC_EPCAM",
        "CTC_CK",
        "CTC_EPCAM_CK",
        "CTC_unresolved",
        "leukocyte",
        "indeterminate_candidate",
        "indeterminate",
        "unclassified",
        "invalid_candidate",
        "invalid",
    )


def test_a_marker_whose_rule_is_already_false_does_not_matter() -> None:
    table = compile_phenotypes({"CHC": "CD45+ and CK+"}, epithelial=["CK"])
    assert class_of(table, CD45=N, CK=X) == "unclassified"
    assert class_of(table, CD45=B, CK=X) == "invalid_candidate"


def test_a_marker_that_only_names_sub_phenotypes_does_not_matter() -> None:
    table = compile_phenotypes({"CHC": "CD45+ and CK+"}, epithelial=["CK", "EPCAM"])
    assert class_of(table, CD45=N, CK=P, EPCAM=X) == "unclassified"
    assert class_of(table, CD45=P, CK=P, EPCAM=X) == "CHC_unresolved"
    assert class_of(table, CD45=P, CK=P, EPCAM=P) == "CHC_CK_EPCAM"


def test_two_markers_that_decide_only_together_both_matter() -> None:
    table = compile_phenotypes({"CHC": "A+ and CK+"}, epithelial=["CK"])
    assert class_of(table, A=B, CK=B) == "indeterminate_candidate"
    assert class_of(table, A=B, CK=X) == "invalid_candidate"


def test_a_sub_phenotype_without_a_positive_epithelial_marker_is_unresolved() -> None:
    table = compile_phenotypes({"CHC": "CD45+ and VIM+"}, epithelial=["CK"])
    assert class_of(table, CD45=P, VIM=P, CK=N) == "CHC_unresolved"


def test_overlapping_phenotypes_are_named() -> None:
    rules = {"CHC": "CD45+ and CK+", "leukocyte": "CD45+", "CTC": "CD45- and CK+"}
    assert find_overlaps(rules) == [("CHC", "leukocyte")]
    with pytest.raises(ChcError, match="CHC and leukocyte can be true at once"):
        compile_phenotypes(rules, epithelial=["CK"])


def test_phenotypes_of_the_contract_do_not_overlap() -> None:
    assert find_overlaps(DEFAULT) == []


def test_more_than_eight_markers_are_refused_in_one_line() -> None:
    rule = " and ".join(f"M{i}+" for i in range(9))
    with pytest.raises(ChcError, match="rules over 9 markers"):
        find_overlaps({"many": rule})


@pytest.mark.parametrize("name", ["invalid", "outside", "CHC_CK", "CHC_unresolved"])
def test_a_name_that_the_program_uses_is_refused(name: str) -> None:
    rules = {"CHC": "CD45+ and CK+", name: "CD45- and CK-"}
    with pytest.raises(ChcError, match=f"{name} is used by the program itself"):
        compile_phenotypes(rules, epithelial=["CK"])


def test_when_keeps_only_events_for_which_it_is_true() -> None:
    markers, table = compile_rule("VIA-")
    assert markers == ("VIA",)
    assert table.tolist() == [STAYS, LEFT_UNRESOLVED, LEFT, LEFT_INVALID]


def test_an_invalid_marker_that_cannot_change_a_rule_does_not_make_it_invalid() -> None:
    _, table = compile_rule("A+ and B+")
    assert table[N + (X << 2)] == LEFT
    assert table[B + (X << 2)] == LEFT_INVALID


def rules_over(markers: list[str]) -> st.SearchStrategy[str]:
    calls = st.builds(lambda m, s: m + s, st.sampled_from(markers), st.sampled_from("+-"))
    return st.recursive(
        calls,
        lambda inner: st.one_of(
            st.builds("not {}".format, inner.map("({})".format)),
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} or {})".format, inner, inner),
        ),
        max_leaves=5,
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_tables_agree_with_a_literal_reading_of_the_contract(data: st.DataObject) -> None:
    markers = ["A", "B", "C"]
    split = data.draw(rules_over(markers))
    phenotypes = {
        "CHC": f"({data.draw(rules_over(markers))}) and ({split})",
        "other": f"({data.draw(rules_over(markers))}) and not ({split})",
    }
    table = compile_phenotypes(phenotypes, epithelial=["B", "C"])
    for states in product(range(4), repeat=len(table.markers)):
        named = dict(zip(table.markers, states, strict=True))
        assert class_of(table, **named) == classify_states(phenotypes, named, epithelial=["B", "C"])


def test_parts_and_classes_add_up(default_table: PhenotypeTable) -> None:
    leaves = [default_table.leaves_of(row) for row in default_table.rows]
    by_row = dict(zip(default_table.rows, leaves, strict=True))
    assert set(by_row["CHC"]) == {
        leaf for row, (leaf, *_) in by_row.items() if row.startswith("CHC_")
    }
    families = [row for row in default_table.rows if not row.startswith(("CHC_", "CTC_"))]
    assert sorted(leaf for row in families for leaf in by_row[row]) == list(
        range(1, len(default_table.classes))
    )
    assert np.all(default_table.table > 0)
