"""The `chc` command itself, which the other modules add their commands to."""

from __future__ import annotations

from typing import Annotated

import typer

from chc_gating import __version__

EXIT_MACHINE_OR_BUG = 1
EXIT_USER = 2

app = typer.Typer(
    name="chc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Counts of circulating hybrid cells (CHC) and tumour cells (CTC) per 7.5 mL of blood, "
    "from FCS files and slide images. Research use only.",
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"chc_gating {__version__}")
        raise typer.Exit


@app.callback()
def _chc(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass
