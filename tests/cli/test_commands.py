"""What every subcommand has in common."""

from __future__ import annotations

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
