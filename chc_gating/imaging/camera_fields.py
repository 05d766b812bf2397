"""The flat field of every channel of a camera, from all raw tiles of a slide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.align import Places
from chc_gating.imaging.dark_level import FittedChannel, fit_dark_level
from chc_gating.imaging.field_survey import FieldLevels, FieldSurvey
from chc_gating.imaging.flat_field import FlatFit, fit_flat_field
from chc_gating.imaging.raw_tiles import Cycle, TileSet
from chc_gating.imaging.tile_reader import TileReader


@dataclass(frozen=True)
class FlatFields:
    """What was found of the camera: a fit for each channel by name, and one dark level.

    backgrounds : for each channel (n,) the raw background of each tile, in grey levels.
    """

    fits: Mapping[str, FlatFit]
    dark_level: float | None
    backgrounds: Mapping[str, NDArray[np.float64]]


def measure_fields(
    tiles: TileSet,
    places: Sequence[Places],
    reader: TileReader,
    *,
    dark_level: float | None = None,
    watch: Callable[[Iterator[Any], int], Iterator[Any]] | None = None,
) -> FlatFields:
    """Return the flat field of every channel, from all raw tiles of its cycle.

    places : of each cycle (n, 2) where its tiles lie on the slide.
    dark_level : the camera's grey level without light; fitted over all channels where not given.
    """
    found: dict[str, FittedChannel] = {}
    work = (
        (cycle, i, place)
        for cycle, place in zip(tiles.cycles, places, strict=True)
        for i in range(len(cycle.channels))
    )
    done = (
        (cycle.channels[i], FittedChannel(_survey_channel(tiles, cycle, i, reader), place))
        for cycle, i, place in work
    )
    shown = done if watch is None else watch(done, len(tiles.channels))
    for name, channel in shown:
        found[name] = channel
    dark = fit_dark_level(list(found.values())) if dark_level is None else dark_level
    fits = {
        name: fit_flat_field(channel.levels, channel.places_px, dark_level=dark)
        for name, channel in found.items()
    }
    backgrounds = {name: channel.levels.tile_backgrounds() for name, channel in found.items()}
    return FlatFields(fits, dark, backgrounds)


def _survey_channel(tiles: TileSet, cycle: Cycle, channel: int, reader: TileReader) -> FieldLevels:
    survey = FieldSurvey(tiles.shape, maximum=tiles.maximum)
    for tile in cycle.tiles:
        survey.add(reader.read(tile, channel))
    return survey.summarise()


def leave_fields(tiles: TileSet) -> FlatFields:
    """Return that no flat field is wanted."""
    fits = {name: FlatFit(None, "flat_field is none") for name in tiles.channels}
    return FlatFields(fits, None, {})
