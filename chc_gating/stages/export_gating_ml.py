"""`chc export gating-ml`: a gates file for other programs."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch.gates import load_gates
from chc_gating.batch.panels import load_panel
from chc_gating.errors import ChcError
from chc_gating.export.gating_ml import write_gating_ml
from chc_gating.stages.spillover import read_spillover
from chc_gating.storage.atomic import write_text


def export_gating_ml(
    gates: Path, *, panel: Path, output: Path, spillover: Path | None = None
) -> None:
    """Write a gates file as Gating-ML 2.0.

    spillover : spillover.json, where the panel names a table. Raises ChcError for what has no
    form in Gating-ML.
    """
    the_panel = load_panel(panel)
    matrix = None if spillover is None else read_spillover(spillover)
    the_gates = load_gates(gates, panel=the_panel)
    if the_gates.awaits_sample:
        raise ChcError(
            f"{gates}: a FlowJo workspace has gates per sample, which are not exported; name YAML "
            "gates"
        )
    text = write_gating_ml(the_gates, the_panel, spillover=matrix)
    write_text(output, text)
