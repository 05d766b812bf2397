"""A panel: which channel carries which marker, and how spillover is corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from chc_gating.model.record import MarkerName, Record
from chc_gating.model.segmentation import SegmentationChoice

Modality = Literal["flow", "image"]
Role = Literal[
    "epithelial",
    "leukocyte",
    "dna",
    "viability",
    "dump",
    "bead",
    "scatter",
    "time",
    "autofluorescence",
    "other",
]
Compartment = Literal["cell", "nucleus", "ring"]
Statistic = Literal["mean", "median", "q90"]
SPILLOVER_WORDS = ("keyword", "controls", "none")
"""What a panel's spillover may say beside the path of a table."""


class Channel(Record):
    """One channel of a panel: its role, and the marker (antigen) it reports, if any."""

    role: Role = Field(default="other", description="What the channel is for.")
    marker: MarkerName | None = Field(
        default=None, description="The antigen or dye that gates and phenotypes name."
    )
    fluorochrome: str | None = Field(default=None, description="The label; shown only.")
    measure: Compartment = Field(
        default="cell",
        description="Slides only: `cell` (nucleus plus ring), `nucleus` or `ring`.",
    )
    statistic: Statistic = Field(
        default="mean",
        description="Slides only: of the pixels' grey levels in that compartment.",
    )
    positive_sd: float = Field(
        default=3.0,
        gt=0,
        description="Slides only: a pixel is positive this many SD of the slide's background "
        "above its level.",
    )
    positive_times: float = Field(
        default=1.0,
        gt=0,
        description="Slides only: that level is multiplied by this (HELEN: 1.5 for CK and EPCAM).",
    )


class Transform(Record):
    """A display scale (Gating-ML 2.0 parameters): t top of scale, w, m, a in decades."""

    kind: Literal["linear", "log", "asinh", "logicle", "hyperlog", "biexponential"] = Field(
        default="logicle", description="The scale's formula, as in Gating-ML 2.0."
    )
    t: float = Field(default=262144.0, gt=0, description="Top of the scale, in linear units.")
    w: float = Field(default=0.5, ge=0, description="Width of the linear part, in decades.")
    m: float = Field(default=4.5, gt=0, description="Width of the scale, in decades.")
    a: float = Field(default=0.0, description="Further negative decades.")


class Panel(Record):
    """Channels by name ($PnN, else $PnS; on slides the image's channel name)."""

    name: str
    modality: Modality = Field(default="flow", description="`flow` or `image`.")
    spillover: str = Field(
        default="",
        description="`keyword` ($SPILLOVER or SPILL of the file; the default for flow), `none` "
        "(the default for slides), `controls` (slides only: from the single_stain slides of the "
        "sheet of controls), or the path of a CSV, names x names.",
    )
    transform: Transform = Field(
        default=Transform(),
        description="The scale of plots and of gates with `scale: transformed`.",
    )
    channel_names: tuple[str, ...] | None = Field(
        default=None, description="Slides only: the channels in order, when the file names none."
    )
    segmentation: SegmentationChoice | None = Field(
        default=None, description="Slides only: how nuclei are found; see below."
    )
    channels: Mapping[str, Channel] = Field(
        description="By $PnN, else $PnS, or the image's channel name; gates may use these only."
    )

    @model_validator(mode="before")
    @classmethod
    def _default_spillover(cls, data: object) -> object:
        if isinstance(data, dict) and not data.get("spillover"):
            default = "none" if data.get("modality") == "image" else "keyword"
            return {**data, "spillover": default}
        return data

    @model_validator(mode="before")
    @classmethod
    def _default_segmentation(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("segmentation") is None:
            chosen = SegmentationChoice() if data.get("modality") == "image" else None
            return {**data, "segmentation": chosen}
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
