"""Hashes of what a draw's numbers depend on in the configuration."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from chc_gating.batch.contents import Batch
from chc_gating.batch.spillover_tables import read_spillover_table
from chc_gating.model.gates import Gates
from chc_gating.model.panel import SPILLOVER_WORDS, Panel

_DIGITS = 16
_SETTINGS = ("min_events", "ring_um", "focus_drop")
"""The settings that change a draw's numbers; the others change how sheets are read or judged."""


def hash_draw(batch: Batch, draw_id: str) -> str:
    """Return 16 hex digits over a draw's row, its acquisitions, panels, gates and settings.

    A cell counts as it is understood, so a decimal comma changes nothing, nor does the
    order of rows and columns.
    """
    rows = sorted(batch.acquisitions_of(draw_id), key=lambda row: row.acquisition)
    panels = sorted({row.panel for row in rows})
    gates = sorted({row.gates for row in rows})
    return _hash_text(
        json.dumps(
            {
                "draw": batch.draw_params(draw_id),
                "acquisitions": [row.cells() for row in rows],
                "panels": {name: hash_panel(batch.panels[name]) for name in panels},
                "gates": {name: hash_gates(batch.gates[name]) for name in gates},
                "settings": batch.settings.model_dump(mode="json", include=set(_SETTINGS)),
            },
            sort_keys=True,
        )
    )


def hash_panel(panel: Panel) -> str:
    """Return 16 hex digits over a panel, the order of its channels included.

    A tube's panel says nothing of segmentation, and hashes as it did before there was any.
    """
    unsaid = {"segmentation"} if panel.segmentation is None else None
    return _hash_text(panel.model_dump_json(by_alias=True, exclude=unsaid))


def hash_measuring_panel(panel: Panel, directory: Path) -> str:
    """Return 16 hex digits over a panel and the numbers of its spillover table.

    It is what limits match by.
    A table counts by its channels and numbers, not by its name or its spelling. A panel without a
    table hashes as by `hash_panel`; paths are relative to ``directory``.

    Raises ConfigError for a table that cannot be read.
    """
    if panel.spillover in SPILLOVER_WORDS:
        return hash_panel(panel)
    table = read_spillover_table(directory / panel.spillover)
    bare = hash_panel(panel.model_copy(update={"spillover": "table"}))
    return _hash_text(json.dumps([bare, table.names, table.rows]))


def hash_gates(gates: Gates) -> str:
    """Return 16 hex digits over gates, the order of populations included."""
    return _hash_text(gates.model_dump_json(by_alias=True, exclude={"source"}))


@lru_cache(maxsize=64)
def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
