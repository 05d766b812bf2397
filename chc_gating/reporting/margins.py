"""Values at the ends of a channel's scale, shown where there is something to see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chc_gating.model.acquisition import ChannelQuality


@dataclass(frozen=True)
class MarginTable:
    """The channels worth a row, and what is to be said of the others.

    has_margins : whether a channel has a lower margin; those of slides have none.
    """

    rows: tuple[ChannelQuality, ...]
    sentences: tuple[str, ...]
    has_margins: bool = True


def choose_margins(channels: Iterable[ChannelQuality]) -> MarginTable:
    """Return the channels with saturated or non-finite values, or more than one at the minimum.

    One value at the lower margin is only the minimum itself. Where saturation is not known the
    channel is named in a sentence of its own: unknown is not none.
    """
    channels = tuple(channels)
    shown = tuple(c for c in channels if _is_loud(c))
    quiet = [c for c in channels if not _is_loud(c)]
    known = [c.channel for c in quiet if c.saturated is not None]
    unknown = [c.channel for c in quiet if c.saturated is None]
    has_margins = any(c.at_lower_margin is not None for c in channels)
    sentences = []
    if known:
        which = "any channel" if len(known) == len(channels) else ", ".join(known)
        least = ", and no more than one value at the lower margin" if has_margins else ""
        sentences.append(f"No saturated and no non-finite value in {which}{least}.")
    if unknown:
        sentences.append(f"Saturation is not known in {', '.join(unknown)}.")
    return MarginTable(shown, tuple(sentences), has_margins)


def _is_loud(channel: ChannelQuality) -> bool:
    return bool(channel.saturated or channel.nonfinite or (channel.at_lower_margin or 0) > 1)
