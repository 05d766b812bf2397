"""The recipe of a simulated batch: which files, with how many cells of which kind."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from chc_gating.model.record import Identifier, Record

PlantedKind = Literal[
    "CHC_EPCAM",
    "CHC_CK",
    "CHC_EPCAM_CK",
    "CTC_EPCAM",
    "CTC_CK",
    "CTC_EPCAM_CK",
    "dim_hybrid",
    "dead_tumour",
    "hybrid_like_doublet",
    "nonfinite",
]
"""Rare events that a recipe plants by number.

``dim_hybrid`` has CD45 in the indeterminate band; ``dead_tumour`` stains like a hybrid but takes
up the viability dye; ``hybrid_like_doublet`` is a leukocyte stuck to a tumour cell; ``nonfinite``
is a hybrid whose CD45 value is NaN or infinite in the file.
"""

BulkKind = Literal[
    "lymphocyte", "monocyte", "granulocyte", "dead", "debris", "leukocyte_doublet", "bead"
]
"""Events that fill the rest of a flow file, by share."""

SlideKind = Literal[
    "CHC_EPCAM",
    "CHC_CK",
    "CHC_EPCAM_CK",
    "CTC_EPCAM",
    "CTC_CK",
    "CTC_EPCAM_CK",
    "dim_hybrid",
    "caml",
]
"""Rare cells of a slide. ``caml`` is a giant macrophage-like cell, CD45 and CK positive: by the
rules a hybrid, by its size another kind of cell."""

PBMC: Mapping[BulkKind, float] = {
    "lymphocyte": 0.70,
    "monocyte": 0.18,
    "granulocyte": 0.02,
    "dead": 0.03,
    "debris": 0.06,
    "leukocyte_doublet": 0.01,
}
"""What is left of blood after a density gradient."""


class RandomNumber(Record):
    """A planted number drawn from a negative binomial: variance mean + dispersion * mean^2."""

    mean: float = Field(ge=0)
    dispersion: float = Field(default=0.0, ge=0)


Planted = Annotated[int, Field(ge=0)] | RandomNumber


class Burst(Record):
    """A stretch of the file, as shares of its events, whose event rate is ``factor`` times."""

    start: float = Field(ge=0, lt=1)
    end: float = Field(gt=0, le=1)
    factor: float = Field(gt=0)


class SimulatedFile(Record):
    """What both modalities share. ``file`` is relative to the output folder."""

    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")
    patient: Identifier
    panel: Identifier
    gates: Identifier


class FlowFile(SimulatedFile):
    """A simulated FCS file.

    events : all events of the file, planted ones included.
    planted : rare kinds by number. composition : shares of the bulk kinds (they are normalised).
    rate_per_s, flow_rate_ul_per_min : give the time of each event and $VOL.
    volume_keyword : whether the file says $VOL (nanolitres).
    abort_fraction, lost_fraction : $ABRT and $LOST over events; blank leaves both out.
    bead_population : the population of the gates file that holds the counting beads.
    truncate_at : the share of the file's bytes that is kept, as after a broken copy.
    """

    modality: Literal["flow"]
    events: int = Field(ge=1, le=100_000_000)
    planted: Mapping[PlantedKind, Planted] = {}
    composition: Mapping[BulkKind, Annotated[float, Field(ge=0)]] = PBMC
    rate_per_s: float = Field(default=3000.0, gt=0)
    flow_rate_ul_per_min: float = Field(default=60.0, gt=0)
    volume_keyword: bool = True
    abort_fraction: float | None = Field(default=None, ge=0, lt=1)
    lost_fraction: float = Field(default=0.0, ge=0, lt=1)
    bursts: tuple[Burst, ...] = ()
    bead_population: str | None = None
    truncate_at: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _has_bulk(self) -> FlowFile:
        if not sum(self.composition.values()) > 0:
            raise ValueError("composition: at least one share must be above 0")
        return self


class RawScan(Record):
    """How a camera scans a simulated slide: overlapping tiles, in one or several cycles.

    tile_px : side of a tile. overlap : share of a side that neighbours are meant to share.
    jitter_px : how far a tile strays from where the stage says it stood, along either axis.
    flip_y : the stage's y axis runs against the image's. vignetting : share of light that a
    corner of the field loses against its middle. dark_level : grey levels without light.
    cycles : the channels of each cycle, first cycle first. cycle_shift_px : by how much, along
    either axis, the slide lies elsewhere each time it is put back.
    """

    tile_px: int = Field(default=512, ge=64)
    overlap: float = Field(default=0.12, gt=0, le=0.5)
    jitter_px: int = Field(default=5, ge=0)
    flip_y: bool = True
    vignetting: float = Field(default=0.35, ge=0, le=0.8)
    dark_level: float = Field(default=100.0, ge=0, le=2000)
    cycles: tuple[tuple[str, ...], ...] = (("DAPI", "CD45", "EPCAM", "panCK"),)
    cycle_shift_px: int = Field(default=17, ge=0)


class SlideFile(SimulatedFile):
    """A simulated slide.

    planted : cells of each rare kind. clearance_um : how far every other cell keeps from them;
        with 0 they lie as they fall, down to nuclei that touch. beside : share of rare cells with
        a leukocyte whose nucleus touches theirs. density_per_mm2 : of leukocytes, about.
        touching : share of leukocytes that get a second one at their side, if there is room.
        lobed, out_of_focus : shares of leukocytes with a nucleus of lobes, as neutrophils have,
        and of all cells that lie out of focus. specks_per_mm2 : autofluorescent particles without
        a nucleus. debris_per_mm2 : scraps of DNA, too small for a nucleus. scan : write the slide
        as a folder of raw tiles, named by ``file``, instead of one image.
    """

    modality: Literal["image"]
    width_px: int = Field(default=2048, ge=256)
    height_px: int = Field(default=2048, ge=256)
    pixel_size_um: float = Field(default=0.5, ge=0.2, le=1.0)
    tile_px: int = Field(default=512, ge=64, multiple_of=16)
    density_per_mm2: float = Field(default=1900.0, gt=0, le=2900)
    touching: float = Field(default=0.3, ge=0, le=1)
    specks_per_mm2: float = Field(default=60.0, ge=0)
    debris_per_mm2: float = Field(default=0.0, ge=0)
    clearance_um: float = Field(default=21.0, ge=0)
    beside: float = Field(default=0.0, ge=0, le=1)
    lobed: float = Field(default=0.0, ge=0, le=1)
    out_of_focus: float = Field(default=0.0, ge=0, le=1)
    ring_um: float = Field(default=2.5, gt=0)
    planted: Mapping[SlideKind, Annotated[int, Field(ge=0)]] = {}
    scan: RawScan | None = None


SimulatedAcquisition = Annotated[FlowFile | SlideFile, Field(discriminator="modality")]


class Recipe(Record):
    """A simulated batch; ``panels`` and ``gates`` are folders beside the recipe.

    staining_spread : how far patients differ in staining: SD of the log of a marker's brightness.
    """

    seed: int = Field(ge=0)
    panels: str = "panels"
    gates: str = "gates"
    staining_spread: float = Field(default=0.15, ge=0, le=1)
    acquisitions: Mapping[Identifier, SimulatedAcquisition]

    @model_validator(mode="after")
    def _files_differ(self) -> Recipe:
        files = [a.file for a in self.acquisitions.values()]
        twice = sorted({f for f in files if files.count(f) > 1})
        if twice:
            raise ValueError(f"file {', '.join(twice)} is written by two acquisitions")
        return self


def derive_seed(seed: int, *names: str) -> tuple[int, ...]:
    """Return the seed of one named part, so that adding a part changes no other."""
    return (seed, *(zlib.crc32(name.encode()) for name in names))


def draw_planted(flow: FlowFile, *, seed: tuple[int, ...]) -> dict[str, int]:
    """Return the number of each planted kind; random ones are drawn here, once."""
    rng = np.random.default_rng(seed)
    return {kind: _draw_number(planted, rng) for kind, planted in sorted(flow.planted.items())}


def _draw_number(planted: Planted, rng: np.random.Generator) -> int:
    if isinstance(planted, int):
        return planted
    if planted.dispersion == 0 or planted.mean == 0:
        return int(rng.poisson(planted.mean))
    shape = 1 / planted.dispersion
    return int(rng.poisson(rng.gamma(shape, planted.mean / shape)))
