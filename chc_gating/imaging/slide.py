"""A slide image: its channels, its pixel size, and regions of its pixels."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import tifffile
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.layout import Layout, find_layout
from chc_gating.imaging.metadata import PLAUSIBLE_UM

# What tifffile logs of a damaged tag may hold the tag's value; the fault is raised here.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_SIZE_TOLERANCE = 0.01


class Slide:
    """One image of a slide file; pixels are read by region.

    Attributes
    ----------
    path : Path
    channels : tuple of str
        Names, unique, in the order of the file.
    pixel_size_um : float
    shape : (y, x)
        Pixels.
    dtype : numpy dtype
        uint8 or uint16.
    maximum : int
        The grey level at which a pixel is saturated.
    repairs : tuple of str
        What was not taken as the file has it, in words.
    """

    def __init__(
        self,
        file: tifffile.TiffFile,
        layout: Layout,
        *,
        path: Path,
        channels: tuple[str, ...],
        pixel_size_um: float,
        repairs: tuple[str, ...],
    ) -> None:
        self.path = path
        self.channels = channels
        self.pixel_size_um = pixel_size_um
        self.shape = layout.planes[0].shape
        self.dtype = layout.dtype
        self.maximum = layout.maximum
        self.repairs = repairs
        self._planes = layout.planes
        self._file = file

    def read(self, channel_index: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return the pixels [y0, y1) x [x0, x1) of a channel as stored, in native byte order.

        Raises
        ------
        RawFileError
            The file ends before its pixels do, or they cannot be decoded.
        """
        return self._planes[channel_index].read(Box(y0, y1, x0, x1))

    def read_box(self, channel_index: int, box: Box) -> NDArray[Any]:
        """Return the pixels of a box of a channel."""
        return self._planes[channel_index].read(box)

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
        self._file.close()

    def __enter__(self) -> Slide:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_slide(
    path: Path,
    *,
    image: int = 0,
    pixel_size_um: float | None = None,
    channel_names: Sequence[str] | None = None,
) -> Slide:
    """Open one image of an OME-TIFF or multi-channel TIFF file.

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
        Channels without any name are called ``channel 1``, ``channel 2``, ...

    Raises
    ------
    RawFileError
        The file is missing, cut short or not a TIFF; has a T or Z axis, colour, or pixels that
        are not 8- or 16-bit integers; no pixel size is known; names and channels differ in number.

    Examples
    --------
    >>> with open_slide(Path("slide.ome.tif")) as slide:  # doctest: +SKIP
    ...     corner = slide.read(0, 0, 100, 0, 100)
    """
    path = Path(path)
    file = _open_tiff(path)
    try:
        layout = find_layout(file, path=path, image=image)
        channels, name_repairs = _choose_names(layout.names, channel_names, path=path)
        size, size_repairs = _choose_pixel_size(layout.pixel_size_um, pixel_size_um, path=path)
        return Slide(
            file,
            layout,
            path=path,
            channels=channels,
            pixel_size_um=size,
            repairs=(*name_repairs, *size_repairs),
        )
    except BaseException:
        file.close()
        raise


def _open_tiff(path: Path) -> tifffile.TiffFile:
    try:
        return tifffile.TiffFile(path)
    except FileNotFoundError:
        raise RawFileError(
            f"{path}: no such file; correct file in the acquisitions sheet"
        ) from None
    except (IsADirectoryError, PermissionError):
        raise RawFileError(f"{path}: is a folder or may not be read; give a TIFF file") from None
    except (MemoryError, OSError):
        raise
    except Exception:  # the parser may raise anything on bytes that are not TIFF
        raise RawFileError(
            f"{path}: not a TIFF that can be read; export it as OME-TIFF or copy it again"
        ) from None


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
        return tuple(f"channel {i + 1}" for i in range(len(found))), []
    if len(given) != len(found):
        raise RawFileError(
            f"{path}: has {len(found)} channels without names, the panel's channel_names name "
            f"{len(given)}: {', '.join(given)}; name each channel of the image once, in order"
        )
    partly = ["channel names: the panel's were taken, the file's are incomplete"] if named else []
    return tuple(given), partly


def _choose_pixel_size(
    found: tuple[float, float] | None, given: float | None, *, path: Path
) -> tuple[float, list[str]]:
    """Return the pixel size: the sheet's, else the file's."""
    if given is not None:
        if not PLAUSIBLE_UM[0] <= given <= PLAUSIBLE_UM[1]:
            raise RawFileError(
                f"{path}: the sheet's pixel_size_um {given:g} is not within {PLAUSIBLE_UM[0]:g} to "
                f"{PLAUSIBLE_UM[1]:g} um; correct it"
            )
        if found is not None and any(abs(size / given - 1) > _SIZE_TOLERANCE for size in found):
            return given, [
                f"pixel size: the sheet's {given:g} um was taken; the file says otherwise"
            ]
        return given, []
    if found is None:
        raise RawFileError(
            f"{path}: has no pixel size; fill pixel_size_um in the acquisitions sheet"
        )
    if not all(PLAUSIBLE_UM[0] <= size <= PLAUSIBLE_UM[1] for size in found):
        raise RawFileError(
            f"{path}: states a pixel size that no slide scan has ({PLAUSIBLE_UM[0]:g} to "
            f"{PLAUSIBLE_UM[1]:g} um are read); fill pixel_size_um in the acquisitions sheet"
        )
    if abs(found[0] / found[1] - 1) > _SIZE_TOLERANCE:
        raise RawFileError(
            f"{path}: has pixels that are not square; fill pixel_size_um in the acquisitions "
            "sheet if its metadata are wrong"
        )
    return math.sqrt(found[0] * found[1]), []
