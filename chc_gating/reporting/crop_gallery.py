"""Crops of a slide's candidates as PNG data URIs, one contrast per channel for the whole slide."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.panel import Panel
from chc_gating.reporting.evidence import Candidates, Crops, Evidence
from chc_gating.reporting.numerals import format_amount

SHOWN_CROPS = 50
"""Candidates shown on a page; all are in the acquisition's crops file."""

_GREY_LEVELS = 32
"""Grey levels of a crop on the page: noise below a step would only make the page larger."""

_MOST_PIXELS = 96
"""Side of a picture on the page; a finer crop is averaged down, the file keeps it as it is."""

_WHITE_QUANTILE = 0.998
_WHITE_CUTS = 2.0
"""White lies at this many cuts at least, so that noise alone never looks like signal."""

_ROLE_COLOURS = {
    "dna": (0.25, 0.35, 1.0),
    "leukocyte": (0.0, 1.0, 0.35),
    "epithelial": (1.0, 0.15, 0.6),
    "other": (0.7, 0.7, 0.7),
}
_COLOUR_WORDS = {"dna": "blue", "leukocyte": "green", "epithelial": "magenta", "other": "grey"}

_BAR_LENGTHS_UM = (50.0, 20.0, 10.0, 5.0, 2.0, 1.0)


@dataclass(frozen=True)
class Contrast:
    """The grey levels of a channel that are drawn black and white in all of its crops."""

    label: str
    low: float
    high: float


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
    flags: tuple[str, ...]
    crops: tuple[ChannelCrop, ...]


@dataclass(frozen=True)
class Gallery:
    """The rows shown, their columns, and one scale bar that holds for every picture."""

    contrasts: tuple[Contrast, ...]
    composite: str
    rows: tuple[GalleryRow, ...]
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
    contrasts = choose_contrasts(crops, evidence.result)
    colours = _composite_colours(crops, evidence.result.panel)
    edge_um = _shown_pixels(crops.pixels.shape[-1]) * crops.pixel_size_um
    bar_um = next((b for b in _BAR_LENGTHS_UM if b <= edge_um / 2.5), _BAR_LENGTHS_UM[-1])
    rows = tuple(
        _build_row(int(i), evidence, crops, contrasts, colours)
        for i in choose_rows(candidates, shown)
    )
    return Gallery(
        contrasts=contrasts,
        composite=_describe_composite(crops, evidence.result.panel),
        rows=rows,
        total=sum(candidates.total_of(name) for name in ("CTC", "CHC")),
        stored=len(candidates),
        bar_um=bar_um,
        bar_percent=100 * bar_um / edge_um,
        edge_um=edge_um,
        centre_percent=find_centre(crops.pixels.shape[-1]),
    )


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


def choose_contrasts(crops: Crops, result: AcquisitionResult) -> tuple[Contrast, ...]:
    """Return one contrast per channel, from all crops of the slide together.

    Black is the median of their pixels, white a high quantile, but no less than twice the
    channel's cut above black.
    """
    c, _, height, width = crops.pixels.shape
    rows, columns = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    y0, y1, x0, x1 = (crops.valid[:, i].reshape(c, 1, 1) for i in range(4))
    valid = (rows >= y0) & (rows < y1) & (columns >= x0) & (columns < x1)
    contrasts = []
    for i, label in enumerate(_label_channels(crops, result.panel)):
        pixels = crops.pixels[:, i][valid]
        low, high = np.quantile(pixels, (0.5, _WHITE_QUANTILE)) if pixels.size else (0.0, 1.0)
        cuts = [cut.high for cut in result.cuts if cut.channel == crops.channels[i]]
        least = low + _WHITE_CUTS * max([0.0, *cuts])
        contrasts.append(Contrast(label, float(low), float(max(high, least, low + 1))))
    return tuple(contrasts)


def _label_channels(crops: Crops, panel: Panel) -> list[str]:
    """Return each channel's marker, or its own name where the panel gives it none."""
    found = [panel.channels.get(name) for name in crops.channels]
    return [
        name if channel is None or channel.marker is None else channel.marker
        for name, channel in zip(crops.channels, found, strict=True)
    ]


