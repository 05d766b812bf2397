"""The cells of a slide as a stream of events, the same as a tube's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.imaging.cell_groups import CellGroups, Columns
from chc_gating.imaging.measured_rows import read_ids
from chc_gating.model.events import EventStream, FloatArray
from chc_gating.model.panel import Channel, Panel


def cell_stream(
    cells: CellGroups, panel: Panel, *, fractions: Collection[str] = (), threads: int = 1
) -> EventStream:
    """Return the cells as events with the panel's channels; an event's id is its cell's id.

    A channel's value is the panel's ``statistic`` of the grey levels of its compartment
    (``measure``), less the background at the cell's centroid, NaN where the compartment has no
    pixels; of a channel in ``fractions``, the share of the compartment's pixels that are positive.
    Events come in the order of the file: ascending id. ``saturation`` is inf, since a mean below
    the maximum may hold saturated pixels: `mark_cells` says it instead. Batches are decoded ahead
    on ``threads``.

    Raises ChcError where the file lacks a channel of the panel.
    """
    _check_columns(cells, panel)
    names = tuple(panel.channels)
    return EventStream(
        channels=names,
        labels=tuple(None for _ in names),
        event_count=cells.count,
        factors=np.ones(len(names)),
        saturation=np.full(len(names), np.inf),
        batches=_ValueBatches(cells, panel, fractions, threads),
        event_ids=lambda rows: read_ids(cells, rows),
    )


@dataclass(frozen=True)
class _ValueBatches:
    """Reads the panel's values, a group of rows after the other."""

    cells: CellGroups
    panel: Panel
    fractions: Collection[str]
    threads: int

    def __call__(self, size: int) -> Iterator[FloatArray]:
        channels = self.panel.channels.items()
        wanted = [self._column(name, channel) for name, channel in channels]
        wanted += [f"background:{name}" for name, _ in channels if name not in self.fractions]
        for group, columns in self.cells.pieces(wanted, threads=self.threads):
            values = self._subtract(columns, group.count)
            for first in range(0, len(values), size):
                yield values[first : first + size]

    def _subtract(self, columns: Columns, count: int) -> FloatArray:
        channels = self.panel.channels
        values = np.empty((count, len(channels)))
        for place, (name, channel) in enumerate(channels.items()):
            value = columns[self._column(name, channel)]
            if name in self.fractions:
                values[:, place] = value
            else:
                np.subtract(value, columns[f"background:{name}"], out=values[:, place])
        return values

    def _column(self, name: str, channel: Channel) -> str:
        if name in self.fractions:
            return f"{channel.measure}_positive_fraction:{name}"
        return _value_column(name, channel)


def saturated_columns(panel: Panel) -> tuple[str, ...]:
    """Return by channel the column of the saturated pixels of its compartment."""
    return tuple(f"{c.measure}_saturated_px:{name}" for name, c in panel.channels.items())


def _value_column(name: str, channel: Channel) -> str:
    return f"{channel.measure}_{channel.statistic}:{name}"


def _check_columns(cells: CellGroups, panel: Panel) -> None:
    missing = [
        name
        for name, channel in panel.channels.items()
        if not {f"background:{name}", _value_column(name, channel)} <= cells.names
    ]
    if missing:
        raise ChcError(
            f"{cells.path}: lacks channels {', '.join(missing)} of panel {panel.name}, or their "
            "statistic; run chc measure with this panel"
        )
