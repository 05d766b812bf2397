"""A folder with one TIFF a channel, read as one slide.

Channels come in the natural order of the file names. A channel's name is, in this order:

1. the panel's ``channel_names`` entry, where every entry stands as a whole word (case ignored) in
   the name of exactly one file and every file has one;
2. what is left of the file's name without its ending and without the words that all names share at
   their beginning and at their end; words end at a blank, ``_``, ``-`` or ``.``;
3. none, where what is left is a number only (``3``, ``c03``, ``ch3``, ``w3``): the panel's
   ``channel_names`` then name the files in order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from chc_gating.errors import RawFileError
from chc_gating.imaging.layout import (
    TIFF_SUFFIXES,
    Layout,
    Level,
    Request,
    check_image_index,
    keep_levels,
)
from chc_gating.imaging.metadata import differ
from chc_gating.imaging.tiff import open_tiff

_BREAKS = re.compile(r"[ _.\-]+")
_NUMBERED = re.compile(r"(c|ch|channel|w)?\d+", re.IGNORECASE)


def list_channel_files(folder: Path) -> list[Path]:
    """Return the TIFFs of a folder in the natural order of their names."""
    files = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in TIFF_SUFFIXES and path.name[0] != "." and path.is_file()
    ]
    return sorted(files, key=lambda path: (_natural_key(path.name), path.name))


def is_channel_folder(folder: Path) -> bool:
    """Return whether a folder holds TIFFs."""
    return bool(list_channel_files(folder))


def open_channel_folder(request: Request) -> Layout:
    """Return the layout of a folder whose TIFFs are the channels of one slide.

    Raises RawFileError where a file has several channels, or files differ in size, pixel type or
    pixel size.
    """
    check_image_index(request, 1)
    files = list_channel_files(request.path)
    with ExitStack() as opened:
        parts = []
        for file in files:
            part = open_tiff(Request(file))
            opened.callback(part.close)
            parts.append(part)
        _check_alike(files, parts)
        kept = opened.pop_all()
    depth = min(len(part.levels) for part in parts)
    levels, lost = keep_levels(
        tuple(Level(tuple(part.levels[i].planes[0] for part in parts)) for i in range(depth))
    )
    first = parts[0]
    notes = dict.fromkeys(note for part in parts for note in part.repairs)
    return Layout(
        format=f"folder of {len(files)} TIFFs",
        axes="CYX",
        levels=levels,
        names=name_channels([file.name for file in files], request.channel_names),
        pixel_size_um=first.pixel_size_um,
        pixel_size_problem=first.pixel_size_problem,
        dtype=first.dtype,
        maximum=max(part.maximum for part in parts),
        repairs=(*notes, *lost),
        close=kept.close,
    )


def name_channels(
    file_names: Sequence[str], channel_names: Sequence[str] | None
) -> tuple[str | None, ...]:
    """Return a name for each file, None for all where their names only number them."""
    stems = [_remove_endings(name) for name in file_names]
    from_panel = _match_panel(stems, channel_names or ())
    if from_panel:
        return from_panel
    words = [_BREAKS.split(stem) for stem in stems]
    start = _count_shared(words)
    end = _count_shared([part[::-1] for part in words])
    if len(stems) == 1:
        start = end = 0
    left = tuple("_".join(part[start : len(part) - end]) for part in words)
    if not all(left) or all(_NUMBERED.fullmatch(name) for name in left):
        return (None,) * len(left)
    return left


def _match_panel(stems: Sequence[str], names: Sequence[str]) -> tuple[str | None, ...]:
    if not names or len(names) != len(stems):
        return ()
    found: list[str | None] = []
    for stem in stems:
        matching = [name for name in names if _holds_word(stem, name)]
        found.append(matching[0] if len(matching) == 1 else None)
    return tuple(found) if set(found) == set(names) else ()


def _holds_word(stem: str, name: str) -> bool:
    return bool(re.search(rf"(?<![^ _.\-]){re.escape(name)}(?![^ _.\-])", stem, re.IGNORECASE))


def _remove_endings(name: str) -> str:
    stem = Path(name).stem
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def _count_shared(words: Sequence[Sequence[str]]) -> int:
    """Count the leading words that all share, leaving each at least one."""
    shared = 0
    for column in zip(*(part[:-1] for part in words), strict=False):
        if len(set(column)) > 1:
            break
        shared += 1
    return shared


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]


def _check_alike(files: Sequence[Path], parts: Sequence[Layout]) -> None:
    first = parts[0]
    for file, part in zip(files, parts, strict=True):
        channels = len(part.levels[0].planes)
        if channels > 1:
            raise RawFileError(
                f"{file}: has {channels} channels; in a folder each file is one channel: give the "
                "file itself, or split it"
            )
        if part.levels[0].shape != first.levels[0].shape or part.dtype != first.dtype:
            raise RawFileError(
                f"{file}: has another size or pixel type than {files[0].name}; the files of a "
                "folder are the channels of one slide"
            )
        sizes = (part.pixel_size_um, first.pixel_size_um)
        if (sizes[0] is None) != (sizes[1] is None) or (
            sizes[0] is not None and sizes[1] is not None and differ(sizes[0], sizes[1])
        ):
            raise RawFileError(
                f"{file}: states another pixel size than {files[0].name}; make them equal"
            )
