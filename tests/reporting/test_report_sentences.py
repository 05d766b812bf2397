"""Verdicts: exact, with their interval; a zero with its bound; never a diagnosis."""

from __future__ import annotations

import pytest
from example import PLANS, Plan, build_row

from chc_gating.model.flags import DRAW_FLAGS, EVENT_FLAGS
from chc_gating.reporting.numerals import format_amount, format_percent, format_volume
from chc_gating.reporting.sentences import (
    advise_remedy,
    count_flags,
    describe_flag,
    describe_phenotype,
    give_verdict,
)

FIRST = PLANS[0]


def test_verdict_gives_count_exposure_rate_and_interval() -> None:
    # 12 in 5.0925 mL: 17.673049 [9.131922, 30.871259], by R's poisson.test
    assert give_verdict(build_row(FIRST, "CHC", 12)).text == (
        "12 CHC in 5.09 mL examined: 17.7 per 7.5 mL (95 % interval 9.1 to 30.9)."
    )


def test_zero_is_printed_with_its_one_sided_bound() -> None:
    # k = 0 in 5.0925 mL: one-sided 4.411977
    assert give_verdict(build_row(FIRST, "CHC", 0)).text == (
        "0 CHC in 5.09 mL examined: 0 per 7.5 mL, at most 4.4 (one-sided 95 % upper bound)."
    )


def test_zero_without_a_volume_keeps_the_bound_of_its_count() -> None:
    plan = Plan("D9", "D9", "donor", "2025-01-01", (0, 0), None)
    # -ln(.05) = 2.995732
    assert give_verdict(build_row(plan, "CTC", 0)).text == (
        "0 CTC among 1,800,000 nucleated cells (at most 3.0, one-sided 95 % upper bound); "
        "no number per 7.5 mL."
    )


def test_not_counted_is_said_with_its_reason_and_without_a_number() -> None:
    row = build_row(FIRST, "CHC", 0).model_copy(
        update={"status": "not_counted", "count": None, "reason": "nothing measured"}
    )
    verdict = give_verdict(row)
    assert verdict.text == "NOT COUNTED: nothing measured."
    assert not verdict.counted


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CHC_EPCAM", "EPCAM only"),
        ("CTC_EPCAM_CK", "EPCAM and CK"),
        ("leukocyte", "leukocyte"),
        ("granulocyte", "granulocyte"),
    ],
)
def test_phenotypes_are_named_by_their_positive_markers(name: str, words: str) -> None:
    assert describe_phenotype(name) == words


def test_every_known_flag_is_put_in_words() -> None:
    for flag, words in {**DRAW_FLAGS, **EVENT_FLAGS}.items():
        assert describe_flag(flag) == words


def test_an_unknown_flag_is_shown_as_it_is() -> None:
    assert describe_flag("of_a_later_version") == "of_a_later_version"


def test_remedy_for_a_small_sample_names_the_setting_and_its_value() -> None:
    reason = "A1: too few events to count: 240 of the 1,000 that settings.min_events asks for"
    remedy = advise_remedy(reason, min_events=1000)
    assert "settings: {min_events: ...} in config.yaml (now 1,000)" in remedy


def test_remedy_for_no_cuts_says_where_a_cut_lies() -> None:
    remedy = advise_remedy("no cuts: gates chc has no cuts")
    assert "in the valley between the dim and the bright cloud" in remedy
    assert "cuts: {CD45: {fixed: 2000}}" in remedy


def test_flags_are_counted_once_a_draw_and_sorted_by_number() -> None:
    counted = count_flags([["a", "a"], ["b", "a"]])
    assert [(name, number) for name, _, number in counted] == [("a", 2), ("b", 1)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.0124, "0.012"), (0.996, "1.0"), (17.673, "17.7"), (99.96, "100"), (-3, "-3.0")],
)
def test_amounts_keep_the_digits_that_matter(value: float, shown: str) -> None:
    assert format_amount(value) == shown


def test_a_small_percentage_never_reads_zero() -> None:
    assert format_percent(1e-5) == "0.000010 %"


def test_a_volume_has_three_significant_digits() -> None:
    assert format_volume(0.06644) == "0.0664 mL"
