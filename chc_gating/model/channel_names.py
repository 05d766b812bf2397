"""Which channel of a file a name means."""

from __future__ import annotations

from collections.abc import Sequence


def match_channels(
    name: str, channels: Sequence[str], *, labels: Sequence[str | None]
) -> tuple[int, ...]:
    """Return the indices of the channels that a name means: by $PnN, else by $PnS.

    Empty where no channel has the name, more than one index where several share the label.

    Examples
    --------
    >>> match_channels("CD45", ("APC-A", "PE-A"), labels=("CD45", None))
    (0,)
    """
    if name in channels:
        return (list(channels).index(name),)
    return tuple(i for i, label in enumerate(labels) if label == name)
