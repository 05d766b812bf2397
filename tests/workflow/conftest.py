"""The small batch, run once and copied for every test."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from run_workflow import Run, run_snakemake
from small_batch import write_small_batch


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Return the small batch after its first run, made once for all pytest workers; read only."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    batch, said = shared / "small batch", shared / "small-batch.output"
    with (shared / "small-batch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            write_small_batch(batch)
            run = run_snakemake(batch)
            said.write_text(f"{run.returncode}\n{run.output}", encoding="utf-8")
    returncode, _, output = said.read_text("utf-8").partition("\n")
    return batch, Run(int(returncode), output)


@pytest.fixture
def batch(finished: tuple[Path, Run], tmp_path: Path) -> Path:
    """Return a copy of the finished batch that a test may change; times of files are kept."""
    folder, run = finished
    assert run.returncode == 0, run.output
    return Path(shutil.copytree(folder, tmp_path / "batch"))
