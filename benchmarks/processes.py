"""Run a command as a process of its own: wall time, processor time, peak memory, what it said."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Run:
    """One process, or several that followed one another."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    text: str = ""


def run(command: Sequence[str], *, threads: int = 1) -> Run:
    """Run a command with so many threads for numpy's libraries; stop where it fails."""
    some = dict.fromkeys(ONE_THREAD, str(threads))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=said, env=os.environ | some)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        out.seek(0)
        said.seek(0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read()[-2000:]}")
        cpu = usage.ru_utime + usage.ru_stime
        return Run(wall, cpu, usage.ru_maxrss / 1024, out.read())


def join(runs: Sequence[Run]) -> Run:
    """Return several processes as one: times added up, the largest peak, the last text."""
    return Run(
        sum(r.wall_s for r in runs),
        sum(r.cpu_s for r in runs),
        max(r.peak_mb for r in runs),
        runs[-1].text,
    )


def best(runs: Sequence[Run]) -> Run:
    """Return the run of the least wall time."""
    return min(runs, key=lambda r: r.wall_s)


def chc(*arguments: object, threads: int = 1) -> Run:
    """Run a stage of the project."""
    words = [sys.executable, "-m", "chc_gating.cli", *map(str, arguments)]
    return run([*words, f"--threads={threads}"], threads=threads)
