"""Run a command as a process of its own: wall time, processor time, peak memory, what it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Run:
    """One process, or several that followed one another."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    text: str = ""


def run(command: Sequence[str], *, threads: int = 1) -> Run:
    """Run a command with so many threads for numpy's libraries; stop where it fails.

    It is started by a small process, this file: the peak that the system keeps of a process begins
    with what its parent held when it was forked.
    """
    some = dict.fromkeys(ONE_THREAD, str(threads))
    with tempfile.TemporaryDirectory() as folder:
        facts, said = Path(folder) / "facts.json", Path(folder) / "said.txt"
        with said.open("w") as errors:
            done = subprocess.run(
                [sys.executable, "-S", __file__, str(facts), *command],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | some,
                text=True,
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read_text()[-2000:]}")
        found = json.loads(facts.read_text())
        return Run(found["wall_s"], found["cpu_s"], found["peak_mb"], done.stdout)


def start(facts: Path, command: Sequence[str]) -> int:
    """Run a command, write what it used, and return how it ended."""
    begin = time.perf_counter()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    used = {
        "wall_s": time.perf_counter() - begin,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    facts.write_text(json.dumps(used))
    return os.waitstatus_to_exitcode(status)


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


if __name__ == "__main__":
    sys.exit(start(Path(sys.argv[1]), sys.argv[2:]))
