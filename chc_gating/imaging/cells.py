"""The cells of a slide as a stream of events, the same as a tube's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.model.events import EventStream, FloatArray
from chc_gating.model.panel import Channel, Panel
from chc_gating.storage.tables import take_numbers

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet


@dataclass(frozen=True)
class CellStream:
    """n cells x m channels as events, and what else is known of each cell.

    stream : the events; an event's id is its cell's id. Values are background-subtracted grey
        levels, NaN where the compartment has no pixels. ``stream.saturation`` is inf, since a
        mean below the maximum may hold saturated pixels: ``saturated`` says it instead.
    flags : (n,) uint32, bits of model.flags.EVENT_FLAGS
    centroids_px : (n, 2) float64, y and x
    saturated : (n, m) bool, the cell's compartment holds saturated pixels in this channel
    """

    stream: EventStream
    flags: NDArray[np.uint32]
    centroids_px: FloatArray
    saturated: NDArray[np.bool_]


def cell_stream(
    measurements_path: Path, panel: Panel, *, fractions: Collection[str] = ()
) -> CellStream:
    """Return the cells of measurements.parquet as events with the panel's channels.

    A channel's value is the panel's ``statistic`` of the grey levels of its compartment
    (``measure``), less the background at the cell's centroid; of a channel in ``fractions``, the
    share of the compartment's pixels that are positive. Events come in the order of the
    file: ascending id.

    Raises
    ------
    ChcError
        The file is missing, or lacks a channel of the panel.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = tuple(panel.channels)
    try:
        file = pq.ParquetFile(measurements_path)
    except FileNotFoundError:
        raise ChcError(f"{measurements_path}: no such measurements; run chc measure") from None
    except pa.ArrowInvalid:
        raise ChcError(
            f"{measurements_path}: is damaged or no Parquet file; run chc measure again"
        ) from None
    with file:
        _check_columns(file, panel, path=measurements_path)
        facts = file.read(columns=["id", "centroid_y_px", "centroid_x_px", "flags"])
        saturated = file.read(
            columns=[_saturated_column(name, panel.channels[name]) for name in names]
        )
    stream = EventStream(
        channels=names,
        labels=tuple(None for _ in names),
        event_count=facts.num_rows,
        factors=np.ones(len(names)),
        saturation=np.full(len(names), np.inf),
        batches=_ValueBatches(measurements_path, panel, fractions),
        event_ids=take_numbers(facts["id"]),
    )
    centroids = [take_numbers(facts[f"centroid_{axis}_px"]) for axis in "yx"]
    marks = [take_numbers(saturated[column]) > 0 for column in saturated.column_names]
    return CellStream(
        stream=stream,
        flags=take_numbers(facts["flags"]),
        centroids_px=np.stack(centroids, axis=1),
        saturated=np.stack(marks, axis=1),
    )


class _ValueBatches:
    """Reads the panel's values batch by batch."""

    def __init__(self, path: Path, panel: Panel, fractions: Collection[str]) -> None:
        self._path = path
        self._channels = dict(panel.channels)
        self._fractions = frozenset(fractions)

    def __call__(self, size: int) -> Iterator[FloatArray]:
        import pyarrow.parquet as pq

        wanted = []
        for name, channel in self._channels.items():
            wanted += [self._column(name, channel), f"background:{name}"]
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=size, columns=wanted):
                yield self._subtract(batch)

    def _subtract(self, batch: pyarrow.RecordBatch) -> FloatArray:
        values = np.empty((batch.num_rows, len(self._channels)))
        for column, (name, channel) in enumerate(self._channels.items()):
            value = take_numbers(batch[self._column(name, channel)])
            if name in self._fractions:
                values[:, column] = value
                continue
            background = take_numbers(batch[f"background:{name}"])
            values[:, column] = value - background
        return values

    def _column(self, name: str, channel: Channel) -> str:
        if name in self._fractions:
            return f"{channel.measure}_positive_fraction:{name}"
        return _value_column(name, channel)


def _value_column(name: str, channel: Channel) -> str:
    return f"{channel.measure}_{channel.statistic}:{name}"


def _saturated_column(name: str, channel: Channel) -> str:
    return f"{channel.measure}_saturated_px:{name}"


def _check_columns(file: pyarrow.parquet.ParquetFile, panel: Panel, *, path: Path) -> None:
    present = set(file.schema_arrow.names)
    missing = [
        name
        for name, channel in panel.channels.items()
        if not {f"background:{name}", _value_column(name, channel)} <= present
    ]
    if missing:
        raise ChcError(
            f"{path}: lacks channels {', '.join(missing)} of panel {panel.name}, or their "
            "statistic; run chc measure with this panel"
        )
