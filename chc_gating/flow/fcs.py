"""The FCS reader: batch by batch, so that a file is never held whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.flow.datasets import note_further_sets
from chc_gating.flow.decode import EventDecoder, find_factors
from chc_gating.flow.file_bytes import FileBytes, Rooms
from chc_gating.flow.header import HEADER_BYTES, Header, parse_header
from chc_gating.flow.layout import Layout, parse_layout
from chc_gating.flow.numerals import parse_integer
from chc_gating.flow.plausibility import SCORED_EVENTS, score_events
from chc_gating.flow.repairs import RepairLog
from chc_gating.flow.saturation import find_saturation
from chc_gating.flow.scaling import describe_scaling
from chc_gating.flow.segment import DataLocator, DataSegment
from chc_gating.flow.steady import FileState, require_unchanged
from chc_gating.flow.text import parse_text
from chc_gating.model.events import EventStream, FloatArray, StoredBatch

DEFAULT_BATCH = 262_144
"""Events of a batch where the caller names no size: 12 MB of 12 floats."""


class FcsFile:
    """An FCS file: n events x m channels.

    Attributes
    ----------
    path : where the file lies.
    version : 2.0, 3.0, 3.1 or 3.2.
    channels : m unique names ($PnN).
    markers : m names of what is stained ($PnS), None where the file has none.
    event_count : n.
    keywords : TEXT, keys in upper case with their $; values may name a person.
    repairs : what was wrong and what was assumed, one line each.
    scaling : how stored values become linear ones, one line for each thing done.
    layout : how an event is stored.
    data_begin : first byte of the events.
    """

    def __init__(self, path: Path, raw: FileBytes) -> None:
        log = RepairLog()
        header = parse_header(raw[:HEADER_BYTES].tobytes())
        keywords = _read_text(raw, header, log)
        self.layout = parse_layout(keywords, version=header.version, repairs=log)
        self._decoder = EventDecoder(self.layout)
        segment = _locate(raw, header, keywords, self.layout, self._decoder, log)
        note_further_sets(raw, keywords, log)
        self.path = path
        self.version = header.version
        self.channels = tuple(p.name for p in self.layout.parameters)
        self.markers = tuple(p.marker for p in self.layout.parameters)
        self.event_count = segment.event_count
        self.keywords: Mapping[str, str] = MappingProxyType(keywords)
        self.repairs = log.lines
        self.scaling = describe_scaling(self.layout)
        self.data_begin = segment.begin
        self._raw = raw
        self._opened = FileState.of(raw.status)

    def read(self, values: Literal["stored", "linear"] = "linear") -> FloatArray:
        """Return all events as (n, m) float64.

        "stored": as the file holds them, integers masked by $PnR. "linear": $PnE and $PnG applied,
        and Time in seconds where the file has a $TIMESTEP. NaN and infinite values stay.

        Raises RawFileError where the file was written to or replaced since it was opened; so do
        `batches` and the batches of `event_stream`, before each of them and after the last.
        """
        if values not in ("stored", "linear"):
            raise ValueError(f"values must be 'stored' or 'linear', not {values!r}")
        require_unchanged(self.path, self._opened)
        linear = values == "linear"
        decode = self._decoder.decode_linear if linear else self._decoder.decode_stored
        raw = self._read(0, self.event_count)
        out = np.empty((self.event_count, len(self.channels)))
        decode(raw, out)
        require_unchanged(self.path, self._opened)
        if linear:
            with np.errstate(all="ignore"):
                out *= self.factors
        return out

    def batches(self, size: int = DEFAULT_BATCH) -> Iterator[FloatArray]:
        """Yield the linear values of `read` in (<=size, m) float64 batches, in file order."""
        for batch in self._stored_batches(size):
            with np.errstate(all="ignore"):
                linear = batch * self.factors
            yield linear

    def event_stream(self) -> EventStream:
        """Return the events as batches of stored values with factors to linear ones.

        Floats in the machine's byte order are batches as they were read; others are decoded: to
        float32 where that holds every value exactly, else float64. Logarithmic channels are linear
        already, with a factor of 1. A batch that nobody holds any more is room for the next.
        """
        known = self.layout.timestep_s is not None
        return EventStream(
            channels=self.channels,
            labels=self.markers,
            event_count=self.event_count,
            factors=self.factors,
            saturation=self.saturation,
            batches=self._stored_batches,
            time_channel=self.layout.time_index if known else None,
        )

    @cached_property
    def factors(self) -> FloatArray:
        """Return (m,) factors from a batch's values to linear ones."""
        return find_factors(self.layout)

    @cached_property
    def saturation(self) -> FloatArray:
        """Return (m,) linear values at which a channel is at its detector's maximum.

        Infinite where that is not known: see `saturation.find_saturation`.
        """
        return find_saturation(self.layout, self.factors, self._sample_maxima())

    def _stored_batches(self, size: int) -> Iterator[StoredBatch]:
        if size < 1:
            raise ValueError(f"a batch has at least one event, not {size}")
        rooms = Rooms()
        for first in range(0, self.event_count, size):
            require_unchanged(self.path, self._opened)
            batch = self._read_batch(first, min(size, self.event_count - first), rooms)
            batch.flags.writeable = False
            yield batch
            del batch  # so that the next one finds its room free
        require_unchanged(self.path, self._opened)

    def _read_batch(self, first: int, count: int, rooms: Rooms) -> StoredBatch:
        raw = self._read(first, count, rooms)
        if self._decoder.is_plain:
            return self._decoder.view_events(raw)
        dtype, m = self._decoder.dtype, len(self.channels)
        out: StoredBatch = rooms.take(count * m * dtype.itemsize).view(dtype).reshape(count, m)
        self._decoder.decode_linear(raw, out)
        return out

    def _read(self, first: int, count: int, rooms: Rooms | None = None) -> NDArray[np.uint8]:
        """Return the bytes of so many events."""
        width = self.layout.event_bytes
        out = (rooms or Rooms()).take(count * width)
        self._raw.read_into(out, self.data_begin + first * width)
        return out

    def _sample_maxima(self) -> FloatArray:
        """Return (m,) largest stored values in 16 evenly spaced blocks of 4,096 events."""
        blocks, block = 16, 4096
        starts = sorted({self.event_count * i // blocks for i in range(blocks)})
        maxima = np.full(len(self.channels), -np.inf)
        require_unchanged(self.path, self._opened)
        for start in starts:
            raw = self._read(start, min(block, self.event_count - start))
            if len(raw):
                stored = np.empty((len(raw) // self.layout.event_bytes, len(self.channels)))
                self._decoder.decode_stored(raw, stored)
                maxima = np.fmax(maxima, np.fmax.reduce(stored, axis=0))
        return maxima


def open_fcs(path: str | Path) -> FcsFile:
    """Return an FCS file of version 2.0 to 3.2, ready to be read or streamed.

    Only HEADER and TEXT are read now. The first data set is opened; others are named in
    ``repairs``, like everything else that was wrong and could be mended safely.

    Raises
    ------
    RawFileError
        The file is missing, is no FCS file, is shorter than it says, is being written, or cannot
        be read without guessing. The message never holds a value of the file's keywords.

    Examples
    --------
    >>> fcs = open_fcs("tube.fcs")  # doctest: +SKIP
    >>> fcs.read("linear").shape == (fcs.event_count, len(fcs.channels))  # doctest: +SKIP
    True
    """
    path = Path(path)
    try:
        raw = _open_file(path)
        fcs = FcsFile(path, raw)
    except RawFileError as error:
        raise RawFileError(f"{path}: {error}") from None
    require_unchanged(path, FileState.of(raw.status))
    return fcs


def _open_file(path: Path) -> FileBytes:
    if not path.exists():
        raise RawFileError("no such file; check the column file of the acquisitions sheet")
    if not path.is_file():
        raise RawFileError("is a folder or a device, not a file")
    try:
        raw = FileBytes(path)
    except PermissionError:
        raise RawFileError("may not be read; give yourself permission to read it") from None
    if len(raw) == 0:
        raise RawFileError("is empty; copy it again")
    return raw


def _read_text(raw: FileBytes, header: Header, log: RepairLog) -> dict[str, str]:
    if header.text_end >= len(raw):
        raise RawFileError(
            f"is cut short: its TEXT ends at byte {header.text_end}, the file has {len(raw)} "
            "bytes; copy it again"
        )
    keywords = parse_text(raw[header.text_begin : header.text_end + 1].tobytes(), log)
    for key, value in _read_supplement(raw, header, keywords, log).items():
        keywords.setdefault(key, value)
    return keywords


def _read_supplement(
    raw: FileBytes, header: Header, keywords: Mapping[str, str], log: RepairLog
) -> dict[str, str]:
    begin, end = (parse_integer(keywords.get(key)) for key in ("$BEGINSTEXT", "$ENDSTEXT"))
    if not begin or not end or begin == header.text_begin or end < begin:
        return {}
    first = raw[header.text_begin : header.text_begin + 1].tobytes()
    if begin < HEADER_BYTES or end >= len(raw) or raw[begin : begin + 1].tobytes() != first:
        log.note("the supplemental TEXT segment is not where TEXT says, or is none; left out")
        return {}
    return parse_text(raw[begin : end + 1].tobytes(), log)


def _locate(
    raw: FileBytes,
    header: Header,
    keywords: Mapping[str, str],
    layout: Layout,
    decoder: EventDecoder,
    log: RepairLog,
) -> DataSegment:
    locator = DataLocator(
        raw,
        event_bytes=layout.event_bytes,
        whole_words=layout.odd_bits,
        plausibility=lambda begin: score_events(
            raw[begin : begin + SCORED_EVENTS * layout.event_bytes], layout, decoder
        ),
        repairs=log,
    )
    return locator.locate(header, keywords)
