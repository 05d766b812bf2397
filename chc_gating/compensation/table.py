"""Spillover from a CSV file: names across, names down."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chc_gating.batch.spillover_tables import FORM, SpilloverTable, read_spillover_table
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.spillover import Spillover

_MOST_NAMES = 8
"""In one message: a wrong file may differ in hundreds."""


def read_spillover_csv(path: Path) -> Spillover:
    """Return the spillover that a table holds.

    The first row names the detectors, the first column the fluorochromes by the same channel
    names in any order; the file is read as any sheet, and decimals have a point. Raises
    ConfigError for what is no such table.
    """
    table = read_spillover_table(Path(path))
    problem = _find_problem(table)
    if problem is not None:
        raise ConfigError([Fault(table.file, problem, FORM)])
    values = dict(table.rows)
    matrix = np.array([values[name] for name in table.names], dtype=np.float64)
    return Spillover(table.names, matrix, Path(path).name)


def _find_problem(table: SpilloverTable) -> str | None:
    across, down = table.names, [name for name, _ in table.rows]
    if not across or "" in across:
        return "a column has no name"
    if len(set(across)) < len(across) or len(set(down)) < len(down):
        return "a channel is named twice"
    if set(down) != set(across):
        differ = sorted(set(down) ^ set(across))
        more = f" and {len(differ) - _MOST_NAMES:,} more" if len(differ) > _MOST_NAMES else ""
        return (
            "rows and columns must name the same channels; these differ: "
            f"{', '.join(differ[:_MOST_NAMES])}{more}"
        )
    return None
