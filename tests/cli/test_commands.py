"""What every subcommand has in common."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import typer
from typer.testing import CliRunner

from chc_gating.cli.main import app

STAGES = (
    "stitch",
    "spillover",
    "gate-flow",
    "segment",
    "measure",
    "gate-image",
    "count",
    "limits",
    "report-draw",
    "monitor",
    "cohort",
    "report-batch",
    "require-counted",
)


def options_of(command: str) -> set[str]:
    group = typer.main.get_command(app)
    return {name for param in group.commands[command].params for name in param.opts}


def test_every_stage_takes_output_threads_and_log_level() -> None:
    for stage in STAGES:
        assert {"--output", "--threads", "--log-level"} <= options_of(stage), stage


def test_every_command_shows_an_example() -> None:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        assert f"Example: chc {name}" in (command.epilog or ""), name


def test_a_log_level_that_is_none_is_refused_by_its_name() -> None:
    done = CliRunner().invoke(app, ["warm", "--log-level", "loud"])
    assert done.exit_code == 2
    assert "'--log-level': 'loud' is not one of debug, info, warning, error" in done.output


def test_spillover_of_nothing_says_what_to_give(tmp_path: Path) -> None:
    words = ["spillover", "--panel", str(tmp_path / "p.yaml"), "--output", str(tmp_path / "s.json")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "give a table (CSV), or for a panel of slides --single-stain" in done.output


def test_comparing_with_no_truth_names_the_file_that_was_given(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(tmp_path), "--truth", str(tmp_path / "x.tsv")])
    assert str(done.exception).startswith(f"{tmp_path / 'x.tsv'}: no such table")


def test_linear_algebra_of_a_command_runs_on_one_thread() -> None:
    program = (
        "import sys\n"
        "from chc_gating.cli.main import run\n"
        "sys.argv = ['chc', '--version']\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "import hashlib, numpy as np\n"
        "matrix = np.random.default_rng(1).random((300, 300))\n"
        "print(hashlib.sha256(np.linalg.solve(matrix, matrix[0])).hexdigest())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1
