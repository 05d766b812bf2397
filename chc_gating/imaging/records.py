"""What segment and measure say of their work: segmentation.json and measurement.json."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from chc_gating.model.acquisition import InputFile, SlideFacts, Status
from chc_gating.model.record import Record

Parameters = Mapping[str, str | int | float | bool | None]


class Segmentation(Record):
    """segmentation.json: how nuclei were found, and how many.

    ``image`` and ``slide.pixel_size_um`` are what the next stages open the slide with.
    """

    schema_: str = Field(default="chc_gating/segmentation/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Parameters
    status: Status
    reason: str | None = None
    image: int = 0
    channels: tuple[str, ...] = ()
    slide: SlideFacts | None = None
    repairs: tuple[str, ...] = ()


class ChannelLevels(Record):
    """Levels of a channel that hold for the whole slide, in grey levels as stored.

    ``background`` and ``sd`` are of the pixels in no cell (median, and 1.4826 times the median
    absolute deviation), from boxes spread over the slide; a pixel is positive above
    ``positive_above``.
    """

    channel: str
    background: float
    sd: float
    positive_above: float


class Measurement(Record):
    """measurement.json: how cells were measured, and how many.

    ``saturation`` is the grey level at which a pixel is saturated; ``inputs`` are those of
    segmentation.json, so that the raw file's hash travels on.
    """

    schema_: str = Field(default="chc_gating/measurement/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Parameters
    status: Status
    reason: str | None = None
    image: int = 0
    channels: tuple[str, ...] = ()
    cells: int | None = None
    saturation: int | None = None
    levels: tuple[ChannelLevels, ...] = ()
    slide: SlideFacts | None = None
    repairs: tuple[str, ...] = ()