def stretch(pixels: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    """Return 8-bit grey levels: ``low`` and below black, ``high`` and above white."""
    span = max(high - low, 1.0)
    unit = np.clip((pixels - low) / span, 0, 1)
    steps = np.round(unit * (_GREY_LEVELS - 1))
    return np.round(steps * (255 / (_GREY_LEVELS - 1))).astype(np.uint8)


def _build_row(
    row: int,
    evidence: Evidence,
    crops: Crops,
    contrasts: Sequence[Contrast],
    colours: NDArray[np.float64],
) -> GalleryRow:
    candidates = evidence.candidates
    planes = [
        stretch(_shrink(crops.pixels[row, i]), contrast.low, contrast.high)
        for i, contrast in enumerate(contrasts)
    ]
    name = f"candidate {candidates.number[row]}"
    pictures = [
        ChannelCrop(_encode(Image.fromarray(plane)), contrast.label, f"{contrast.label} of {name}")
        for plane, contrast in zip(planes, contrasts, strict=True)
    ]
    mixed = np.tensordot(np.stack(planes), colours, axes=(0, 0)).clip(0, 255).astype(np.uint8)
    palette = Image.fromarray(mixed).quantize(64, method=Image.Quantize.FASTOCTREE)
    pictures.append(ChannelCrop(_encode(palette), "composite", f"composite of {name}"))
    values = {
        contrast.label: format_amount(float(candidates.compensated[channel][row]))
        for channel, contrast in zip(crops.channels, contrasts, strict=True)
        if channel in candidates.compensated and np.isfinite(candidates.compensated[channel][row])
    }
    y, x = candidates.centroid_y_px, candidates.centroid_x_px
    position = "" if y is None or x is None else f"x {x[row]:,.0f}, y {y[row]:,.0f} px"
    return GalleryRow(
        number=int(candidates.number[row]),
        event=int(candidates.event[row]),
        phenotype=candidates.phenotype[row],
        sub_phenotype=candidates.sub_phenotype[row],
        position=position,
        values=values,
        flags=candidates.flags[row],
        crops=tuple(pictures),
    )


def _roles(crops: Crops, panel: Panel) -> list[str]:
    found = (panel.channels.get(name) for name in crops.channels)
    return [
        channel.role if channel is not None and channel.role in _ROLE_COLOURS else "other"
        for channel in found
    ]


def _composite_colours(crops: Crops, panel: Panel) -> NDArray[np.float64]:
    """Return (m, 3): each channel's colour; channels of one role share its brightness."""
    roles = _roles(crops, panel)
    used = set(roles) - {"other"}
    weights = []
    for role in roles:
        share = 0.0 if role == "other" and used else 1 / max(1, roles.count(role) ** 0.5)
        weights.append([share * part for part in _ROLE_COLOURS[role]])
    return np.array(weights)


def _describe_composite(crops: Crops, panel: Panel) -> str:
    parts: dict[str, list[str]] = {}
    for label, role in zip(_label_channels(crops, panel), _roles(crops, panel), strict=True):
        parts.setdefault(role, []).append(label)
    if len(parts) > 1:
        parts.pop("other", None)
    return ", ".join(f"{_COLOUR_WORDS[r]} {' and '.join(names)}" for r, names in parts.items())


def _binning(side: int) -> int:
    """Return how many pixels of a crop are averaged along each side."""
    return -(-side // _MOST_PIXELS)


def _shown_pixels(side: int) -> int:
    """Return the pixels of a crop's side that are shown: whole bins of it."""
    return side // _binning(side) * _binning(side)


def find_centre(side: int) -> float:
    """Return where the candidate's centre lies, in percent of the side that is shown.

    A crop of ``side`` pixels holds the centroid in pixel ``side // 2``.

    Examples
    --------
    >>> find_centre(64), find_centre(8)
    (50.78125, 56.25)
    """
    return 100 * (side // 2 + 0.5) / _shown_pixels(side)


def _shrink(pixels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return the crop, averaged over whole pixels until its side fits the page."""
    side = _shown_pixels(pixels.shape[0])
    factor = _binning(pixels.shape[0])
    blocks = pixels[:side, :side].astype(np.float64)
    blocks = blocks.reshape(side // factor, factor, side // factor, factor)
    return np.asarray(blocks.mean(axis=(1, 3)))


def _encode(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
