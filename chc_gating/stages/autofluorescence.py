"""Autofluorescence of a slide's cells, where its panel has a channel without stain."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from chc_gating.compensation.autofluorescence import add_autofluorescence
from chc_gating.model.events import EventStream, FloatArray
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover
from chc_gating.stages.spillover import resolve_spillover

_BATCH, _MOST_CELLS = 1 << 16, 200_000


def resolve_slide_spillover(
    cells: EventStream, panel: Panel, *, table: Path | None, fractions: Collection[str] = ()
) -> Spillover | None:
    """Return what a slide's cells are compensated with, autofluorescence included.

    Raises as `resolve_spillover` does; a slide has no keywords.
    """
    given = resolve_spillover(panel, table=table, keywords={}, channels=(), labels=())
    return subtract_autofluorescence(cells, panel, given, fractions=fractions)


def subtract_autofluorescence(
    cells: EventStream,
    panel: Panel,
    spillover: Spillover | None,
    *,
    fractions: Collection[str] = (),
) -> Spillover | None:
    """Return the spillover with autofluorescence as a further row, where the panel asks for it.

    fractions : channels whose values are shares of positive pixels, and no light.

    It is fitted for markers of every role but leukocyte: nearly every cell of blood carries that
    one, and nothing tells its stain from the cell's own light.
    """
    empty = panel.channels_with_role("autofluorescence")
    if not empty or cells.event_count == 0:
        return spillover
    fitted = [
        name
        for name, channel in panel.channels.items()
        if channel.marker is not None
        and channel.role not in ("leukocyte", "dna")
        and name not in fractions
    ]
    return add_autofluorescence(
        spillover, _sample(cells), cells.channels, empty=empty[0], fitted=fitted
    )


def _sample(cells: EventStream) -> FloatArray:
    """Return every so many-th cell, at most 200,000 of them."""
    step = max(-(-cells.event_count // _MOST_CELLS), 1)
    rows, seen = [], 0
    for batch in cells.batches(_BATCH):
        rows.append(np.asarray(batch[-seen % step :: step], dtype=np.float64))
        seen += len(batch)
    return np.concatenate(rows)
