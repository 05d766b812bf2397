"""Channels of a file under the names that the panel gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chc_gating.errors import ChcError, RawFileError
from chc_gating.model.channel_names import match_channels
from chc_gating.model.panel import Panel


class FileChannels:
    """Finds panel channels among a file's m channels, by $PnN, else by $PnS."""

    def __init__(
        self, panel: Panel, *, channels: Sequence[str], labels: Sequence[str | None]
    ) -> None:
        self.panel = panel
        self.names = tuple(channels)
        self.labels = tuple(labels)

    @property
    def panel_names(self) -> tuple[str, ...]:
        """The m channels as the panel names them; where it names none, as the file does."""
        names = list(self.names)
        for name in self.panel.channels:
            place = self.find(name)
            if place is not None and name not in names:
                names[place] = name
        return tuple(names)

    def find(self, name: str) -> int | None:
        """Return the index of a panel channel in the file, None where it is not there."""
        found = match_channels(name, self.names, labels=self.labels)
        return found[0] if len(found) == 1 else None

    def index(self, name: str) -> int:
        """Return the index of a panel channel that `require` has found."""
        found = self.find(name)
        if found is None:
            raise AssertionError("required before it is used")
        return found

    def require(self, names: Iterable[str]) -> None:
        """Raise RawFileError, naming all of ``names`` that the file lacks."""
        wanted = list(dict.fromkeys(names))
        unknown = [name for name in wanted if name not in self.panel.channels]
        if unknown:
            raise ChcError(
                f"gates use {', '.join(unknown)}, which panel {self.panel.name} does not list; "
                f"it has {', '.join(self.panel.channels)}"
            )
        missing = [self._describe(name) for name in wanted if self.find(name) is None]
        if missing:
            raise RawFileError(
                f"panel {self.panel.name} needs {', '.join(missing)}, "
                f"the file has channels {', '.join(self.names)}; correct the panel's channel names"
            )

    def _describe(self, name: str) -> str:
        marker = self.panel.channels[name].marker
        shown = name if marker is None or marker == name else f"{name} ({marker})"
        several = len(match_channels(name, self.names, labels=self.labels)) > 1
        return f"{shown}, which is the label of several channels," if several else shown
