"""`python -m chc_gating.cli`: the command without an installed script."""

from chc_gating.cli.main import run

run()
