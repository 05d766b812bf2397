"""What the pages say of the background of healthy donors: in words, and never a diagnosis."""

from __future__ import annotations

from pathlib import Path

import pytest
from example import PLANS
from page_text import read_words

from chc_gating.counting.limit_calls import LimitsJudge
from chc_gating.counting.limits import assess_lots, find_basis
from chc_gating.model.count import DrawCount
from chc_gating.model.limits import DonorCount, LeftOutDonor, Limits
from chc_gating.reporting.batch_page import render_batch_page
from chc_gating.reporting.draw_page import render_draw_page
from chc_gating.storage.records import read_record

COUNTS = (0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 5, 0, 1, 0, 0, 2, 0, 1, 0, 1)


@pytest.fixture
def draw(example_batch: Path) -> DrawCount:
    """12 CHC and 3 CTC in 5.0925 mL."""
    return read_record(example_batch / "results/draws/P01-T1/count.json", DrawCount)


def make_limits(draw: DrawCount, donors: int = 20, *, lot: str | None = "own") -> Limits:
    row = draw.rows[0]
    lot = row.lot if lot == "own" else lot
    found = tuple(
        DonorCount(
            donor=f"N{i:02d}",
            draw=f"N{i:02d}-T1",
            collected_on="2025-01-01",
            lot=lot,
            software_version="0",
            volume_ml=5.0,
            counts={"CHC": count, "CTC": 0},
        )
        for i, count in enumerate(COUNTS[:donors])
    )
    lots = assess_lots(found, exposure="volume", min_donors=20)
    basis = find_basis(row.lot, lots, min_donors=20)
    return Limits(
        software_version="0",
        inputs=(),
        parameters={},
        panel=str(row.panel),
        gates=str(row.gates),
        lot=row.lot,
        panel_hash="0",
        gates_hash="0",
        background_exposure="volume",
        status="not_assessable" if basis.name == "none" else "assessed",
        reason=basis.reason,
        basis=basis.name,
        lots=lots,
        donors=found,
        left_out=(LeftOutDonor(draw="N77-T1", donor="N77", reason="no volume of blood is known"),),
        notes=() if basis.note is None else (basis.note,),
    )


def show_draw(draw: DrawCount, limits: Limits) -> str:
    judge = LimitsJudge([limits], loq_cv=0.2)
    judged, groups = judge.judge_draw(draw)
    return read_words(render_draw_page(judged, [], judged=judge.bound_limits(groups)))


def show_batch(draw: DrawCount, limits: Limits) -> str:
    judged, groups = LimitsJudge([limits], loq_cv=0.2).judge_draw(draw)
    page = render_batch_page(
        [judged],
        links={"P01-T1": "x.html"},
        version="0",
        limits=[limits],
        judged={"P01-T1": groups},
    )
    return read_words(page)


def test_draw_page_says_the_call_the_background_the_limit_and_the_donors(draw: DrawCount) -> None:
    words = show_draw(draw, make_limits(draw))
    assert "CHC: 12 is above the limit of blank, 3 (90 % upper bound" in words
    assert "in 20 healthy donors background alone would give 0.71 (p 0.00" in words
    assert "It is not enough to quantify." in words
    assert "Background of healthy donors" in words
    assert "Limit of detection per 7.5 mL, net of background, for this draw: CHC" in words
    assert "Extras, never the call" in words
    assert "N77-T1 (no volume of blood is known)" in words


def test_count_within_the_error_of_the_limit_is_said_to_be(draw: DrawCount) -> None:
    # no donor has a CTC: limit 0, its upper bound 1
    rows = tuple(
        r.model_copy(update={"count": 1}) if r.phenotype == "CTC" else r for r in draw.rows
    )
    words = show_draw(draw.model_copy(update={"rows": rows}), make_limits(draw))
    assert "CTC: 1 is above the limit of blank, 0 (90 % upper bound 1)" in words
    assert "It is not above the limit's own upper bound: more donors would tell." in words


def test_batch_page_says_how_many_are_above_and_who_the_donors_are(draw: DrawCount) -> None:
    words = show_batch(draw, make_limits(draw))
    assert "above LoB 3" in words
    assert "CHC: 1 above the limit of blank." in words
    assert "From 20 donors of" in words
    assert "EP17-A2 LoB" in words


def test_two_donors_are_not_assessable_in_words_on_both_pages(draw: DrawCount) -> None:
    limits = make_limits(draw, donors=2)
    for words in (show_draw(draw, limits), show_batch(draw, limits)):
        assert "ot assessable" in words
        assert "2 healthy donors of" in words
        assert "and limits need 20" in words
        assert "LoB" not in words.replace("limit of blank (LoB)", "")


def test_another_lots_limits_are_said_to_be_anothers(draw: DrawCount) -> None:
    words = show_draw(draw, make_limits(draw, lot="L-other"))
    assert "has 0 donors of its own" in words
    assert "the highest limit of the lots that have enough counts" in words


def test_no_donor_count_of_zero_stands_without_its_bound(draw: DrawCount) -> None:
    # no donor has a CTC
    assert "CTC 20 0 (at most 3.0)" in show_batch(draw, make_limits(draw))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.draw)
def test_pages_never_say_positive_of_a_draw(example_batch: Path, plan: object) -> None:
    draw = read_record(example_batch / f"results/draws/{plan.draw}/count.json", DrawCount)
    words = show_draw(draw, make_limits(draw)).lower()
    assert "chc positive" not in words
    assert "ctc positive" not in words
    assert "is positive" not in words
