"""Run the workflow in a folder, with the interpreter that runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"


@dataclass(frozen=True)
class Run:
    """What a run of Snakemake said (both streams), and how it ended."""

    returncode: int
    output: str


def run_snakemake(batch: Path, *arguments: str, path: str | None = None) -> Run:
    """Run the workflow in ``batch``; ``path`` replaces PATH."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    done = subprocess.run(
        [*command, "--directory", str(batch), "--cores", "2", "--nocolor", *arguments],
        env=dict(os.environ) if path is None else {**os.environ, "PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return Run(done.returncode, done.stdout)
