"""Which draws are held against which, and what is said of them."""

from __future__ import annotations

import pytest
from cohort_cases import make_draw, make_row

from chc_gating.model.cohort import CohortResult, GroupComparison
from chc_gating.model.count import DrawCount
from chc_gating.monitoring.cohort import describe_cohort
from chc_gating.monitoring.cohort_stages import order_stages

LOW, HIGH = (0, 2, 1, 0, 3, 1), (9, 14, 4, 22, 8, 11)


def describe(draws: list[DrawCount]) -> CohortResult:
    return describe_cohort(draws, software_version="0")


def arms(low: tuple[int, ...] = LOW, high: tuple[int, ...] = HIGH) -> list[DrawCount]:
    return [
        make_draw(f"{arm}{i}-T1", k, facts={"group": arm})
        for arm, counts in (("A", low), ("B", high))
        for i, k in enumerate(counts)
    ]


def compare(draws: list[DrawCount], field: str = "group") -> GroupComparison:
    [found] = [
        c for c in describe(draws).comparisons if c.field == field and c.scope.phenotype == "CHC"
    ]
    return found


def test_two_arms_are_compared_with_intervals_and_an_exact_p() -> None:
    found = compare(arms())
    [contrast] = found.contrasts

    assert [(level.level, level.draws, level.count) for level in found.levels] == [
        ("A", 6, 7),
        ("B", 6, 68),
    ]
    # equal exposures: the ratio of rates is that of the sums
    assert contrast.ratio == pytest.approx(68 / 7)
    assert found.permutation is not None
    assert found.permutation.exact
    assert found.permutation.p == pytest.approx(2 / 924)


def test_fewer_than_five_a_group_have_intervals_only() -> None:
    found = compare(arms(LOW[:4], HIGH))

    assert found.permutation is None
    assert found.contrasts[0].ratio_low is not None
    assert any("no p" in note for note in found.notes)


def test_one_patient_in_a_group_has_no_numbers() -> None:
    found = compare(arms(LOW, HIGH[:1]))

    assert found.levels == ()
    assert found.reason == "one patient only in B: how patients differ there is not known"


def test_a_patients_first_draw_stands_for_the_patient() -> None:
    later = make_draw("A0-T2", 500, facts={"group": "A"}, collected_on="2026-03-01")
    earlier = make_draw("B0-T0", 6, facts={"group": "B"}, collected_on="2025-12-01")
    found = compare([later, *arms(), earlier])

    assert {m.draw for m in found.members if m.patient in ("A0", "B0")} == {"A0-T1", "B0-T0"}


def test_modalities_panels_and_gates_are_never_mixed() -> None:
    draws = [
        *arms(),
        *(make_draw(f"C{i}-T1", 9, facts={"group": "C"}, modality="image") for i in range(6)),
        *(make_draw(f"E{i}-T1", 9, facts={"group": "C"}, gates="other") for i in range(6)),
        *(make_draw(f"F{i}-T1", 9, facts={"group": "C"}, panel="other") for i in range(6)),
    ]

    assert {m.level for m in compare(draws).members} == {"A", "B"}


def test_spiked_blood_takes_no_part() -> None:
    spike = make_draw("S1-T1", 900, facts={"group": "B"}, cohort="spike")

    assert "S1-T1" not in {m.draw for m in compare([*arms(), spike]).members}


def test_recovery_is_left_out_where_one_draw_has_none() -> None:
    known = [
        make_draw(f"{arm}{i}-T1", 4, facts={"group": arm}, recovery=0.5)
        for arm in "AB"
        for i in range(6)
    ]
    assert compare(known).recovery_included
    assert {m.volume_ml for m in compare(known).members} == {2.5}

    mixed = compare([*known[:-1], make_draw("B5-T1", 4, facts={"group": "B"})])
    assert not mixed.recovery_included
    assert {m.volume_ml for m in mixed.members} == {5.0}


def test_end_to_end_draws_leave_where_recovery_is_left_out() -> None:
    whole = {"exposure_source": "volume_ml", "exposure_ml": 7.5, "recovery": 0.2}
    draws = [*arms(), make_draw("B9-T1", 4, facts={"group": "B"}, **whole)]

    assert "B9-T1" not in {m.draw for m in compare(draws).members}


