"""A patient's page and record, from rows written here."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.model.count import CountRow, DrawCount
from chc_gating.model.monitor import Monitor, PatientEvent
from chc_gating.monitoring.lead_time import Onset, find_lead_time
from chc_gating.monitoring.patient import monitor_patient
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.reporting.monitor_page import describe_lead_time, render_monitor_page

DATES = ("2026-01-05", "2026-02-04", "2026-03-06", "2026-04-05", "2026-05-20", "2026-07-04")
SERIES = ((18, 5.09), (9, 4.80), (4, 5.30), (3, 5.09), (7, 4.60), (15, 5.00))
RULES = MonitorRules(baseline_draws=2, cusum_low_per_ml=0.8)


def make_draw(name: str, date: str, count: int | None, volume: float | None) -> DrawCount:
    rates = {}
    if count is not None and volume is not None:
        rate = 7.5 / volume
        rates = {
            "per_7_5_ml": count * rate,
            "ci95_low_per_7_5_ml": 0.6 * count * rate,
            "ci95_high_per_7_5_ml": (1.6 * count + 3.7) * rate,
            "upper95_per_7_5_ml": (1.5 * count + 3.0) * rate,
        }
    status = "not_counted" if count is None else "counted"
    row = CountRow(
        draw=name,
        patient="P1",
        cohort="patient",
        collected_on=date,
        modality="flow",
        panel="chc4",
        gates="chc",
        phenotype="CHC",
        count=count,
        exposure_ml=volume,
        status=status,
        reason=None if count is not None else "the file is cut short",
        software_version="0",
        config_hash="0",
        **rates,
    )
    return DrawCount(
        software_version="0",
        inputs=(),
        parameters={},
        draw={"draw": name, "patient": "P1", "cohort": "patient", "collected_on": date},
        status=status,
        rows=(row,),
    )


def follow(series: object, *, rules: MonitorRules = RULES, **more: object) -> Monitor:
    draws = [
        make_draw(f"P1-{i}", date, count, volume)
        for i, (date, (count, volume)) in enumerate(zip(DATES, series, strict=False))  # type: ignore[call-overload]
    ]
    return monitor_patient("P1", draws, rules=rules, software_version="0", **more)  # type: ignore[arg-type]


def render(monitor: Monitor) -> str:
    names = {p.draw for s in monitor.series for p in s.points}
    return render_monitor_page(monitor, links={n: f"{n}.html" for n in names})


def test_alarm_needs_two_draws_of_different_days() -> None:
    [one] = follow(SERIES).series
    [two] = follow((*SERIES[:4], (20, 5.0), (15, 5.0))).series

    assert one.alarm is None
    assert one.unconfirmed_signals == ("P1-5",)
    assert two.alarm is not None
    assert (two.alarm.first_draw, two.alarm.confirmed_by) == ("P1-4", "P1-5")
    assert two.alarm.not_before == DATES[3]


def test_draw_without_count_or_volume_is_shown_and_left_out() -> None:
    monitor = follow((SERIES[0], (None, None), (5, None), *SERIES[3:]))
    [series] = monitor.series
    page = render(monitor)

    assert [p.used for p in series.points] == [True, False, False, True, True, True]
    assert len(series.changes) == 3
    assert "left out of all computations; not counted: the file is cut short" in page
    assert "left out of all computations; no exposure" in page


def test_baseline_of_zeros_gives_no_chart_and_says_why() -> None:
    [series] = follow(((0, 5.0), (0, 5.0), (4, 5.0)), rules=MonitorRules()).series
    assert series.charts is None
    assert "cusum_low_per_ml" in (series.charts_reason or "")


def test_lead_time_is_censored_on_both_sides() -> None:
    alarm = Onset("alarm", "2026-01-01", "2026-02-01")
    lead = find_lead_time(alarm, Onset("PD", "2026-03-01", "2026-05-01"))
    open_ended = find_lead_time(Onset("alarm", None, "2026-02-01"), Onset("PD", None, "2026-05-01"))

    assert (lead.shortest_days, lead.longest_days) == (28, 120)
    assert "between 28 and 120 days" in describe_lead_time(lead)
    assert "not bounded" in describe_lead_time(open_ended)


def test_page_is_the_same_twice_and_joins_analytes_and_events() -> None:
    more = {
        "analytes": [(d, "CEA", "ug/L", v) for d, v in zip(DATES, (3, 3.2, 5.5, 9), strict=False)],
        "events": [
            PatientEvent(date=DATES[0], end_date=DATES[2], kind="treatment", detail="HAI"),
            PatientEvent(date=DATES[1], kind="imaging", detail="PR"),
            PatientEvent(date=DATES[5], kind="imaging", detail="PD"),
        ],
    }
    monitor = follow(SERIES, **more)
    page = render(monitor)

    assert page == render(follow(SERIES, **more))
    assert "+44.1 / -30.6 %" in page
    assert monitor.analytes[0].alarm_on == DATES[2]
    assert "CEA rise (ug/L) to imaging progression (PD): between -30 and 150 days" in page
    assert "http" not in re.sub(r"http://www.w3.org/\S+", "", page)


FORBIDDEN = re.compile(
    r"CellSearch|67568|CHC[- ]positive|\bdiagnos(?!is\.)|cut-off of [35]", re.IGNORECASE
)
ONE_DRAW = st.tuples(
    st.one_of(st.none(), st.integers(0, 60)), st.one_of(st.none(), st.floats(0.5, 8))
)


@settings(max_examples=20, deadline=None)
@given(
    series=st.lists(ONE_DRAW, min_size=1, max_size=5),
    alpha=st.sampled_from([None, 0.1]),
    low=st.sampled_from([None, 0.8]),
)
def test_nothing_that_must_never_be_printed_is_printed(
    series: list[tuple[int | None, float | None]], alpha: float | None, low: float | None
) -> None:
    rules = MonitorRules(biological_alpha=alpha, cusum_low_per_ml=low)
    events = [PatientEvent(date="2026-06-30", kind="imaging", detail="PD")]
    monitor = follow(series, rules=rules, events=events)
    text = re.sub(r"<(style|svg).*?</\1>", "", render(monitor), flags=re.DOTALL)

    assert not FORBIDDEN.search(text)
    assert "For research use" in text
    for cell in re.findall(r'data-label="count">([^<]*)<', text):
        assert not cell.startswith("0") or "at most" in cell
    for sentence in re.findall(r"<p>From [^<]*</p>", text):
        assert re.search(r"between|at least|at most|not bounded", sentence)


def test_settings_are_printed() -> None:
    page = render(follow(SERIES))
    for name in ("baseline_draws", "cusum_h", "alarm_confirm", "analyte_cvi"):
        assert name in page


@pytest.mark.parametrize("count", [0, 1, 50])
def test_one_draw_alone_has_a_page(count: int) -> None:
    assert "1 of 1 draws can be compared" in render(follow([(count, 5.0)]))
