"""From stored to linear: $PnE, $PnG and $TIMESTEP, each once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, describe_channels, float_bytes, write_fcs

from chc_gating.flow.fcs import open_fcs

STORED = np.array([[0, 512, 10], [1023, 1, 20], [256, 2, 30], [1, 3, 40]], dtype="<u2")
INTEGER = {"$DATATYPE": "I", **describe_channels(bits=16, limit="1024")}


def test_time_is_in_seconds(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$TIMESTEP": "0.01"}))

    assert np.allclose(fcs.read("linear")[:, 2], [0, 0.01, 0.02, 0.07], rtol=1e-15)
    assert fcs.event_stream().time_channel == 2


def test_a_gain_of_time_is_not_applied_beside_the_timestep(tmp_path: Path) -> None:
    # BD writes both; the tube of 111 s in facs_diva_test.fcs would last 3 hours.
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$TIMESTEP": "0.01", "$P3G": "0.01"}))

    assert fcs.read("linear")[3, 2] == pytest.approx(0.07)
    assert any("$PnG beside $TIMESTEP" in line for line in fcs.repairs)


@pytest.mark.parametrize("step", [None, "", "xxxxxxxxx", "0", "-1", "1e300"])
def test_without_a_timestep_time_is_not_known_in_seconds(tmp_path: Path, step: str | None) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$TIMESTEP": step}))

    assert fcs.event_stream().time_channel is None
    assert np.array_equal(fcs.read("linear")[:, 2], EVENTS[:, 2])
    assert any("$TIMESTEP" in line for line in fcs.repairs)


def test_of_two_time_channels_the_first_is_used_and_noted(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P2N": "TIME"}))

    assert fcs.event_stream().time_channel == 1
    assert any("two Time" in line for line in fcs.repairs)


def test_fcs_3_2_names_time_by_its_type(tmp_path: Path) -> None:
    keywords = {"$P3N": "Clock", "$P3TYPE": "Time"}
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords=keywords, version="3.2"))

    assert fcs.event_stream().time_channel == 2


def test_a_gain_divides(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P1G": "4"}))

    assert np.array_equal(fcs.read("linear")[:, 0], EVENTS[:, 0] / 4)
    assert np.array_equal(fcs.read("stored")[:, 0], EVENTS[:, 0])


@pytest.mark.parametrize("gain", ["0", "-2", "NA", ""])
def test_a_gain_that_is_none_is_one(tmp_path: Path, gain: str) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P1G": gain}))

    assert np.array_equal(fcs.read("linear")[:, 0], EVENTS[:, 0])
    assert any("FSC-A: $PnG" in line for line in fcs.repairs)


def test_a_logarithmic_channel_becomes_linear(tmp_path: Path) -> None:
    keywords = INTEGER | {"$P1E": "4,1", "$P2E": "4.0,0.1024"}
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", STORED.tobytes(), keywords=keywords))

    # FCS 3.1, $PnE: f2 * 10 ** (f1 * x / R); half the range of four decades is 100.
    linear = fcs.read("linear")
    assert linear[0, 0] == 1.0
    assert linear[2, 0] == pytest.approx(10.0)
    assert linear[0, 1] == pytest.approx(0.1024 * 100)
    assert np.array_equal(fcs.read("stored"), STORED)


def test_a_logarithmic_scale_without_an_offset_starts_at_one(tmp_path: Path) -> None:
    keywords = INTEGER | {"$P1E": "4,0"}
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", STORED.tobytes(), keywords=keywords))

    assert fcs.read("linear")[0, 0] == 1.0
    assert any("no value for 0" in line for line in fcs.repairs)


def test_floats_are_linear_whatever_their_scale_says(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", keywords={"$P1E": "4,1"}))

    assert np.array_equal(fcs.read("linear")[:, 0], EVENTS[:, 0])
    assert any("floats are linear" in line for line in fcs.repairs)


def test_a_gain_beside_a_logarithmic_scale_is_not_applied(tmp_path: Path) -> None:
    keywords = INTEGER | {"$P1E": "4,1", "$P1G": "8"}
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", STORED.tobytes(), keywords=keywords))

    assert fcs.read("linear")[0, 0] == 1.0


def test_nan_and_infinity_stay(tmp_path: Path) -> None:
    events = EVENTS.copy()
    events[1, 0], events[2, 1] = np.nan, np.inf
    linear = open_fcs(write_fcs(tmp_path / "a.fcs", float_bytes(events))).read()

    assert np.isnan(linear[1, 0])
    assert np.isinf(linear[2, 1])


def test_what_is_neither_stored_nor_linear_is_a_bug_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stored"):
        open_fcs(write_fcs(tmp_path / "a.fcs")).read("raw")  # type: ignore[arg-type]
