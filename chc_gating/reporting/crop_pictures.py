"""How the channels of a crop become pictures: contrasts, colours, PNG."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.panel import Panel
from chc_gating.reporting.evidence import Crops

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


@dataclass(frozen=True)
class Contrast:
    """The grey levels of a channel that are drawn black and white in all of its crops."""

    label: str
    low: float
    high: float


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
    for i, label in enumerate(label_channels(crops, result.panel)):
        pixels = crops.pixels[:, i][valid]
        low, high = np.quantile(pixels, (0.5, _WHITE_QUANTILE)) if pixels.size else (0.0, 1.0)
        cuts = [cut.high for cut in result.cuts if cut.channel == crops.channels[i]]
        least = low + _WHITE_CUTS * max([0.0, *cuts])
        contrasts.append(Contrast(label, float(low), float(max(high, least, low + 1))))
    return tuple(contrasts)


def label_channels(crops: Crops, panel: Panel) -> list[str]:
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


def _roles(crops: Crops, panel: Panel) -> list[str]:
    found = (panel.channels.get(name) for name in crops.channels)
    return [
        channel.role if channel is not None and channel.role in _ROLE_COLOURS else "other"
        for channel in found
    ]


def composite_colours(crops: Crops, panel: Panel) -> NDArray[np.float64]:
    """Return (m, 3): each channel's colour; channels of one role share its brightness."""
    roles = _roles(crops, panel)
    used = set(roles) - {"other"}
    weights = []
    for role in roles:
        share = 0.0 if role == "other" and used else 1 / max(1, roles.count(role) ** 0.5)
        weights.append([share * part for part in _ROLE_COLOURS[role]])
    return np.array(weights)


def describe_composite(crops: Crops, panel: Panel) -> str:
    """Return which colours of the composite stand for which markers."""
    parts: dict[str, list[str]] = {}
    for label, role in zip(label_channels(crops, panel), _roles(crops, panel), strict=True):
        parts.setdefault(role, []).append(label)
    if len(parts) > 1:
        parts.pop("other", None)
    return ", ".join(f"{_COLOUR_WORDS[r]} {' and '.join(names)}" for r, names in parts.items())


def binning(side: int) -> int:
    """Return how many pixels of a crop are averaged along each side."""
    return -(-side // _MOST_PIXELS)


def shown_pixels(side: int) -> int:
    """Return the pixels of a crop's side that are shown: whole bins of it."""
    return side // binning(side) * binning(side)


def find_centre(side: int) -> float:
    """Return where the candidate's centre lies, in percent of the side that is shown.

    A crop of ``side`` pixels holds the centroid in pixel ``side // 2``.

    Examples
    --------
    >>> find_centre(64), find_centre(8)
    (50.78125, 56.25)
    """
    return 100 * (side // 2 + 0.5) / shown_pixels(side)


def shrink(pixels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return the crop, averaged over whole pixels until its side fits the page."""
    side = shown_pixels(pixels.shape[0])
    factor = binning(pixels.shape[0])
    blocks = pixels[:side, :side].astype(np.float64)
    blocks = blocks.reshape(side // factor, factor, side // factor, factor)
    return np.asarray(blocks.mean(axis=(1, 3)))


def encode(image: Image.Image) -> str:
    """Return a picture as a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
