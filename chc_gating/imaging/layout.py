"""What every reader finds in a file or folder: planes of pixels, and what is said of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box, span_boxes

TIFF_SUFFIXES = (".tif", ".tiff", ".qptiff")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".czi", ".nd2")
"""Endings by which a scan of a folder finds slides; a reader is chosen by a file's content."""


Pixels = NDArray[Any]

Targets = Sequence[tuple[Box, Pixels]]
"""Boxes of a plane, each with the array (of its shape) that takes its pixels."""


class Plane(ABC):
    """One channel's pixels at one level."""

    shape: tuple[int, int]

    @abstractmethod
    def read(self, box: Box) -> Pixels:
        """Return the pixels of a box, in native byte order."""

    def read_into(self, targets: Targets) -> None:
        """Copy the pixels of neighbouring boxes into arrays; no part of the file is read twice.

        Raises as `read`.
        """
        whole = span_boxes([box for box, _ in targets])
        pixels = self.read(whole)
        for box, result in targets:
            result[...] = pixels[box.within(whole).slices]

    def forget_above(self, y: int) -> None:  # noqa: B027
        """Keep nothing in memory of what lies above a row: what is read from now on lies below."""


@dataclass(frozen=True)
class Level:
    """One size of an image: a plane per channel; level 0 is the full size."""

    planes: tuple[Plane, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels, (y, x)."""
        return self.planes[0].shape


@dataclass(frozen=True)
class Layout:
    """What of a file is the image: its levels, and what the file says of it.

    format : the format's name.
    axes : the axes of the stored image, as letters; those of length 1 included.
    levels : level 0 first, then ever smaller ones.
    names : a name per channel, None where the file has none.
    pixel_size_um : (y, x) of level 0, None where the file does not say.
    pixel_size_problem : why a pixel size that is stated cannot be taken.
    dtype : of the stored pixels.
    maximum : the grey level at which a pixel is saturated.
    repairs : what was not taken as the file has it, in words.
    close : lets go of the file.
    """

    format: str
    axes: str
    levels: tuple[Level, ...]
    names: tuple[str | None, ...]
    pixel_size_um: tuple[float, float] | None
    dtype: np.dtype[Any]
    maximum: int
    pixel_size_problem: str | None = None
    repairs: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None


def keep_levels(levels: tuple[Level, ...]) -> tuple[tuple[Level, ...], tuple[str, ...]]:
    """Return level 0 and the levels that follow it, each smaller than the one before.

    What does not fit (another number of channels, no smaller) is left out with all after it; the
    second value says so in words.
    """
    kept = [levels[0]]
    for level in levels[1:]:
        before = kept[-1].shape
        same = len(level.planes) == len(kept[0].planes) and min(level.shape) > 0
        one_shape = all(plane.shape == level.shape for plane in level.planes)
        if not (same and one_shape and level.shape < before and level.shape[1] <= before[1]):
            lost = len(levels) - len(kept)
            return tuple(kept), (
                f"pyramid: {lost} level(s) that do not fit the image were left out",
            )
        kept.append(level)
    return tuple(kept), ()


@dataclass(frozen=True)
class Request:
    """What a reader is asked for.

    image : index of the image in a file of several.
    channel_names : the panel's, for a reader that looks for them (a folder of TIFFs).
    """

    path: Path
    image: int = 0
    channel_names: tuple[str, ...] | None = None


def check_image_index(request: Request, count: int) -> None:
    """Raise RawFileError where there is no such image."""
    if not 0 <= request.image < count:
        raise RawFileError(
            f"{request.path}: has {count} image(s), the sheet asks for image {request.image}; "
            "they are numbered from 0"
        )
