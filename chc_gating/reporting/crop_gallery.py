"""Cards of a slide's candidates: pictures in every channel, values, what speaks against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chc_gating.reporting.crop_pictures import (
    Contrast,
    choose_contrasts,
    composite_colours,
    describe_composite,
    encode,
    find_centre,
    shown_pixels,
    shrink,
    stretch,
)
from chc_gating.reporting.evidence import Candidates, Crops, Evidence
from chc_gating.reporting.explanations import explain_candidate
from chc_gating.reporting.numerals import format_amount
from chc_gating.reporting.outline_paths import trace_edges

SHOWN_CROPS = 50
"""Candidates shown on a page; all are in the acquisition's crops file."""
SHOWN_CONTROLS = 6

_NUCLEUS, _RING = 1, 2
"""Values of outlines.tif."""
_BAR_LENGTHS_UM = (50.0, 20.0, 10.0, 5.0, 2.0, 1.0)


@dataclass(frozen=True)
class ChannelCrop:
    """One picture of a candidate: the data URI, its channel, and what it shows."""

    uri: str
    label: str
    alt: str


@dataclass(frozen=True)
class GalleryRow:
    """One candidate: its pictures, values and flags."""

    number: int
    event: int
    phenotype: str
    sub_phenotype: str
    position: str
    values: Mapping[str, str]
    doubts: tuple[str, ...]
    measured: tuple[tuple[str, str], ...]
    nucleus_path: str
    ring_path: str
    crops: tuple[ChannelCrop, ...]


@dataclass(frozen=True)
class ControlRow:
    """A random cell that is no candidate: its class, its cell id, its pictures and outlines."""

    phenotype: str
    event: int
    nucleus_path: str
    ring_path: str
    crops: tuple[ChannelCrop, ...]


@dataclass(frozen=True)
class Gallery:
    """The rows shown, their columns, and one scale bar that holds for every picture."""

    contrasts: tuple[Contrast, ...]
    composite: str
    rows: tuple[GalleryRow, ...]
    controls: tuple[ControlRow, ...]
    side_px: int
    outlined: bool
    total: int
    stored: int
    bar_um: float
    bar_percent: float
    edge_um: float
    centre_percent: float


def build_gallery(evidence: Evidence, *, shown: int = SHOWN_CROPS) -> Gallery | None:
    """Return the gallery of a slide's candidates, or None where there are no crops.

    With more than ``shown`` candidates, evenly spaced ones are taken from the CTC and the CHC, in
    the order of the slide, so that the choice is not made by looks.
    """
    crops, candidates = evidence.crops, evidence.candidates
    if crops is None or len(candidates) == 0:
        return None
    look = _Look(
        crops=crops,
        contrasts=choose_contrasts(crops, evidence.result),
        colours=composite_colours(crops, evidence.result.panel),
    )
    side = crops.pixels.shape[-1]
    edge_um = shown_pixels(side) * crops.pixel_size_um
    bar_um = next((b for b in _BAR_LENGTHS_UM if b <= edge_um / 2.5), _BAR_LENGTHS_UM[-1])
    place = {int(row): i for i, row in enumerate(crops.rows)}
    chosen = [row for row in choose_rows(candidates, shown) if row in place]
    return Gallery(
        contrasts=look.contrasts,
        composite=describe_composite(crops, evidence.result.panel),
        rows=tuple(_build_row(row, place[row], evidence, look) for row in chosen),
        controls=tuple(_build_controls(look)),
        side_px=shown_pixels(side),
        outlined=crops.outlines is not None,
        total=sum(candidates.total_of(name) for name in ("CTC", "CHC")),
        stored=len(crops.rows),
        bar_um=bar_um,
        bar_percent=100 * bar_um / edge_um,
        edge_um=edge_um,
        centre_percent=find_centre(side),
    )