def test_draws_without_a_volume_are_named_and_left_out() -> None:
    lost = make_draw("A9-T1", 4, facts={"group": "A"}, exposure_ml=None, exposure_source=None)
    result = describe([*arms(), lost])

    assert "A9-T1: no volume of blood is known" in result.left_out
    assert all("A9-T1" not in {m.draw for m in c.members} for c in result.comparisons)


def test_donors_are_held_beside_patients() -> None:
    draws = [
        *(make_draw(f"D{i}-T1", k, cohort="donor") for i, k in enumerate(LOW)),
        *(make_draw(f"P{i}-T1", k) for i, k in enumerate(HIGH)),
    ]
    found = compare(draws, "cohort")

    assert [level.level for level in found.levels] == ["donor", "patient"]


def test_stages_have_a_trend_in_their_order() -> None:
    counts = {"IV": (20, 31, 18, 40, 25), "I": (0, 1, 2, 0, 1), "III": (9, 4, 6, 12, 7)}
    draws = [
        make_draw(f"{stage}{i}-T1", k, facts={"stage": stage})
        for stage, own in counts.items()
        for i, k in enumerate(own)
    ]
    found = compare(draws, "stage")

    assert [level.level for level in found.levels] == ["I", "III", "IV"]
    assert found.trend is not None
    assert dict(found.trend.steps) == {"I": 1, "III": 3, "IV": 4}
    assert found.trend.ratio_per_step is not None
    assert found.trend.ratio_per_step > 1
    assert found.trend.permutation is not None


def test_stages_without_a_known_order_have_no_trend() -> None:
    assert order_stages(["early", "IV"]) is None
    assert order_stages(["stage iiib", "1", "IVA"]) == {"1": 1, "stage iiib": 3, "IVA": 4}


def test_lots_that_differ_between_groups_are_said() -> None:
    draws = [
        *arms()[:6],
        *(make_draw(f"B{i}-T1", 9, facts={"group": "B"}, lot="L2") for i in range(6)),
    ]

    assert any("lots" in note for note in compare(draws).notes)


def test_order_of_draws_changes_nothing() -> None:
    draws = arms()

    assert describe(draws).model_dump() == describe(draws[::-1]).model_dump()


def test_ten_chc_for_every_ctc_is_told_by_draw_and_over_patients() -> None:
    draws = [
        make_draw("P1-T1", 120, 3),
        make_draw("P1-T2", 12, 0, collected_on="2026-02-05"),
        make_draw("P2-T1", 0, 0),
        make_draw("P3-T1", 4, 9),
        make_draw("P4-T1", 60, 1),
        make_draw("P5-T1", 30, 2),
        make_draw("D1-T1", 50, 1, cohort="donor"),
    ]
    [found] = describe(draws).chc_to_ctc
    by_draw = {d.draw: d for d in found.draws}

    assert (found.patients, found.chc, found.ctc) == (5, 214, 15)
    assert (found.ten_or_more, found.surely_below_ten, found.without_cells) == (4, 1, 1)
    assert by_draw["P1-T2"].ratio is None
    # Clopper-Pearson of 12 of 12: q = .025 ** (1 / 12), q / (1 - q) = 2.78
    q = 0.025 ** (1 / 12)
    assert by_draw["P1-T2"].low == pytest.approx(q / (1 - q))
    assert (by_draw["P2-T1"].ratio, by_draw["P2-T1"].low) == (None, None)
    assert found.ratio == pytest.approx(214 / 15)
    assert found.low is not None
    assert found.low < 214 / 15


def test_ratio_needs_no_volume() -> None:
    [found] = describe([make_draw("P1-T1", 20, 2, exposure_ml=None)]).chc_to_ctc

    assert found.draws[0].ratio == 10


def test_second_lot_of_a_draw_is_no_second_patient() -> None:
    twice = make_draw("A0-T1", 1, facts={"group": "A"}, lot="L1")
    extra = make_row("A0-T1", "CHC", 99, lot="L2")
    draws = [twice.model_copy(update={"rows": (*twice.rows, extra)}), *arms()[1:]]

    assert [m.count for m in compare(draws).members if m.patient == "A0"] == [1]
