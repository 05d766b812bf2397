"""A slide image: its channels, its pixel size, and regions of its pixels."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.closing import Closing
from chc_gating.imaging.formats import open_layout
from chc_gating.imaging.layout import Layout, Level, Request, Targets
from chc_gating.imaging.metadata import PLAUSIBLE_UM, SIZE_TOLERANCE, differ


class Slide(Closing):
    """One image of a slide; pixels are read by region.

    Attributes
    ----------
    path : Path
        A file, or a folder that is a slide.
    format : str
        The format's name.
    axes : str
        The axes of the stored image, as letters.
    channels : tuple of str
        Names, unique, in the order of the file.
    pixel_size_um : float
        Of level 0.
    shape : (y, x)
        Pixels of level 0.
    levels : tuple of Level
        Level 0 and the smaller ones that the file holds; each has a ``shape``.
    dtype : numpy dtype
        uint8 or uint16.
    maximum : int
        The grey level at which a pixel is saturated.
    repairs : tuple of str
        What was not taken as the file has it, in words.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        path: Path,
        channels: tuple[str, ...],
        pixel_size_um: float,
        repairs: tuple[str, ...],
    ) -> None:
        self.path = path
        self.format = layout.format
        self.axes = layout.axes
        self.channels = channels
        self.pixel_size_um = pixel_size_um
        self.levels: tuple[Level, ...] = layout.levels
        self.shape = layout.levels[0].shape
        self.dtype = layout.dtype
        self.maximum = layout.maximum
        self.repairs = repairs
        self._close = layout.close

    def read(
        self, channel_index: int, y0: int, y1: int, x0: int, x1: int, *, level: int = 0
    ) -> NDArray[Any]:
        """Return the pixels [y0, y1) x [x0, x1) of a channel as stored, in native byte order.

        Raises
        ------
        RawFileError
            The file ends before its pixels do, or they cannot be decoded.
        """
        return self.read_box(channel_index, Box(y0, y1, x0, x1), level=level)

    def read_box(self, channel_index: int, box: Box, *, level: int = 0) -> NDArray[Any]:
        """Return the pixels of a box of a channel; ``box`` counts the pixels of ``level``."""
        return self.levels[level].planes[channel_index].read(box)

    def read_into(self, channel_index: int, targets: Targets) -> None:
        """Copy the pixels of boxes of a channel into arrays, each part of the file read once.

        Raises as `read`.
        """
        self.levels[0].planes[channel_index].read_into(targets)

    def forget_above(self, y: int) -> None:
        """Keep nothing in memory of what lies above a row, for a reader that comes from above."""
        for plane in self.levels[0].planes:
            plane.forget_above(y)

    def find_channels(self, names: Collection[str], *, panel: str) -> tuple[int, ...]:
        """Return the index of each named channel.

        Raises RawFileError where the slide lacks one.
        """
        missing = [name for name in names if name not in self.channels]
        if missing:
            raise RawFileError(
                f"{self.path}: panel {panel} needs {', '.join(missing)}, the image has channels "
                f"{', '.join(self.channels)}; fix config/panels/{panel}.yaml or give another file"
            )
        return tuple(self.channels.index(name) for name in names)

    def close(self) -> None:
        """Close the file."""
        self._close()


