"""A panel: which channel carries which marker, and how spillover is corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from chc_gating.model.record import MarkerName, Record

Modality = Literal["flow", "image"]
Role = Literal[
    "epithelial", "leukocyte", "dna", "viability", "dump", "bead", "scatter", "time", "other"
]
Compartment = Literal["cell", "nucleus", "ring"]
Statistic = Literal["mean", "median", "q90"]


class Channel(Record):
    """One channel of a panel: its role, and the marker (antigen) it reports, if any."""

    role: Role = "other"
    marker: MarkerName | None = None
    fluorochrome: str | None = None
    measure: Compartment = "cell"
    statistic: Statistic = "mean"


class Transform(Record):
    """A display scale (Gating-ML 2.0 parameters): t top of scale, w, m, a in decades."""

    kind: Literal["linear", "log", "asinh", "logicle", "hyperlog", "biexponential"] = "logicle"
    t: float = Field(default=262144.0, gt=0)
    w: float = Field(default=0.5, ge=0)
    m: float = Field(default=4.5, gt=0)
    a: float = 0.0


class Panel(Record):
    """Channels by name ($PnN, else $PnS; on slides the image's channel name)."""

    name: str
    modality: Modality = "flow"
    spillover: str = ""
    transform: Transform = Transform()
    channel_names: tuple[str, ...] | None = None
    channels: Mapping[str, Channel]

    @model_validator(mode="before")
    @classmethod
    def _default_spillover(cls, data: object) -> object:
        if isinstance(data, dict) and not data.get("spillover"):
            default = "none" if data.get("modality") == "image" else "keyword"
            return {**data, "spillover": default}
        return data

    @model_validator(mode="after")
    def _markers_are_unique(self) -> Panel:
        markers = [c.marker for c in self.channels.values() if c.marker is not None]
        twice = sorted({m for m in markers if markers.count(m) > 1})
        if twice:
            raise ValueError(f"marker {', '.join(twice)} is named by two channels")
        return self

    @property
    def markers(self) -> dict[str, str]:
        """Channel name of each marker, in the panel's order."""
        return {c.marker: name for name, c in self.channels.items() if c.marker is not None}

    def channels_with_role(self, role: Role) -> tuple[str, ...]:
        """Names of the channels with this role, in the panel's order."""
        return tuple(name for name, c in self.channels.items() if c.role == role)

    def markers_with_role(self, role: Role) -> tuple[str, ...]:
        """Names of the markers whose channel has this role, in the panel's order."""
        return tuple(
            c.marker for c in self.channels.values() if c.role == role and c.marker is not None
        )
