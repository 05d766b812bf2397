"""Volume, duration, abort counts: what a file says of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, float_bytes, write_fcs

from chc_gating.flow.clock import parse_clock_span
from chc_gating.flow.fcs import open_fcs
from chc_gating.flow.volume import read_flow_facts
from chc_gating.model.acquisition import FlowFacts

MINUTE = {"$BTIM": "10:00:00", "$ETIM": "10:01:00", "$TIMESTEP": None}


def facts_of(path: Path, times: list[float] | None = None, **keywords: str | None) -> FlowFacts:
    events = EVENTS.copy()
    if times is not None:
        events[:, 2] = times
    named = {key.replace("_", "$", 1): value for key, value in keywords.items()}
    file = write_fcs(path / "a.fcs", float_bytes(events), keywords={**MINUTE, **named})
    return read_flow_facts(open_fcs(file))


def test_nanolitres_are_the_standard(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, _VOL="184000")  # Attune: 184 uL/min

    assert facts.volume_ul == pytest.approx(184)
    assert facts.volume_note is not None
    assert facts.volume_note.startswith("nanolitres")
    assert not facts.volume_unit_repaired
    assert facts.volume_refused is None


def test_microlitres_are_found_by_the_flow_rate(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, _VOL="       72.3")  # Aurora: 72 uL/min

    assert facts.volume_ul == pytest.approx(72.3)
    assert facts.volume_note is not None
    assert facts.volume_note.startswith("microlitres")
    assert facts.volume_unit_repaired


@pytest.mark.parametrize("volume", ["1200", "1500", "0.1", "9000000"])
def test_a_volume_that_both_units_or_none_fit_is_refused(tmp_path: Path, volume: str) -> None:
    facts = facts_of(tmp_path, _VOL=volume)

    assert facts.volume_ul is None
    assert facts.volume_note is None
    assert facts.volume_refused is not None
    assert facts.volume_refused.startswith("both" if float(volume) in (1200, 1500) else "neither")


@pytest.mark.parametrize("volume", ["0", "-5", "NA", ""])
def test_a_volume_that_is_none_is_refused(tmp_path: Path, volume: str) -> None:
    assert facts_of(tmp_path, _VOL=volume).volume_refused == "$VOL is not a positive number"


def test_a_volume_without_a_duration_is_refused(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, _VOL="20000", _ETIM=None)

    assert facts.duration_s is None
    assert facts.volume_refused is not None
    assert "duration" in facts.volume_refused


def test_without_vol_nothing_is_refused(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)

    assert (facts.volume_ul, facts.volume_refused) == (None, None)


def test_the_span_of_time_comes_before_the_clock(tmp_path: Path) -> None:
    assert facts_of(tmp_path, [5, 10, 15, 25], _TIMESTEP="0.5").duration_s == pytest.approx(10)


def test_a_time_that_wraps_leaves_the_duration_to_the_clock(tmp_path: Path) -> None:
    events = np.tile(EVENTS, (100, 1))
    events[:, 2] = np.arange(400) % 300
    file = write_fcs(tmp_path / "a.fcs", float_bytes(events), keywords=MINUTE | {"$TOT": "400"})

    assert read_flow_facts(open_fcs(file)).duration_s == 60


def test_shuffled_events_have_the_span_of_their_times(tmp_path: Path) -> None:
    assert facts_of(tmp_path, [30, 2, 32, 12], _TIMESTEP="1").duration_s == 30


def test_times_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    assert facts_of(tmp_path, [np.nan, 2, np.inf, 12], _TIMESTEP="1").duration_s == 10


def test_one_time_for_all_events_is_no_duration(tmp_path: Path) -> None:
    assert facts_of(tmp_path, [7, 7, 7, 7], _TIMESTEP="1").duration_s == 60


def test_abort_and_lost_events_are_read(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, _ABRT=" 52800", _LOST="1200")

    assert (facts.abort_events, facts.lost_events) == (52800, 1200)


@pytest.mark.parametrize("text", [None, "", "NA", "-3"])
def test_what_is_no_count_is_not_known(tmp_path: Path, text: str | None) -> None:
    facts = facts_of(tmp_path, _ABRT=text, _LOST=text)

    assert (facts.abort_events, facts.lost_events) == (None, None)


@pytest.mark.parametrize(
    ("begin", "end", "seconds"),
    [
        ("10:00:00", "10:01:30", 90.0),
        ("10:00:00.50", "10:00:01.75", 1.25),
        ("10:00:00:30", "10:00:01:00", 0.5),  # FCS 3.0: sixtieths
        ("09:42:05:509", "09:43:46:219", 100.71),  # CyFlow: milliseconds
        ("23:59:30", "00:00:30", 60.0),
        ("10:00:00", "10:00:00", None),
        ("10:00:00", "09:00:00", None),
        ("24:00:00", "24:01:00", None),
        ("10.00.00", "10.01.00", None),
        (None, "10:00:00", None),
    ],
)
def test_clock_times(begin: str | None, end: str | None, seconds: float | None) -> None:
    given = {"$BTIM": begin, "$ETIM": end}
    span = parse_clock_span({key: text for key, text in given.items() if text is not None})

    assert span == (None if seconds is None else pytest.approx(seconds))


def test_fcs_3_2_gives_dates_with_times() -> None:
    keywords = {
        "$BEGINDATETIME": "2024-03-01T23:59:00+01:00",
        "$ENDDATETIME": "2024-03-02T00:01:00+01:00",
    }

    assert parse_clock_span(keywords) == 120
