"""From raw tiles to a stitched slide: places, cycles, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.align import LIMIT_UM, Alignment, ReadTile, align_tiles
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.camera_fields import FlatFields
from chc_gating.imaging.cycles import Layer, Registration, register_cycle, settle_places
from chc_gating.imaging.mosaic import Mosaic, PlacedCycle
from chc_gating.imaging.raw_tiles import Cycle, TileSet
from chc_gating.imaging.tile_places import Places
from chc_gating.imaging.tile_reader import TileReader

_LEAST_PART = 0.25
"""A last row of pixels that tiles cover by less is no row."""


@dataclass(frozen=True)
class Placed:
    """Where all tiles lie, and what that rests on.

    places : of each cycle (n, 2) pixels. alignment : of the first cycle, None for a grid, whose
    places are known. registrations : of the later cycles, in order.
    """

    places: tuple[Places, ...]
    alignment: Alignment | None
    registrations: tuple[Registration, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Stitched:
    """A slide ready to be written, and what it rests on."""

    mosaic: Mosaic
    flat_fields: FlatFields
    placed: Placed


def place_grid(tiles: TileSet) -> Placed:
    """Return the places of a grid without overlap: every tile stays where it is."""
    places = settle_places(tiles.stage_px(tiles.cycles[0]))
    return Placed((places,), None, (), ())


def place_tiles(tiles: TileSet, reader: TileReader, *, dna: Sequence[str]) -> Placed:
    """Return where all tiles of all cycles lie, by the detail of the DNA channel.

    dna : names of DNA channels, the first of all cycles included. A cycle without one is
    registered by the channel at the same place in its cycle.

    Raises RawFileError where a cycle matches the first one nowhere.
    """
    limit_px = LIMIT_UM / tiles.pixel_size_um
    channels = _find_dna(tiles, dna)
    first = tiles.cycles[0]
    read = _reader_of(first, channels[0], reader)
    alignment = align_tiles(read, tiles.stage_px(first), shape=tiles.shape, limit_px=limit_px)
    base = Layer(read, settle_places(alignment.places))
    places, registrations = [base.places], []
    for cycle, channel in zip(tiles.cycles[1:], channels[1:], strict=True):
        later = Layer(_reader_of(cycle, channel, reader), alignment.predict(tiles.stage_px(cycle)))
        found = register_cycle(base, later, shape=tiles.shape, limit_px=limit_px)
        if found is None:
            raise RawFileError(
                f"{tiles.source}: cycle {cycle.number} matches the first cycle nowhere in channel "
                f"{cycle.channels[channel]}; give its DNA channel role: dna in the panel, or take "
                "out a cycle that is of another slide"
            )
        registrations.append(found)
        places.append(found.places)
    notes = _describe_doubts(tiles, alignment, registrations)
    return Placed(tuple(places), alignment, tuple(registrations), notes)


def compose_slide(tiles: TileSet, placed: Placed, fields: FlatFields) -> Stitched:
    """Return the slide that the first cycle's tiles span, evenly lit."""
    ends = placed.places[0].max(axis=0) + np.array(tiles.shape)
    height, width = np.ceil(ends - _LEAST_PART).tolist()
    cycles = tuple(
        PlacedCycle(
            cycle,
            place,
            tuple(fields.fits[name].field for name in cycle.channels),
            tuple(fields.steps.get(name) for name in cycle.channels),
        )
        for cycle, place in zip(tiles.cycles, placed.places, strict=True)
    )
    return Stitched(Mosaic(tiles, cycles, (int(height), int(width))), fields, placed)


def _find_dna(tiles: TileSet, dna: Sequence[str]) -> list[int]:
    """Return the index of each cycle's DNA channel."""
    named = [
        next((i for i, name in enumerate(cycle.channels) if name in dna), None)
        for cycle in tiles.cycles
    ]
    usual = next((i for i in named if i is not None), None)
    if usual is None:
        raise RawFileError(
            f"{tiles.source}: no cycle has a DNA channel {' or '.join(dna)}, the tiles have "
            f"{', '.join(tiles.channels)}; correct the panel's channels or channel_names"
        )
    found = [usual if i is None else i for i in named]
    for i, cycle in zip(found, tiles.cycles, strict=True):
        if i >= len(cycle.channels):
            raise RawFileError(
                f"{tiles.source}: cycle {cycle.number} has no channel known to show DNA; give one "
                "of its channels role: dna in the panel"
            )
    return found


def _reader_of(cycle: Cycle, channel: int, reader: TileReader) -> ReadTile:
    def read(index: int, box: Box) -> NDArray[Any]:
        return reader.read(cycle.tiles[index], channel, box)

    return read


_TURNED_PX = 1.0
"""At the corner of a tile, how far a cycle's rotation may move a pixel without a word."""


def _describe_doubts(
    tiles: TileSet, alignment: Alignment, registrations: Sequence[Registration]
) -> tuple[str, ...]:
    """Return what a reader of the counts should know of the places."""
    notes = []
    loose = int((~alignment.held).sum())
    if loose:
        notes.append(
            f"stitching: {loose} of {len(alignment.held)} tiles share too little detail with their "
            "neighbours and lie where the stage says; stitching.json lists them"
        )
    arm = float(np.hypot(*tiles.shape)) / 2
    for cycle, found in zip(tiles.cycles[1:], registrations, strict=True):
        loose = int((~found.held).sum())
        if loose:
            notes.append(
                f"stitching: {loose} of {len(found.held)} tiles of cycle {cycle.number} match the "
                "first cycle too little and were moved as their cycle was"
            )
        if abs(np.radians(found.rotation_deg)) * arm > _TURNED_PX:
            notes.append(
                f"stitching: cycle {cycle.number} is turned by {found.rotation_deg:.2f} degrees "
                "against the first, which is not corrected"
            )
    return tuple(notes)
