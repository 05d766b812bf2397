"""stitching.json: where every tile lies, and what that and the flat field rest on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chc_gating.imaging.camera_fields import FlatFields
from chc_gating.imaging.cycles import Registration
from chc_gating.imaging.flat_field import FlatFit
from chc_gating.imaging.mosaic import PlacedCycle
from chc_gating.imaging.records import Parameters
from chc_gating.imaging.stitching import Stitched
from chc_gating.imaging.tile_places import Edge
from chc_gating.model.acquisition import InputFile, Status
from chc_gating.model.record import Record


class TilePlace(Record):
    """One tile: its upper left corner on the slide, in pixels, and what it rests on.

    held : false where it lies where the stage says, because it matched too little. quality :
    of a later cycle's tile, its correlation with the first cycle. background : raw grey
    level of its pixels of no cell, by channel (median over the parts of its field). step : grey
    levels that were taken off it, by channel, since it lies so far above its neighbours.
    """

    file: str
    image: int
    y_px: float
    x_px: float
    held: bool
    quality: float | None = None
    background: Mapping[str, float] = Field(default_factory=dict)
    step: Mapping[str, float] = Field(default_factory=dict)


class TileEdge(Record):
    """Two neighbours of the first cycle, by their index there, and how far they are apart.

    quality : correlation of what both show. used : not dropped. residual_px : what the common
    solution leaves of it.
    """

    first: int
    second: int
    y_px: float
    x_px: float
    quality: float
    used: bool
    residual_px: float | None


class PlacedTiles(Record):
    """A cycle's tiles.

    residual_median_px, residual_p95_px : between this cycle and the first, measured again in
    quarters of the placed tiles; None for the first. threshold : quality that chance reaches.
    """

    cycle: int
    channels: tuple[str, ...]
    tiles: tuple[TilePlace, ...]
    threshold: float | None = None
    residual_median_px: float | None = None
    residual_p95_px: float | None = None
    rotation_deg: float | None = None


class FlatFieldRecord(Record):
    """The gain of a channel over the camera's field.

    coefficients : of products of Legendre polynomials in y and x (-1 to 1 over the field), of
    orders (0, 0), (0, 1), ... (4, 0); the gain's mean is 1. gain_error : RMS error of the gain,
    from how tiles differ; gain_spread : its RMS departure from 1. reason : why none was applied.
    """

    channel: str
    applied: bool
    reason: str | None = None
    coefficients: tuple[float, ...] = ()
    lowest_gain: float | None = None
    highest_gain: float | None = None
    gain_error: float | None = None
    gain_spread: float | None = None


class Stitching(Record):
    """stitching.json; ``inputs`` name the raw tiles, ``files`` each of them."""

    schema_: str = Field(default="chc_gating/stitching/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    files: tuple[InputFile, ...] = ()
    parameters: Parameters
    status: Status
    reason: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    pixel_size_um: float | None = None
    tile_width_px: int | None = None
    tile_height_px: int | None = None
    orientation: str | None = None
    threshold: float | None = None
    cycles: tuple[PlacedTiles, ...] = ()
    edges: tuple[TileEdge, ...] = ()
    dropped_edges: int = 0
    residual_median_px: float | None = None
    residual_max_px: float | None = None
    dark_level: float | None = None
    flat_fields: tuple[FlatFieldRecord, ...] = ()
    repairs: tuple[str, ...] = ()


def describe_cycles(stitched: Stitched) -> tuple[PlacedTiles, ...]:
    """Return the places of all tiles of all cycles."""
    fields, placed = stitched.flat_fields, stitched.mosaic.cycles
    alignment = stitched.placed.alignment
    held = np.ones(len(placed[0].places), np.bool_) if alignment is None else alignment.held
    first = PlacedTiles(
        cycle=placed[0].cycle.number,
        channels=placed[0].cycle.channels,
        tiles=_describe_tiles(placed[0], fields, held=held, quality=None),
        threshold=None if alignment is None else _round(alignment.threshold),
    )
    later = (
        _describe_later(cycle, fields, found)
        for cycle, found in zip(placed[1:], stitched.placed.registrations, strict=True)
    )
    return (first, *later)


def _describe_later(placed: PlacedCycle, fields: FlatFields, found: Registration) -> PlacedTiles:
    left = found.residual_px
    return PlacedTiles(
        cycle=placed.cycle.number,
        channels=placed.cycle.channels,
        tiles=_describe_tiles(placed, fields, held=found.held, quality=found.quality),
        threshold=_round(found.threshold),
        residual_median_px=_round(np.median(left)) if left.size else None,
        residual_p95_px=_round(np.quantile(left, 0.95)) if left.size else None,
        rotation_deg=_round(found.rotation_deg),
    )


def _describe_tiles(
    placed: PlacedCycle,
    fields: FlatFields,
    *,
    held: NDArray[np.bool_],
    quality: NDArray[np.float64] | None,
) -> tuple[TilePlace, ...]:
    names = placed.cycle.channels
    levels = {name: fields.backgrounds[name] for name in names if name in fields.backgrounds}
    steps = {name: fields.steps[name] for name in names if name in fields.steps}
    return tuple(
        TilePlace(
            file=tile.file.name,
            image=tile.image,
            y_px=y,
            x_px=x,
            held=bool(held[k]),
            quality=None if quality is None or np.isnan(quality[k]) else _round(quality[k]),
            background={name: _round(values[k]) for name, values in levels.items()},
            step={name: _round(values[k]) for name, values in steps.items()},
        )
        for k, (tile, (y, x)) in enumerate(
            zip(placed.cycle.tiles, placed.places.tolist(), strict=True)
        )
    )


def describe_edges(edges: tuple[Edge, ...]) -> tuple[TileEdge, ...]:
    """Return the edges, in the order in which they were measured."""
    return tuple(
        TileEdge(
            first=edge.first,
            second=edge.second,
            y_px=_round(edge.dy),
            x_px=_round(edge.dx),
            quality=_round(edge.quality),
            used=edge.used,
            residual_px=None if edge.residual_px is None else _round(edge.residual_px),
        )
        for edge in edges
    )


def describe_fields(fields: FlatFields) -> tuple[FlatFieldRecord, ...]:
    """Return the flat field of every channel, applied or not."""
    return tuple(_describe_field(name, fit) for name, fit in fields.fits.items())


def _describe_field(name: str, fit: FlatFit) -> FlatFieldRecord:
    field, gain = fit.field, None if fit.field is None else fit.field.gain()
    return FlatFieldRecord(
        channel=name,
        applied=field is not None,
        reason=fit.reason,
        coefficients=() if field is None else tuple(round(c, 6) for c in field.coefficients),
        lowest_gain=None if gain is None else _round(gain.min(), 4),
        highest_gain=None if gain is None else _round(gain.max(), 4),
        gain_error=None if fit.gain_error is None else _round(fit.gain_error, 5),
        gain_spread=None if fit.gain_spread is None else _round(fit.gain_spread, 5),
    )


def _round(value: float | np.floating, digits: int = 3) -> float:
    """Return a number without the last bits, which differ between processors."""
    return round(float(value), digits)
