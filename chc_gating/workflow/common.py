"""The batch of a run, and how its jobs call `chc`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chc_gating.batch.configuration import DEFAULT_CONFIG, Batch, load_batch
from chc_gating.errors import ChcError


def load_batch_or_exit(
    *, configfiles: Sequence[str | Path], overrides: Mapping[str, object]
) -> Batch:
    """Load the batch for a run of Snakemake; on faults print them all and exit with code 2.

    ``configfiles`` are the files of ``--configfile`` (the last one is the batch's), and
    ``overrides`` what was given with ``--config``, which is refused: the stages read the file.
    """
    try:
        if overrides:
            raise ChcError(
                f"--config {', '.join(overrides)}: settings are changed in the configuration file, "
                "so that every result says what made it; edit it, or name another with --configfile"
            )
        return load_batch(Path(configfiles[-1]) if configfiles else DEFAULT_CONFIG)
    except ChcError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def write_shell_prefix(*, basedir: str | Path, conda: bool) -> str:
    """Return shell text that defines `chc`: the interpreter of this run, this checkout.

    Under ``--sdm conda`` it is the environment's own ``python``. The checkout comes first
    on PYTHONPATH, so that the rules and the package are always of one version. Braces are
    doubled because Snakemake formats the prefix.
    """
    python = "python" if conda else shlex.quote(sys.executable)
    checkout = shlex.quote(str(basedir))
    prefix = (
        "set -euo pipefail; "
        f"chc() {{ PYTHONPATH={checkout}${{PYTHONPATH:+:$PYTHONPATH}} {python} "
        '-m chc_gating.cli "$@"; }; '
    )
    return prefix.replace("{", "{{").replace("}", "}}")
