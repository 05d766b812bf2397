"""Which sample of a FlowJo workspace a file gets its gates from.

What reads workspaces is imported where one is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chc_gating.compensation.keyword import KEYWORDS
from chc_gating.flow.fcs import FcsFile
from chc_gating.gating.imported_sample import ImportedSample
from chc_gating.model.gates import Gates

if TYPE_CHECKING:
    from chc_gating.batch.flowjo_workspace import FlowJoSample
    from chc_gating.gating.import_flowjo import FileFacts


def choose_sample(gates: Gates, fcs: FcsFile) -> ImportedSample:
    """Return gates with the populations of the file's own sample; others as they are.

    Raises ConfigError where the workspace has no sample, or several, of the file's name; ChcError
    where a population that the gates name is not there or cannot be imported.
    """
    if not gates.awaits_sample:
        return ImportedSample(gates=gates, spillover=None, notes=())
    from chc_gating.gating.import_flowjo import import_sample

    return import_sample(gates, _find(gates, fcs), _read_facts(fcs))


def rename_in_sample(population: str | None, gates: Gates, fcs: FcsFile) -> str | None:
    """Return the name under which a population that is named elsewhere was imported."""
    if population is None or not gates.awaits_sample:
        return population
    from chc_gating.gating.import_flowjo import rename_population

    return rename_population(population, gates, _find(gates, fcs))


def _find(gates: Gates, fcs: FcsFile) -> FlowJoSample:
    from chc_gating.batch.flowjo_workspace import read_workspace

    workspace = read_workspace(Path(gates.source or ""))
    return workspace.find_sample(
        fcs.path.name, group=gates.group, original_name=fcs.keywords.get("$FIL")
    )


def _read_facts(fcs: FcsFile) -> FileFacts:
    from chc_gating.gating.import_flowjo import FileFacts

    time = fcs.layout.time_index
    return FileFacts(
        channels=fcs.channels,
        has_spillover=any(fcs.keywords.get(key, "").strip() for key in KEYWORDS),
        time_channel=None if time is None else fcs.channels[time],
        time_factor=1.0 if time is None else float(fcs.factors[time]),
    )
