"""Any bytes give data or a RawFileError: nothing else, and nothing larger than the file."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from fcs_files import describe_channels, fcs_bytes, float_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quirk_files import QUIRK_FILES
from read_everything import read_or_refuse as read_file

from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import open_fcs

INTEGER_FILE = fcs_bytes(
    np.arange(12, dtype="<u2").tobytes(),
    keywords={"$DATATYPE": "I", "$P1E": "4,1", **describe_channels(bits=16, limit="1024")},
)
FLOAT_FILE = fcs_bytes(
    float_bytes(), keywords={"$VOL": "20000", "$BTIM": "10:00:00", "$ETIM": "10:01:00"}
)
FILES = (FLOAT_FILE, INTEGER_FILE, *(quirk.data for quirk in QUIRK_FILES))
"""A file of each type, byte order, width and quirk."""
VALUES = st.sampled_from(
    (
        *("", "0", "-1", "1", "9" * 18, "9" * 5000, "1e999", "nan", "4,1", "1,2", "3,4,1,2", "x"),
        *("2,FSC-A,PE-A,1,0,0,1", "1,1,1", "9999,A", "Time", "I", "D", "3", "24", "10", "64", "\0"),
    )
)

KEYS = (
    *("$TOT", "$PAR", "$BYTEORD", "$DATATYPE", "$MODE", "$TIMESTEP", "$NEXTDATA"),
    *("$P1B", "$P1R", "$P1E", "$P1G", "$P1N", "$P1DATATYPE", "$P3B"),
    *("$BEGINDATA", "$ENDDATA", "$BEGINSTEXT", "$ENDSTEXT"),
    *("$SPILLOVER", "$P1S", "$P2N", "$P2TYPE"),
    *("$VOL", "$BTIM", "$ETIM", "$ABRT", "$LOST", "$BEGINDATETIME", "$ENDDATETIME"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytes")


def read_or_refuse(folder: Path, data: bytes) -> None:
    read_file(folder / "a.fcs", data)


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


@settings(max_examples=300)
@given(
    st.sampled_from(FILES),
    st.integers(0, 10**4),
    st.integers(0, 400),
    st.sampled_from(FILES),
    st.integers(0, 10**4),
)
def test_bytes_of_one_file_in_another(
    folder: Path, data: bytes, place: int, length: int, other: bytes, source: int
) -> None:
    place, source = place % len(data), source % len(other)
    piece = other[source : source + length]
    read_or_refuse(folder, data[:place] + piece + data[place + length :])
    read_or_refuse(folder, data[:place] + piece + data[place:])


@settings(max_examples=200)
@given(st.sampled_from(FILES), st.integers(0, 5), st.integers(-(10**7), 99_999_999))
def test_offsets_of_any_value(folder: Path, data: bytes, field: int, offset: int) -> None:
    start = 10 + 8 * field
    read_or_refuse(folder, data[:start] + f"{offset:>8}".encode() + data[start + 8 :])


CLAIMS = [
    pytest.param({"$TOT": str(10**12)}, id="10^12 events"),
    pytest.param({"$TOT": str(10**12), "$ENDDATA": str(12 * 10**12 + 500)}, id="10^13 bytes"),
    pytest.param({"$PAR": str(10**9)}, id="10^9 parameters"),
    pytest.param({"$SPILLOVER": "9999,A,B"}, id="a matrix of 9999"),
    pytest.param({"$BEGINSTEXT": "58", "$ENDSTEXT": str(10**12)}, id="10^12 bytes of TEXT"),
]


@pytest.mark.parametrize("keywords", CLAIMS)
def test_a_claim_is_refused_before_memory_is_reserved(
    folder: Path, keywords: dict[str, str | None]
) -> None:
    assert_reads_within(folder, fcs_bytes(keywords=keywords), megabytes=64)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"a|b|" * 1, id="one pair"),
        pytest.param(b"".join(b"%x|b|" % n for n in range(400_000)), id="400,000 keywords"),
        pytest.param(b"K|" + b"a||" * 1_000_000 + b"|", id="a million escaped delimiters"),
        pytest.param(b"|" * 3_000_000, id="nothing but delimiters"),
        pytest.param(b"$P1N|" + b"9" * 3_000_000 + b"|", id="a name of 3 MB"),
    ],
)
def test_a_large_text_takes_neither_long_nor_much(folder: Path, text: bytes) -> None:
    # 200,000 short keywords, the most that is accepted, take 40 MB.
    assert_reads_within(folder, fcs_bytes(raw_text=text, header_data=(0, 0)), megabytes=160)


def test_ten_thousand_equal_names_take_no_longer_than_others(folder: Path) -> None:
    count = 10_000
    keywords: dict[str, str | None] = {"$PAR": str(count), "$TOT": "1"}
    for n in range(1, count + 1):
        keywords |= {f"$P{n}N": "A", f"$P{n}B": "32", f"$P{n}R": "1024", f"$P{n}E": "0,0"}
    file = folder / "wide.fcs"
    file.write_bytes(fcs_bytes(bytes(4 * count), keywords=keywords))

    assert open_fcs(file).channels[-1] == "A_10000"


def test_more_than_ten_thousand_parameters_are_refused(folder: Path) -> None:
    junk: dict[str, str | None] = {f"K{n}": "1" for n in range(11_000)}
    file = folder / "wide.fcs"
    file.write_bytes(fcs_bytes(keywords=junk | {"$PAR": "10001"}))

    with pytest.raises(RawFileError, match="10001 parameters"):
        open_fcs(file)


def assert_reads_within(folder: Path, data: bytes, *, megabytes: int) -> None:
    """Read the bytes in a process that may take so much more memory than after its imports."""
    file = folder / "claim.fcs"
    file.write_bytes(data)
    code = f"""
        import resource, sys
        from pathlib import Path
        from read_everything import read_or_refuse
        from fcs_files import fcs_bytes
        read_or_refuse(Path(sys.argv[2]), fcs_bytes())
        data = Path(sys.argv[1]).read_bytes()
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + ({megabytes} << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        read_or_refuse(Path(sys.argv[2]), data)
    """
    tests = Path(__file__).parent
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent.parent)])
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(file), str(folder / "again.fcs")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 0, done.stderr[-2000:]
