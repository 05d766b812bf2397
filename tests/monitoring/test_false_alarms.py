"""The chance of a false alarm is that of the rule as it is followed."""

from __future__ import annotations

import numpy as np
import pytest

from chc_gating.monitoring.control_chart import run_charts
from chc_gating.monitoring.false_alarms import Follow, find_false_alarm_chance
from chc_gating.monitoring.rules import MonitorRules

DAYS = tuple(f"2026-0{month}-01" for month in range(1, 9))
VOLUMES = (5.09, 4.80, 5.30, 5.09, 4.60, 5.00, 3.0, 6.0)


def chance(rules: MonitorRules, *, baseline_ml: float | None = None, draws: int = 8) -> float:
    follow = Follow(VOLUMES[:draws], DAYS[:draws], baseline_ml)
    return find_false_alarm_chance(0.8, follow, rules=rules)


def follow_one(rng: np.random.Generator, rules: MonitorRules, *, baseline_ml: float | None) -> bool:
    """The rule once, draw by draw, by the charts' own functions."""
    low = 0.8 if baseline_ml is None else rng.poisson(0.8 * baseline_ml) / baseline_ml
    if low == 0:
        return False
    counts = [int(rng.poisson(0.8 * volume)) for volume in VOLUMES]
    places = run_charts(counts, VOLUMES, low_per_ml=low, rules=rules)
    signals = [place.signal for place in places]
    return any(
        all(signals[i : i + rules.alarm_confirm])
        for i in range(len(signals) - rules.alarm_confirm + 1)
    )


@pytest.mark.parametrize("baseline_ml", [None, 10.0])
@pytest.mark.parametrize("rule", ["cusum", "ewma"])
def test_chance_is_the_share_of_series_followed_draw_by_draw(
    rule: str, baseline_ml: float | None
) -> None:
    rules = MonitorRules(alarm_rule=rule, cusum_h=2.0, ewma_width=1.5)
    rng = np.random.default_rng(4)
    share = np.mean([follow_one(rng, rules, baseline_ml=baseline_ml) for _ in range(3000)])
    error = 4 * (share * (1 - share) / 3000) ** 0.5
    assert chance(rules, baseline_ml=baseline_ml) == pytest.approx(float(share), abs=error)


def test_more_draws_and_a_short_baseline_raise_the_chance() -> None:
    rules = MonitorRules()
    assert chance(rules, draws=3) < chance(rules) < chance(rules, baseline_ml=5.0)


def test_one_signal_is_more_often_false_than_two_in_a_row() -> None:
    assert chance(MonitorRules(alarm_confirm=1)) > chance(MonitorRules(alarm_confirm=2))


def test_tubes_of_one_day_confirm_nothing() -> None:
    rules = MonitorRules(cusum_h=1.0)
    same = Follow(VOLUMES, ("2026-01-01",) * 8, None)
    assert find_false_alarm_chance(0.8, same, rules=rules) == 0


def test_a_single_draw_cannot_be_confirmed() -> None:
    assert chance(MonitorRules(cusum_h=0.5), draws=1) == 0
