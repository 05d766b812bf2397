"""Raw files of a folder, as their headers describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chc_gating.batch.guesses import guess_control
from chc_gating.errors import ConfigError, RawFileError
from chc_gating.flow.fcs import open_fcs
from chc_gating.model.panel import Modality

_FCS_SUFFIXES = (".fcs", ".lmd")


@dataclass(frozen=True)
class RawFile:
    """A file whose header could be read; ``has_pixel_size`` matters for slides only."""

    path: Path
    modality: Modality
    channels: tuple[str, ...]
    labels: tuple[str | None, ...]
    has_spillover: bool = False
    has_pixel_size: bool = True

    @property
    def is_control(self) -> bool:
        """Whether its name says that it is a control."""
        return guess_control(self.stem) is not None

    @property
    def label_count(self) -> int:
        """How many of its channels have a label."""
        return sum(label is not None for label in self.labels)

    @property
    def stem(self) -> str:
        """The file's name without its endings, ``.ome.tif`` included."""
        return self.path.name if self._is_plain_folder else self.path.stem.removesuffix(".ome")

    @property
    def _is_plain_folder(self) -> bool:
        return self.path.is_dir() and self.path.suffix.lower() != ".zarr"


@dataclass
class Scan:
    """Files that were read, files that could not be read with the reason, and others passed."""

    files: list[RawFile] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    passed: int = 0


def scan_folder(folder: Path) -> Scan:
    """Read the headers of all FCS files and slides below a folder, in the order of names.

    A zarr store is one slide. So is a folder of TIFFs that all have one channel, one size and one
    pixel size, if it holds at least two and no folder; else each TIFF is a slide of its own. A
    folder of raw tiles, the scanned one too, and a table of them are one slide, to be stitched.
    """
    from chc_gating.imaging.tile_source import is_tile_source

    scan = Scan()
    found = [folder] if is_tile_source(folder) else _leave_listed_tiles(_list_candidates(folder))
    for path in sorted(found):
        modality = _tell_modality(path)
        if modality is None:
            scan.passed += 1
            continue
        try:
            scan.files.append(_read_flow(path) if modality == "flow" else _read_slide(path))
        except RawFileError as error:
            scan.unreadable.append((path, str(error).removeprefix(f"{path}: ")))
    return scan


def _list_candidates(folder: Path) -> list[Path]:
    """Return the files below a folder, and the folders that are one slide instead of theirs."""
    found: list[Path] = []
    for path in folder.iterdir():
        if path.name[0] == ".":
            continue
        if path.is_file() or (path.is_dir() and _is_one_slide(path)):
            found.append(path)
        elif path.is_dir():
            found.extend(_list_candidates(path))
    return found


def _leave_listed_tiles(found: list[Path]) -> list[Path]:
    """Return the files without those that a table of tiles among them lists."""
    from chc_gating.imaging.listed_tiles import is_tile_table
    from chc_gating.imaging.tile_source import source_files

    tables = [path for path in found if is_tile_table(path)]
    listed = {file.resolve() for table in tables for file in source_files(table)[1:]}
    if not listed:
        return found
    return [path for path in found if path.resolve() not in listed]


def _is_one_slide(folder: Path) -> bool:
    from chc_gating.imaging.channel_folder import is_channel_folder, list_channel_files
    from chc_gating.imaging.formats import is_slide_folder
    from chc_gating.imaging.slide import open_slide
    from chc_gating.imaging.tile_source import is_tile_source

    if is_tile_source(folder):
        return True
    if not is_slide_folder(folder):
        return False
    if not is_channel_folder(folder):
        return True
    if len(list_channel_files(folder)) < 2 or any(path.is_dir() for path in folder.iterdir()):
        return False
    try:
        with open_slide(folder, pixel_size_um=1.0):
            return True
    except RawFileError:  # its files are slides of their own, or their faults are told apart
        return False


def _tell_modality(path: Path) -> Modality | None:
    from chc_gating.imaging.layout import IMAGE_SUFFIXES
    from chc_gating.imaging.listed_tiles import is_tile_table

    suffix = path.suffix.lower()
    if path.is_dir() or suffix in IMAGE_SUFFIXES or is_tile_table(path):
        return "image"
    if suffix in _FCS_SUFFIXES:
        return "flow"
    # Some instruments number their files (.001); the standard's first bytes tell.
    with path.open("rb") as file:
        return "flow" if file.read(6) in (b"FCS2.0", b"FCS3.0", b"FCS3.1", b"FCS3.2") else None


def _read_flow(path: Path) -> RawFile:
    from chc_gating.compensation.keyword import KEYWORDS

    fcs = open_fcs(path)
    return RawFile(
        path=path,
        modality="flow",
        channels=tuple(fcs.channels),
        labels=tuple(fcs.markers),
        has_spillover=any(fcs.keywords.get(key, "").strip() for key in KEYWORDS),
    )


def _read_slide(path: Path) -> RawFile:
    from chc_gating.imaging.slide import open_slide
    from chc_gating.imaging.tile_source import is_tile_source

    if is_tile_source(path):
        return _read_tiles(path)
    try:
        slide, known = open_slide(path), True
    except RawFileError:
        # Its channels are worth knowing where only the pixel size is not; else this raises too.
        slide, known = open_slide(path, pixel_size_um=1.0), False
    with slide:
        return _describe_image(path, slide.channels, has_pixel_size=known)


def _read_tiles(path: Path) -> RawFile:
    from chc_gating.imaging.raw_tiles import name_channels, open_tiles

    try:
        return _describe_image(path, open_tiles(path).channels, has_pixel_size=True)
    except ConfigError as error:
        raise RawFileError(str(error)) from None
    except RawFileError:
        # As of a slide: where only the pixel size is not known, its channels are.
        if not _lacks_pixel_size(path):
            raise
        return _describe_image(path, name_channels(path), has_pixel_size=False)


def _lacks_pixel_size(path: Path) -> bool:
    """Whether the first raw tile can be read once its pixel size is given, and not before."""
    from chc_gating.imaging.slide import open_slide
    from chc_gating.imaging.tile_source import find_tiles

    tile = find_tiles(path)[0][0]
    try:
        open_slide(tile.file, image=tile.image).close()
    except RawFileError:
        open_slide(tile.file, image=tile.image, pixel_size_um=1.0).close()
        return True
    return False


def _describe_image(path: Path, channels: Sequence[str], *, has_pixel_size: bool) -> RawFile:
    return RawFile(
        path=path,
        modality="image",
        channels=tuple(channels),
        labels=(None,) * len(channels),
        has_pixel_size=has_pixel_size,
    )


def group_files(files: Sequence[RawFile]) -> list[list[RawFile]]:
    """Return the files that can share a panel, those that say most about it first.

    They have the same channels, and no channel has two labels: a control often has fewer labels
    than a full stain, or none. Samples lead, since a panel is theirs.
    """
    groups: list[list[RawFile]] = []
    for file in sorted(files, key=lambda file: (file.is_control, -file.label_count)):
        group = next((g for g in groups if _can_share(file, g[0])), None)
        if group is None:
            groups.append([file])
        else:
            group.append(file)
    return groups


def _can_share(file: RawFile, leader: RawFile) -> bool:
    pairs = zip(file.labels, leader.labels, strict=False)
    return (file.modality, file.channels) == (leader.modality, leader.channels) and all(
        label in (None, other) for label, other in pairs
    )
