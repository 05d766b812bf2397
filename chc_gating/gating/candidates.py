"""The candidates of a pass: all are counted, and the first ones are kept with their values."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.events import FloatArray
from chc_gating.model.flags import count_event_flags

MAX_CANDIDATES = 100_000
"""So many are kept: rare cells are fewer, and a cut set wrongly must not fill the memory."""


@dataclass(frozen=True)
class CandidateRows:
    """Candidates of one batch: place in the stream, leaf class, flags, (c, V) values."""

    event: NDArray[np.int64]
    leaf: NDArray[np.int16]
    flags: NDArray[np.uint32]
    values: FloatArray

    def first(self, n: int) -> CandidateRows:
        """Return copies of the first n rows, so that the others' memory is given back."""
        return CandidateRows(
            event=self.event[:n].copy(),
            leaf=self.leaf[:n].copy(),
            flags=self.flags[:n].copy(),
            values=self.values[:n].copy(),
        )


@dataclass
class CandidateStore:
    """The first ``limit`` candidates of a stream, whatever the order in which batches arrive.

    What stands before a batch only grows, so rows that are too many once are too many for good.
    """

    limit: int
    total: int = 0
    flag_counts: Counter[str] = field(default_factory=Counter)
    _parts: list[tuple[int, CandidateRows]] = field(default_factory=list)
    _held: int = 0
    _lock: Lock = field(default_factory=Lock)

    def room_for(self, first_event: int) -> int:
        """Return how many rows of the batch that starts at an event could still be kept."""
        with self._lock:
            if self._held < self.limit:
                return self.limit
            before = sum(len(rows.event) for first, rows in self._parts if first < first_event)
            return max(0, self.limit - before)

    def count(self, flags: NDArray[np.uint32]) -> None:
        """Count all candidates of a batch by their flags (c,)."""
        counts = count_event_flags(flags)
        with self._lock:
            self.total += len(flags)
            self.flag_counts.update(counts)

    def keep(self, first_event: int, rows: CandidateRows) -> None:
        """Keep the rows of the batch that starts at an event, as far as there is room."""
        if len(rows.event) == 0:
            return
        with self._lock:
            insort(self._parts, (first_event, rows), key=lambda part: part[0])
            self._held += len(rows.event)
            while self._held > self.limit:
                start, last = self._parts.pop()
                kept = max(0, len(last.event) - (self._held - self.limit))
                self._held -= len(last.event) - kept
                if kept:
                    self._parts.append((start, last.first(kept)))

    @property
    def rows(self) -> tuple[CandidateRows, ...]:
        """The rows that are kept, in the order of the stream."""
        return tuple(rows for _, rows in self._parts)
