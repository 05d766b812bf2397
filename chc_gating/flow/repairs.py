"""Repairs: what was wrong in a file and what was assumed, one line each."""

from __future__ import annotations

from collections.abc import Iterable

_HARMLESS = (
    "Time has a $PnG beside $TIMESTEP",
    "$PnE says logarithmic, but floats are linear",
    "$PnR is not written as a whole number",
    "$NEXTDATA points to no data set",
    "keywords have an empty value",
    "no $MODE; taken as a list of events",
)
"""What vendors write as a habit, and what every reader understands alike: no value is in doubt."""


def split_harmless(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the repairs that leave no value in doubt, and the others.

    Examples
    --------
    >>> split_harmless(["no $MODE; taken as a list of events", "no usable $TOT; ..."])
    (['no $MODE; taken as a list of events'], ['no usable $TOT; ...'])
    """
    harmless: list[str] = []
    odd: list[str] = []
    for line in lines:
        (harmless if any(habit in line for habit in _HARMLESS) else odd).append(line)
    return harmless, odd


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
