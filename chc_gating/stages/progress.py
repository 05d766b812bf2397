"""Progress on a terminal, of anything that takes longer than two seconds; nothing in logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from chc_gating.model.events import EventStream

PATIENCE_S = 2.0
"""Nothing is shown of what takes no longer."""

Item = TypeVar("Item")


def show_progress(stream: EventStream, label: str) -> EventStream:
    """Return a stream whose batches move a bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        return stream
    n = stream.event_count
    return replace(
        stream, batches=lambda size: _watch(stream.batches(size), n, label=label, size_of=len)
    )


@dataclass(frozen=True)
class BlockProgress:
    """Passes blocks on, which move a bar on standard error, where that is a terminal."""

    label: str

    def __call__(self, done: Iterator[Item], total: int) -> Iterator[Item]:
        """Yield what is done."""
        if not sys.stderr.isatty():
            return done
        return _watch(done, total, label=self.label, size_of=lambda _: 1)


def _watch(
    items: Iterator[Item], total: int, *, label: str, size_of: Callable[[Item], int]
) -> Iterator[Item]:
    started, seen = time.monotonic(), 0
    for item in items:
        yield item
        seen += size_of(item)
        if time.monotonic() - started > PATIENCE_S:
            break
    yield from _show(items, total, seen, label=label, size_of=size_of)


def _show(
    items: Iterator[Item], total: int, seen: int, *, label: str, size_of: Callable[[Item], int]
) -> Iterator[Item]:
    """Yield the rest of the items under a bar; rich is imported only where it is shown."""
    first = next(items, None)
    if first is None:
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, completed=seen)
        yield first
        bar.advance(task, size_of(first))
        for item in items:
            yield item
            bar.advance(task, size_of(item))