def open_slide(
    path: Path,
    *,
    image: int = 0,
    pixel_size_um: float | None = None,
    channel_names: Sequence[str] | None = None,
) -> Slide:
    """Open one image of a slide, in any format that `imaging.formats` names.

    Parameters
    ----------
    path : Path
    image : int
        Index of the image in a file of several.
    pixel_size_um : float, optional
        From the sheet; it is taken before what the file says, and a difference is a repair.
    channel_names : sequence of str, optional
        From the panel; taken where the file does not name its channels.

    Returns
    -------
    Slide
        Channels without any name are called ``channel 1``, ``channel 2``, ... Floating-point
        pixels are read as uint16 (`imaging.floats`).

    Raises
    ------
    RawFileError
        The file is missing, cut short or of no format that is read; has a T or Z axis, colour, or
        pixels of a type that is not read; no pixel size is known; names and channels differ in
        number.

    Examples
    --------
    >>> with open_slide(Path("slide.ome.tif")) as slide:  # doctest: +SKIP
    ...     corner = slide.read(0, 0, 100, 0, 100)
    """
    path = Path(path)
    names = None if channel_names is None else tuple(channel_names)
    layout = open_layout(Request(path, image, names))
    try:
        channels, name_repairs = _choose_names(layout.names, names, path=path)
        size, size_repairs = _choose_pixel_size(layout, pixel_size_um, path=path)
    except BaseException:
        layout.close()
        raise
    return Slide(
        layout,
        path=path,
        channels=channels,
        pixel_size_um=size,
        repairs=(*layout.repairs, *name_repairs, *size_repairs),
    )


def _choose_names(
    found: tuple[str | None, ...], given: Sequence[str] | None, *, path: Path
) -> tuple[tuple[str, ...], list[str]]:
    """Return the channels' names: the file's own, else the panel's."""
    named = tuple(name for name in found if name is not None)
    if len(named) == len(found) == len(set(named)):
        if given is not None and tuple(given) != named:
            return named, ["channel names: the file's were taken, not the panel's channel_names"]
        return named, []
    if given is None:
        some = "channel names: the file's are incomplete or not unique; channels are numbered"
        return tuple(f"channel {i + 1}" for i in range(len(found))), [some] if named else []
    if len(given) != len(found):
        raise RawFileError(
            f"{path}: has {len(found)} channels without names, the panel's channel_names name "
            f"{len(given)}: {', '.join(given)}; name each channel of the image once, in order"
        )
    partly = (
        ["channel names: the panel's were taken, the file's are incomplete or not unique"]
        if named
        else []
    )
    return tuple(given), partly


def _choose_pixel_size(
    layout: Layout, given: float | None, *, path: Path
) -> tuple[float, list[str]]:
    """Return the pixel size: the sheet's, else the file's."""
    found = layout.pixel_size_um
    if given is not None:
        return _take_sheets_size(layout, given, path=path)
    if found is None:
        problem = layout.pixel_size_problem or "has no pixel size"
        raise RawFileError(f"{path}: {problem}; fill pixel_size_um in the acquisitions sheet")
    if not all(PLAUSIBLE_UM[0] <= size <= PLAUSIBLE_UM[1] for size in found):
        raise RawFileError(
            f"{path}: states a pixel size that no slide scan has ({PLAUSIBLE_UM[0]:g} to "
            f"{PLAUSIBLE_UM[1]:g} um are read); fill pixel_size_um in the acquisitions sheet"
        )
    if abs(found[0] / found[1] - 1) > SIZE_TOLERANCE:
        raise RawFileError(
            f"{path}: has pixels that are not square; fill pixel_size_um in the acquisitions "
            "sheet if its metadata are wrong"
        )
    return math.sqrt(found[0] * found[1]), []


def _take_sheets_size(layout: Layout, given: float, *, path: Path) -> tuple[float, list[str]]:
    if not PLAUSIBLE_UM[0] <= given <= PLAUSIBLE_UM[1]:
        raise RawFileError(
            f"{path}: the sheet's pixel_size_um {given:g} is not within {PLAUSIBLE_UM[0]:g} to "
            f"{PLAUSIBLE_UM[1]:g} um; correct it"
        )
    found = layout.pixel_size_um
    if layout.pixel_size_problem is not None and found is None:
        return given, [
            f"pixel size: the sheet's {given:g} um was taken; the file {layout.pixel_size_problem}"
        ]
    if found is not None and differ(found, (given, given)):
        return given, [f"pixel size: the sheet's {given:g} um was taken; the file says otherwise"]
    return given, []
