"""The flat field of every channel of a camera, from all raw tiles of a slide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.dark_level import FittedChannel, fit_dark_level
from chc_gating.imaging.field_survey import FieldLevels, FieldSurvey
from chc_gating.imaging.flat_field import FlatFit, fit_flat_field
from chc_gating.imaging.raw_tiles import Cycle, TileSet
from chc_gating.imaging.tile_places import Places
from chc_gating.imaging.tile_reader import TileReader
from chc_gating.imaging.tile_steps import measure_steps


@dataclass(frozen=True)
class FlatFields:
    """What was found of the camera: a fit for each channel by name, and one dark level.

    backgrounds : for each channel (n,) the raw background of each tile, in grey levels.
    steps : for each channel whose field is known (n,) what is taken off each tile, in grey levels.
    """

    fits: Mapping[str, FlatFit]
    dark_level: float | None
    backgrounds: Mapping[str, NDArray[np.float64]]
    steps: Mapping[str, NDArray[np.float64]]


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
    steps = dict(_measure_known_steps(tiles, places, fits, reader))
    return FlatFields(fits, dark, backgrounds, steps)


def _measure_known_steps(
    tiles: TileSet, places: Sequence[Places], fits: Mapping[str, FlatFit], reader: TileReader
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the steps of channels; where the field is not known, an overlap shows the field."""
    for cycle, place in zip(tiles.cycles, places, strict=True):
        for channel, name in enumerate(cycle.channels):
            if fits[name].is_known and not tiles.is_grid:
                yield (
                    name,
                    measure_steps(
                        tiles,
                        cycle,
                        place,
                        channel=channel,
                        field=fits[name].field,
                        reader=reader,
                    ),
                )


def _survey_channel(tiles: TileSet, cycle: Cycle, channel: int, reader: TileReader) -> FieldLevels:
    survey = FieldSurvey(tiles.shape, maximum=tiles.maximum)
    for tile in cycle.tiles:
        survey.add(reader.read(tile, channel))
    return survey.summarise()


def leave_fields(tiles: TileSet) -> FlatFields:
    """Return that no flat field is wanted."""
    fits = {name: FlatFit(None, "flat_field is none") for name in tiles.channels}
    return FlatFields(fits, None, {}, {})
