"""The `chc` command: parses arguments, prints, and turns errors into exit codes.

A command imports its stage when it is called: a cluster starts thousands of processes, and
each pays only for what it runs.
"""

from __future__ import annotations

import gc
import os
import sys

from chc_gating.cli import batches, controls, gating, results, stitching
from chc_gating.cli.app import EXIT_MACHINE_OR_BUG, EXIT_USER, app
from chc_gating.errors import ChcError

__all__ = ["app", "batches", "controls", "gating", "results", "run", "stitching"]


_ALGEBRA_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def run() -> None:
    """Run the command; exit 0 done, 2 the data's or configuration's fault, 1 bug or machine."""
    # numpy is not loaded yet. With several threads linear algebra adds in another order, so that
    # last digits would depend on the machine's cores.
    os.environ.update(dict.fromkeys(_ALGEBRA_THREADS, "1"))
    # Imports make a few hundred thousand objects that stay: to look through them again and again
    # for what can be thrown away would take a tenth of a small file's time.
    gc.set_threshold(100_000, 20, 20)
    try:
        app()
    except ChcError as error:
        print(f"chc: {error}", file=sys.stderr)
        sys.exit(EXIT_USER)
    except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        print(f"chc: {error.filename}: {error.strerror}; give another path", file=sys.stderr)
        sys.exit(EXIT_USER)
    except MemoryError:
        print("chc: out of memory; ask for more (mem_mb) and run it again", file=sys.stderr)
        sys.exit(EXIT_MACHINE_OR_BUG)
    except OSError as error:
        print(f"chc: the machine failed: {error}; it may be tried again", file=sys.stderr)
        sys.exit(EXIT_MACHINE_OR_BUG)
