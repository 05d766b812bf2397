"""Stage positions of the images of a TIFF file, from its first tag alone.

No image library is needed here: the workflow asks this of every folder that a sheet names, at
every start. Positions are metadata of a file; messages never show them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

from chc_gating.errors import RawFileError

_IMAGE_DESCRIPTION = 270
_ASCII = 2
_LARGEST_BYTES = 1 << 28
"""No description is longer; a damaged tag must not ask for all memory."""
_MOST_TAGS = 4096
_UM_PER_UNIT = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "nm": 1e-3,
}
UNITLESS = "reference frame"
"""What OME says of a position without a unit."""


@dataclass(frozen=True)
class StagePosition:
    """Where the stage stood for one image of a file.

    y, x : in um where ``unit_known``, else as written.
    spread : the largest distance between the positions of the image's planes, in the same unit.
    """

    y: float
    x: float
    unit_known: bool
    spread: float


def read_description(path: Path) -> str:
    """Return the ImageDescription of a TIFF's first page, empty where it has none.

    Raises
    ------
    RawFileError
        The file is missing or its first page cannot be found.
    """
    try:
        with Path(path).open("rb") as file:
            return _read_tag(file).decode("utf-8", errors="replace").rstrip("\0")
    except FileNotFoundError:
        raise RawFileError(f"{path}: no such file; correct its name or copy it again") from None
    except (IsADirectoryError, PermissionError):
        raise RawFileError(f"{path}: is a folder or may not be read; give a TIFF file") from None
    except (struct.error, ValueError, OverflowError):
        raise RawFileError(
            f"{path}: not a TIFF that can be read; export it as OME-TIFF or copy it again"
        ) from None


def _read_tag(file: BinaryIO) -> bytes:
    """Return the bytes of tag 270 of the first directory of a classic TIFF or BigTIFF."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]] if head[:2] in (b"II", b"MM") else ""
    version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
    if version not in (42, 43):
        raise ValueError("no TIFF")
    big = version == 43
    start = struct.unpack(f"{order}Q", head[8:16])[0] if big else _u32(order, head[4:8])
    file.seek(start)
    count = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))[0]
    if count > _MOST_TAGS:
        raise ValueError("more tags than a page has")
    entry = struct.Struct(f"{order}HHQ8s" if big else f"{order}HHI4s")
    for _ in range(count):
        code, kind, length, value = entry.unpack(file.read(entry.size))
        if code != _IMAGE_DESCRIPTION or kind != _ASCII:
            continue
        if length <= len(value):
            return bytes(value[:length])
        if length > _LARGEST_BYTES:
            raise ValueError("a description of impossible length")
        file.seek(struct.unpack(f"{order}Q", value)[0] if big else _u32(order, value))
        return file.read(length)
    return b""


def _u32(order: str, data: bytes) -> int:
    number: int = struct.unpack(f"{order}I", data)[0]
    return number


def read_positions(path: Path) -> tuple[StagePosition | None, ...]:
    """Return the stage position of each image of an OME-TIFF; None for an image without one.

    A file that is no OME-TIFF has one image without a position.

    Raises
    ------
    RawFileError
        As `read_description`; or the OME-XML is not well-formed or declares a document type.
    """
    text = read_description(path)
    if "<OME" not in text:
        return (None,)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise RawFileError(f"{path}: its OME-XML declares a document type, which is not read")
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except (ElementTree.ParseError, ValueError):
        raise RawFileError(
            f"{path}: its OME-XML is not well-formed; export it as OME-TIFF anew"
        ) from None
    images = [element for element in root.iter() if _local_name(element) == "Image"]
    return tuple(_find_position(image) for image in images) or (None,)


def _local_name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _find_position(image: ElementTree.Element) -> StagePosition | None:
    """Return the position that an image's planes share: that of the first, and how far they part.

    A plane without a position or with one that is no number has none.
    """
    found = [
        position
        for element in image.iter()
        if _local_name(element) == "Plane" and (position := _read_plane(element)) is not None
    ]
    if not found:
        return None
    ys, xs = [y for y, _, _ in found], [x for _, x, _ in found]
    return StagePosition(
        y=ys[0],
        x=xs[0],
        unit_known=all(known for _, _, known in found),
        spread=max(max(ys) - min(ys), max(xs) - min(xs)),
    )


def _read_plane(plane: ElementTree.Element) -> tuple[float, float, bool] | None:
    values, known = [], True
    for axis in "YX":
        unit = plane.get(f"Position{axis}Unit", UNITLESS).strip()
        known = known and unit in _UM_PER_UNIT
        try:
            value = float(plane.get(f"Position{axis}", "nan")) * _UM_PER_UNIT.get(unit, 1.0)
        except ValueError:
            return None
        values.append(value)
    if any(value != value or abs(value) == float("inf") for value in values):
        return None
    return values[0], values[1], known
