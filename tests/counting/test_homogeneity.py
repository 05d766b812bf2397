"""Acquisitions that do not fit one rate are flagged, by exact tests."""

from __future__ import annotations

from itertools import product

import pytest
from count_cases import count_case, find_row, make_draw, make_result, make_row
from scipy.stats import binomtest, multinomial

from chc_gating.counting.homogeneity import find_homogeneity_p
from chc_gating.model.count import CountRow


def count(*members: tuple[int, float], **cells: object) -> CountRow:
    """CHC of acquisitions with (count, mL), the volumes by beads."""
    pairs = [
        (
            make_row(
                acquisition=f"A{i}",
                bead_population="beads",
                beads_added=100.0,
                blood_in_tube_ml=volume_ml,
            ),
            make_result({"CHC": chc}, bead_events=100),
        )
        for i, (chc, volume_ml) in enumerate(members)
    ]
    return find_row(count_case([make_draw(**cells)], pairs))


def test_two_acquisitions_have_the_central_binomial_p() -> None:
    assert find_homogeneity_p([1, 11], [2.0, 3.0925]) == pytest.approx(0.0441, abs=5e-5)  # [C]


def test_equal_tails_of_two_acquisitions_do_not_exceed_one() -> None:
    assert find_homogeneity_p([5, 5], [1.0, 1.0]) == 1.0


def test_three_acquisitions_have_the_sum_over_all_outcomes_no_likelier() -> None:
    seen, volumes = (9, 1, 2), [1.0, 2.0, 1.5]
    law = multinomial(12, [v / 4.5 for v in volumes])
    outcomes = [k for k in product(range(13), repeat=3) if sum(k) == 12]
    slow = sum(law.pmf(k) for k in outcomes if law.pmf(k) <= law.pmf(seen) * (1 + 1e-7))
    assert find_homogeneity_p(seen, volumes) == pytest.approx(slow, rel=1e-9)


def test_many_outcomes_are_bounded_by_the_acquisition_that_stands_out() -> None:
    counts = [100, 110, 90, 160]
    least = min(
        2 * min(binomtest(k, 460, 0.25, side).pvalue for side in ("less", "greater"))
        for k in counts
    )
    assert find_homogeneity_p(counts, [1.0] * 4) == pytest.approx(4 * least, rel=1e-9)


@pytest.mark.parametrize(("counts", "volumes"), [([7], [1.0]), ([0, 0, 0], [1.0, 2.0, 3.0])])
def test_one_acquisition_or_no_event_agrees_with_itself(
    counts: list[int], volumes: list[float]
) -> None:
    assert find_homogeneity_p(counts, volumes) == 1.0


def test_order_of_acquisitions_changes_no_p() -> None:
    forward = find_homogeneity_p([9, 1, 2], [1.0, 2.0, 1.5])
    assert find_homogeneity_p([2, 9, 1], [1.5, 1.0, 2.0]) == pytest.approx(forward, rel=1e-12)


def test_acquisitions_that_one_rate_explains_are_not_flagged() -> None:
    assert "acquisitions_differ" not in count((1, 2.0), (11, 3.0925)).flags  # p .0441 [C]


def test_acquisitions_that_no_rate_explains_are_flagged_and_summed() -> None:
    row = count((0, 2.0), (60, 2.0))
    assert row.count == 60
    assert "acquisitions_differ" in row.flags.split(";")


def test_measured_exposures_are_compared_under_a_recovery_end_to_end() -> None:
    cells = {"spiked": 1000, "recovered": 600, "recovery_scope": "end_to_end"}
    assert "acquisitions_differ" in count((30, 1.0), (30, 5.0), **cells).flags
    assert "acquisitions_differ" not in count((10, 1.0), (50, 5.0), **cells).flags
