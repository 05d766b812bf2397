"""Progress on a terminal, of anything that takes longer than two seconds; nothing in logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from chc_gating.model.events import EventStream, StoredBatch

PATIENCE_S = 2.0
"""Nothing is shown of what takes no longer."""


def show_progress(stream: EventStream, label: str) -> EventStream:
    """Return a stream whose batches move a bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        return stream
    return replace(stream, batches=lambda size: _watch(stream, size, label=label))


def _watch(stream: EventStream, size: int, *, label: str) -> Iterator[StoredBatch]:
    started, seen = time.monotonic(), 0
    batches = stream.batches(size)
    for batch in batches:
        yield batch
        seen += len(batch)
        if time.monotonic() - started > PATIENCE_S:
            break
    yield from _show(batches, stream.event_count, seen, label=label)


def _show(
    batches: Iterator[StoredBatch], event_count: int, seen: int, *, label: str
) -> Iterator[StoredBatch]:
    """Yield the rest of the batches under a bar; rich is imported only where it is shown."""
    first = next(batches, None)
    if first is None:
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=event_count, completed=seen)
        yield first
        bar.advance(task, len(first))
        for batch in batches:
            yield batch
            bar.advance(task, len(batch))