@dataclass(frozen=True)
class _Look:
    """How all crops of a slide are drawn."""

    crops: Crops
    contrasts: tuple[Contrast, ...]
    colours: NDArray[np.float64]

    def draw(self, i: int, name: str) -> tuple[ChannelCrop, ...]:
        """Return the pictures of one crop: every channel, and their composite."""
        planes = [
            stretch(shrink(self.crops.pixels[i, c]), contrast.low, contrast.high)
            for c, contrast in enumerate(self.contrasts)
        ]
        pictures = [
            ChannelCrop(
                encode(Image.fromarray(plane)), contrast.label, f"{contrast.label} of {name}"
            )
            for plane, contrast in zip(planes, self.contrasts, strict=True)
        ]
        mixed = np.tensordot(np.stack(planes), self.colours, axes=(0, 0))
        palette = Image.fromarray(mixed.clip(0, 255).astype(np.uint8)).quantize(
            64, method=Image.Quantize.FASTOCTREE
        )
        return (*pictures, ChannelCrop(encode(palette), "composite", f"composite of {name}"))

    def outline(self, i: int) -> tuple[str, str]:
        """Return the SVG paths around a crop's nucleus and around its cell."""
        if self.crops.outlines is None:
            return "", ""
        side = shown_pixels(self.crops.pixels.shape[-1])
        marks = self.crops.outlines[i, :side, :side]
        return trace_edges(marks == _NUCLEUS), trace_edges((marks == _NUCLEUS) | (marks == _RING))


def _build_controls(look: _Look) -> list[ControlRow]:
    """Return cards of some controls, evenly taken, so that every class is among them."""
    controls, first = look.crops.controls, len(look.crops.rows)
    picks = np.linspace(0, len(controls) - 1, min(SHOWN_CONTROLS, len(controls))).round()
    rows = []
    for k in picks.astype(np.int64).tolist():
        phenotype, event = controls[k]
        nucleus, ring = look.outline(first + k)
        pictures = look.draw(first + k, f"control cell {event}")
        rows.append(ControlRow(phenotype, event, nucleus, ring, pictures))
    return rows


def choose_rows(candidates: Candidates, shown: int) -> list[int]:
    """Return the rows to show: CTC first, then CHC, evenly spaced where there are too many."""
    groups = [candidates.rows_of(name) for name in ("CTC", "CHC")]
    total = sum(len(g) for g in groups)
    if total <= shown:
        return [int(i) for group in groups for i in group]
    smaller = min(len(g) for g in groups)
    quota = min(smaller, shown // 2)
    chosen: list[int] = []
    for group in groups:
        take = quota if len(group) == smaller and quota else shown - quota
        take = min(take, len(group), shown - len(chosen))
        picks = np.linspace(0, len(group) - 1, take).round().astype(np.int64)
        chosen.extend(int(group[i]) for i in picks)
    return chosen


def _build_row(row: int, place: int, evidence: Evidence, look: _Look) -> GalleryRow:
    candidates = evidence.candidates
    values = {
        contrast.label: format_amount(float(candidates.compensated[channel][row]))
        for channel, contrast in zip(look.crops.channels, look.contrasts, strict=True)
        if channel in candidates.compensated and np.isfinite(candidates.compensated[channel][row])
    }
    y, x = candidates.centroid_y_px, candidates.centroid_x_px
    position = "" if y is None or x is None else f"x {x[row]:,.0f}, y {y[row]:,.0f} px"
    told = explain_candidate(
        candidates.explanations,
        row,
        flags=candidates.flags[row],
        panel=evidence.result.panel,
        positive={
            cut.channel
            for cut in evidence.result.cuts
            if candidates.compensated[cut.channel][row] >= cut.high
        },
    )
    nucleus, ring = look.outline(place)
    return GalleryRow(
        number=int(candidates.number[row]),
        event=int(candidates.event[row]),
        phenotype=candidates.phenotype[row],
        sub_phenotype=candidates.sub_phenotype[row],
        position=position,
        values=values,
        doubts=told.doubts,
        measured=told.measured,
        nucleus_path=nucleus,
        ring_path=ring,
        crops=look.draw(place, f"candidate {candidates.number[row]}"),
    )
