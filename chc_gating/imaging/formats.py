"""The formats of slides: who recognises a path, by its content, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chc_gating.errors import RawFileError
from chc_gating.imaging import tiff
from chc_gating.imaging.channel_folder import is_channel_folder, open_channel_folder
from chc_gating.imaging.czi import is_czi, open_czi
from chc_gating.imaging.floats import convert_floats
from chc_gating.imaging.layout import Layout, Request
from chc_gating.imaging.nikon import is_nd2, open_nd2
from chc_gating.imaging.ome_zarr import is_zarr, open_ome_zarr

_MAGIC_BYTES = 16


@dataclass(frozen=True)
class FileFormat:
    """A format of one file: recognised by its first bytes."""

    recognises: Callable[[bytes], bool]
    open: Callable[[Request], Layout]


@dataclass(frozen=True)
class FolderFormat:
    """A slide that is a folder: recognised by what is in it."""

    recognises: Callable[[Path], bool]
    open: Callable[[Request], Layout]


FILE_FORMATS = (
    FileFormat(lambda magic: magic[:4] in tiff.MAGICS, tiff.open_tiff),
    FileFormat(is_czi, open_czi),
    FileFormat(is_nd2, open_nd2),
)
FOLDER_FORMATS = (
    FolderFormat(is_zarr, open_ome_zarr),
    FolderFormat(is_channel_folder, open_channel_folder),
)
"""Tried in this order; the last takes any folder that holds TIFFs."""

_READ = "OME-TIFF, QPTIFF, TIFF, OME-Zarr, CZI, ND2 and folders of TIFFs are read"


def open_layout(request: Request) -> Layout:
    """Return the layout of the image at a path, pixels as uint8 or uint16.

    Raises RawFileError where the path is missing or of no format that is read.
    """
    layout = _find_opener(request.path)(request)
    try:
        return convert_floats(layout, path=request.path)
    except BaseException:
        layout.close()
        raise


def is_slide_folder(path: Path) -> bool:
    """Return whether a folder is one slide."""
    return any(folder.recognises(path) for folder in FOLDER_FORMATS)


def _find_opener(path: Path) -> Callable[[Request], Layout]:
    if path.is_dir():
        for folder in FOLDER_FORMATS:
            if folder.recognises(path):
                return folder.open
        raise RawFileError(f"{path}: is a folder that holds no slide; {_READ}")
    magic = _read_magic(path)
    for file in FILE_FORMATS:
        if file.recognises(magic):
            return file.open
    raise RawFileError(f"{path}: not an image that can be read; {_READ}")


def _read_magic(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAGIC_BYTES)
    except FileNotFoundError:
        raise RawFileError(
            f"{path}: no such file; correct file in the acquisitions sheet"
        ) from None
    except PermissionError:
        raise RawFileError(f"{path}: may not be read; give read permission") from None
