from __future__ import annotations

from pathlib import Path

import flowio
import numpy as np
import pytest

from chc_gating.simulate.fcs import _build_header, format_spillover, write_fcs

CHANNELS = ("FSC-A", "APC-A", "Time")
LABELS = (None, "CD45", None)


def write(path: Path, values: np.ndarray, *, announced: int | None = None) -> None:
    write_fcs(
        path,
        iter(np.array_split(values, 3)),
        channels=CHANNELS,
        labels=LABELS,
        event_count=len(values) if announced is None else announced,
        keywords={"$TIMESTEP": "0.01", "$VOL": "50000"},
    )


def test_flowio_reads_the_values_that_were_written(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(1000, 500, (100, 3)).astype(np.float32)
    write(tmp_path / "a.fcs", values)
    read = flowio.FlowData(str(tmp_path / "a.fcs"))
    assert read.version == "3.1"
    assert read.pnn_labels == list(CHANNELS)
    assert read.pns_labels == ["", "CD45", ""]
    np.testing.assert_array_equal(read.as_array(preprocess=False), values)


def test_nonfinite_values_are_written_as_they_are(tmp_path: Path) -> None:
    values = np.array([[1, np.nan, 0], [2, np.inf, 1], [3, -np.inf, 2]], dtype=np.float32)
    write(tmp_path / "a.fcs", values)
    read = flowio.FlowData(str(tmp_path / "a.fcs")).as_array(preprocess=False)
    np.testing.assert_array_equal(read, values)


def test_fewer_events_than_announced_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 events were given, 5 were announced"):
        write(tmp_path / "a.fcs", np.zeros((4, 3), dtype=np.float32), announced=5)


def test_a_keyword_that_holds_the_delimiter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="delimiter"):
        write_fcs(
            tmp_path / "a.fcs",
            iter([]),
            channels=("A|B",),
            labels=(None,),
            event_count=0,
            keywords={},
        )


def test_offsets_too_large_for_the_header_are_left_to_text() -> None:
    # FCS 3.1, section 3.1: an offset above 99,999,999 is written as 0 in HEADER.
    header = _build_header(1000, 1058, 100_000_000)
    assert header[26:34].strip() == b"0"
    assert header[34:42].strip() == b"0"


def test_spillover_is_written_row_by_row() -> None:
    matrix = np.array([[1.0, 0.1], [0.02, 1.0]])
    assert format_spillover(("A", "B"), matrix) == "2,A,B,1,0.1,0.02,1"
