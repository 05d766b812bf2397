"""Repairs: what was wrong in a file and what was assumed, one line each."""

from __future__ import annotations


class RepairLog:
    """Collects repairs; the same repair of several channels becomes one line.

    Lines name channels, keywords and offsets, never the value of a keyword: it may name a person.
    """

    def __init__(self) -> None:
        self._channels: dict[str, list[str]] = {}

    def note(self, line: str, *, channel: str | None = None) -> None:
        """Record one repair, of the file or of a channel."""
        channels = self._channels.setdefault(line, [])
        if channel is not None:
            channels.append(channel)

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the repairs in the order in which they were first made."""
        return tuple(
            f"{', '.join(channels)}: {line}" if channels else line
            for line, channels in self._channels.items()
        )
