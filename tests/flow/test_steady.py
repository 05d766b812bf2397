"""A file that is written, cut or replaced while it is read is refused, and ends no process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, describe_channels, float_bytes, write_fcs

from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import open_fcs
from chc_gating.flow.volume import read_flow_facts


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(12))


def cut(path: Path) -> None:
    os.truncate(path, 100)


def rewrite(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    shutil.copy2(path, other)
    other.replace(path)


def remove(path: Path) -> None:
    path.unlink()


CHANGES = [
    pytest.param(grow, "changed from", id="grown"),
    pytest.param(cut, "to 100 bytes", id="cut"),
    pytest.param(rewrite, "was written to", id="rewritten"),
    pytest.param(replace, "was written to", id="replaced"),
    pytest.param(remove, "was removed", id="removed"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_change_between_two_batches_is_refused(tmp_path: Path, change, words: str) -> None:
    file = write_fcs(tmp_path / "a.fcs")
    batches = open_fcs(file).event_stream().batches(2)
    next(batches)
    change(file)

    with pytest.raises(RawFileError, match=words):
        next(batches)


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_change_during_the_last_batch_is_refused_at_the_end(
    tmp_path: Path, change, words: str
) -> None:
    file = write_fcs(tmp_path / "a.fcs")
    batches = open_fcs(file).event_stream().batches(4)
    assert len(next(batches)) == 4
    change(file)

    with pytest.raises(RawFileError, match=words):
        next(batches)


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_every_way_to_the_events_refuses_a_changed_file(tmp_path: Path, change, words: str) -> None:
    file = write_fcs(tmp_path / "a.fcs")
    fcs = open_fcs(file)
    change(file)

    for read in (
        fcs.read,
        lambda: list(fcs.batches()),
        lambda: fcs.saturation,
        lambda: read_flow_facts(fcs),
    ):
        with pytest.raises(RawFileError, match=words):
            read()


def test_integers_are_guarded_like_floats(tmp_path: Path) -> None:
    keywords = {"$DATATYPE": "I", **describe_channels(bits=16, limit="1024")}
    file = write_fcs(tmp_path / "a.fcs", np.arange(12, dtype="<u2").tobytes(), keywords=keywords)
    batches = open_fcs(file).event_stream().batches(2)
    next(batches)
    cut(file)

    with pytest.raises(RawFileError, match="copied or saved completely"):
        next(batches)


def test_a_file_cut_by_many_pages_ends_no_process(tmp_path: Path) -> None:
    events = np.zeros((500_000, 3), dtype="<f4")
    file = write_fcs(tmp_path / "a.fcs", events.tobytes(), keywords={"$TOT": "500000"})
    batches = open_fcs(file).event_stream().batches(1000)
    next(batches)
    cut(file)

    with pytest.raises(RawFileError, match="to 100 bytes"):
        sum(float(batch.sum()) for batch in batches)


def test_a_file_cut_between_check_and_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chc_gating.flow.fcs.require_unchanged", lambda *_: None)
    file = write_fcs(tmp_path / "a.fcs")
    fcs = open_fcs(file)
    batches = fcs.event_stream().batches(2)
    next(batches)
    os.truncate(file, fcs.data_begin + 30)

    with pytest.raises(RawFileError, match=f"ends at byte {fcs.data_begin + 30} while it is read"):
        next(batches)
    with pytest.raises(RawFileError, match="while it is read"):
        fcs.read()


def test_a_file_that_stays_is_read_again_and_again(tmp_path: Path) -> None:
    fcs = open_fcs(write_fcs(tmp_path / "a.fcs", float_bytes()))

    for _ in range(2):
        assert np.array_equal(np.concatenate(list(fcs.event_stream().batches(3))), EVENTS)
