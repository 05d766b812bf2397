"""Cuts that are found on each slide, from its own negative majority or its own background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from chc_gating.model.panel import Role
from chc_gating.model.record import Record

Preset = Literal["helen"]
"""Published rules by name; see docs/gating.md for their sources."""

_HELEN_FACTORS: Mapping[Role, float] = {"epithelial": 1.5}
_HELEN_FRACTION = 0.5
"""The rule's factor for CK and EPCAM is published. The share of positive pixels that makes a cell
positive is ours: half of them."""


class BackgroundCut(Record):
    """factor * (level + k_sd * sd) of what is negative on the slide.

    ``of: cells``: the values of the slide's cells, of which most must be negative: level is their
    median, sd is 1.4826 times the median distance of the cells below it, so that the positive
    ones, all above, do not widen it. ``of: pixels``: the grey levels outside cells.
    """

    of: Literal["cells", "pixels"] = Field(
        default="cells",
        description="What is negative: the majority of the `cells`, or the `pixels` outside cells.",
    )
    k_sd: float = Field(
        default=3.0, ge=0, le=100, description="So many robust standard deviations above."
    )
    factor: float = Field(default=1.0, gt=0, le=100, description="Times this, at the end.")
    fraction: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="With `of: pixels`: a cell is positive where at least this share of its pixels "
        "lies above; without it, where its value does.",
    )
    band: tuple[float, float] | None = Field(
        default=None,
        description="Indeterminate from and to these multiples of the cut, such as [0.7, 1.4].",
    )

    @model_validator(mode="after")
    def _fits(self) -> BackgroundCut:
        if self.fraction is not None and self.of != "pixels":
            raise ValueError("fraction is a share of pixels; write of: pixels beside it")
        if self.band is not None and not 0 < self.band[0] <= 1 <= self.band[1]:
            raise ValueError("band must be [low, high) with 0 < low <= 1 <= high")
        return self


def expand_preset(preset: Preset, role: Role) -> BackgroundCut:
    """Return the rule that a preset stands for, for a channel of this role.

    ``helen``: pixels above the background's mean plus 3 SD, 1.5 times that for epithelial
    markers, and the share of such pixels in a cell.
    """
    if preset != "helen":
        raise AssertionError("validated: the presets are named")
    factor = _HELEN_FACTORS.get(role, 1.0)
    return BackgroundCut(of="pixels", k_sd=3.0, factor=factor, fraction=_HELEN_FRACTION)
