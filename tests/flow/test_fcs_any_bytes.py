"""Any bytes give data or a RawFileError: nothing else, and nothing larger than the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fcs_files import describe_channels, fcs_bytes, float_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import open_fcs
from chc_gating.flow.volume import read_flow_facts

INTEGER_FILE = fcs_bytes(
    np.arange(12, dtype="<u2").tobytes(),
    keywords={"$DATATYPE": "I", "$P1E": "4,1", **describe_channels(bits=16, limit="1024")},
)
FLOAT_FILE = fcs_bytes(
    float_bytes(), keywords={"$VOL": "20000", "$BTIM": "10:00:00", "$ETIM": "10:01:00"}
)
FILES = (FLOAT_FILE, INTEGER_FILE)
VALUES = st.sampled_from(
    ["", "0", "-1", "1", "9" * 18, "9" * 5000, "1e999", "nan", "4,1", "1,2", "3,4,1,2", "x", "\0"]
)

KEYS = (
    *("$TOT", "$PAR", "$BYTEORD", "$DATATYPE", "$MODE", "$TIMESTEP", "$NEXTDATA"),
    *("$P1B", "$P1R", "$P1E", "$P1G", "$P1N", "$P1DATATYPE", "$P3B"),
    *("$BEGINDATA", "$ENDDATA", "$BEGINSTEXT", "$ENDSTEXT"),
    *("$VOL", "$BTIM", "$ETIM", "$ABRT", "$LOST", "$BEGINDATETIME", "$ENDDATETIME"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytes")


def read_or_refuse(folder: Path, data: bytes) -> None:
    file = folder / "a.fcs"
    file.write_bytes(data)
    try:
        fcs = open_fcs(file)
    except RawFileError:
        return
    stored = fcs.read("stored")
    assert stored.shape == (fcs.event_count, len(fcs.channels))
    assert stored.size <= len(data)
    assert np.array_equal(stored.shape, fcs.read("linear").shape)
    stream = fcs.event_stream()
    assert sum(len(batch) for batch in stream.batches(3)) == fcs.event_count
    assert len(set(fcs.channels)) == len(fcs.channels)
    assert not np.isnan(stream.saturation).any()
    read_flow_facts(fcs)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_bytes_of_any_kind(folder: Path, data: bytes) -> None:
    read_or_refuse(folder, data)
    read_or_refuse(folder, b"FCS3.1    " + data)


@settings(max_examples=300)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_bytes_that_are_overwritten(
    folder: Path, data: bytes, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    read_or_refuse(folder, bytes(damaged))


@settings(max_examples=200)
@given(st.sampled_from(FILES), st.integers(0, 10**4), st.integers(0, 40))
def test_bytes_that_are_missing(folder: Path, data: bytes, place: int, length: int) -> None:
    place %= len(data)
    read_or_refuse(folder, data[:place] + data[place + length :])


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.none() | VALUES,
        min_size=1,
        max_size=5,
    )
)
def test_keywords_of_any_value(folder: Path, keywords: dict[str, str | None]) -> None:
    read_or_refuse(folder, fcs_bytes(keywords=keywords))
    read_or_refuse(folder, fcs_bytes(keywords=keywords | {"$DATATYPE": "I"}))
