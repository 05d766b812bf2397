"""How the nuclei of a slide are found: what a panel of a slide says under ``segmentation``."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from chc_gating.model.record import Record

Method = Literal["network", "watershed", "labels", "external"]
Tool = Literal["cellpose", "stardist", "instanseg"]
TOOLS: tuple[Tool, ...] = get_args(Tool)
"""Each has a rule, an environment in `workflow/envs` and a function in `workflow/scripts`."""

DEFAULT_METHOD: Method = "network"
"""The method of a panel that names none."""

LABEL_METHODS: tuple[Method, ...] = ("labels", "external")
"""Those that take a label image and look at no pixel of the slide."""

NUCLEUS_DIAMETER_UM = 9.0
"""Typical diameter: leukocyte nuclei spread on glass measure 8 to 12 um, in tissue 5 to 8."""


class SegmentationChoice(Record):
    """How nuclei are found on the DNA channel of a slide."""

    method: Method = Field(
        default=DEFAULT_METHOD,
        description="`network` (the network of this package), `watershed` (without a network), "
        "`labels` (the label image in the sheet's column `labels`) or `external` (a tool of "
        "others, in an environment of its own).",
    )
    nucleus_um: float = Field(
        default=NUCLEUS_DIAMETER_UM,
        ge=2,
        le=50,
        description="Typical diameter of the nuclei.",
        json_schema_extra={"unit": "um"},
    )
    tool: Tool | None = Field(
        default=None,
        description="With `external`: `cellpose`, `stardist` or `instanseg`.",
    )
    weights: str | None = Field(
        default=None,
        min_length=1,
        description="With `external`: the path of the tool's trained weights, which nothing "
        "downloads.",
    )

    @model_validator(mode="after")
    def _a_tool_comes_with_its_weights(self) -> SegmentationChoice:
        given = [key for key in ("tool", "weights") if getattr(self, key) is not None]
        if self.method == "external" and len(given) < 2:
            raise ValueError("method external needs tool and weights")
        if self.method != "external" and given:
            raise ValueError(f"{given[0]} is for method external, and method is {self.method}")
        return self
