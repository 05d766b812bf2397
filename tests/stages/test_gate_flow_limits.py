"""What a run of gate-flow costs and shows, whatever the file's size and the number of threads."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from chc_gating.model.events import EventStream, StoredBatch
from chc_gating.stages import progress
from tests.flow.fcs_files import describe_channels, fcs_bytes, float_bytes
from tests.stages.test_gate_flow import GATES, NAMES, PANEL

ALLOWED_KB = 16 * 1024
"""What the allocator may keep; every batch is read into the same room."""


def write_tube(folder: Path, *, copies: int) -> Path:
    """Write copies of 100,000 random events, few of them positive for the epithelial marker."""
    rng = np.random.default_rng(1)
    keywords: dict[str, str | None] = {"$PAR": "4", **describe_channels(NAMES), "$P2S": "CD45"}
    events = rng.uniform(0, 100.01, (100_000, 4))
    data = float_bytes(events) * copies
    path = folder / f"tube{copies}.fcs"
    path.write_bytes(fcs_bytes(data, keywords=keywords))
    (folder / "panel.yaml").write_text(PANEL)
    (folder / "gates.yaml").write_text(GATES)
    return path


def run(file: Path, *, output: Path, threads: int = 1) -> int:
    """Return the peak memory (KB) of `chc gate-flow`."""
    sheets = [f"--{name}={file.parent / name}.yaml" for name in ("panel", "gates")]
    command = [sys.executable, "-m", "chc_gating.cli", "gate-flow", str(file), *sheets]
    child = subprocess.Popen([*command, f"--output={output}", f"--threads={threads}"])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_maxrss


def test_a_file_four_times_as_large_needs_no_more_memory(tmp_path: Path) -> None:
    small, large = write_tube(tmp_path, copies=10), write_tube(tmp_path, copies=40)
    run(small, output=tmp_path / "compile")
    little, much = run(small, output=tmp_path / "a"), run(large, output=tmp_path / "b")
    assert much - little < ALLOWED_KB


def test_threads_change_no_byte(tmp_path: Path) -> None:
    tube = write_tube(tmp_path, copies=3)
    for threads in (1, 2, 3):
        run(tube, output=tmp_path / f"out{threads}", threads=threads)
    for name in ("populations.json", "quality.json", "densities.npz", "candidates.parquet"):
        first = (tmp_path / "out1" / name).read_bytes()
        assert all((tmp_path / f"out{t}" / name).read_bytes() == first for t in (2, 3)), name


def make_stream() -> EventStream:
    def batches(_size: int) -> Iterator[StoredBatch]:
        for _ in range(3):
            yield np.zeros((5, 1))

    return EventStream(("A",), (None,), 15, np.ones(1), np.ones(1), batches)


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.mark.parametrize(("patience", "shown"), [(-1.0, True), (3600.0, False)])
def test_a_bar_stands_on_a_terminal_for_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, patience: float, shown: bool
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE_S", patience)
    stream = progress.show_progress(make_stream(), "gating")
    assert sum(len(batch) for batch in stream.batches(5)) == 15
    assert ("gating" in screen.getvalue()) == shown


@pytest.mark.parametrize("is_terminal", [True, False])
def test_blocks_of_a_slide_move_a_bar_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    screen = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    watch = progress.BlockProgress("segmenting")
    assert list(watch(iter("abc"), 3)) == ["a", "b", "c"]
    assert ("segmenting" in screen.getvalue()) == is_terminal


def test_nothing_is_shown_where_standard_error_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    stream = make_stream()
    assert progress.show_progress(stream, "gating") is stream
