"""The nuclei of a whole slide, block by block into labels.tif."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import (
    Box,
    Watch,
    count_blocks,
    grid_rows,
    group_blocks,
    map_in_order,
    span_boxes,
    unwatched,
)
from chc_gating.imaging.label_image import LabelImageFile
from chc_gating.imaging.labels import LabelImage, write_labels
from chc_gating.imaging.methods import NucleusMethod, PreparedMethod, UnfitImageError
from chc_gating.imaging.nucleus_steps import count_seeds
from chc_gating.imaging.slide import Slide
from chc_gating.imaging.statistics import ReadBox
from chc_gating.imaging.terrain import GreyImage

_Work = tuple[Box, Box, GreyImage]


def segment_slide(
    slide: Slide,
    dna_channel: int,
    *,
    method: NucleusMethod,
    nucleus_um: float,
    labels_path: Path,
    tile_px: int = 4096,
    threads: int = 1,
    watch: Watch = unwatched,
) -> int:
    """Write the labels of a slide's nuclei and return how many nuclei there are.

    Parameters
    ----------
    slide : Slide
    dna_channel : int
        Index of the channel that shows nuclei.
    method : NucleusMethod
        How nuclei are found.
    nucleus_um : float
        Typical diameter of a nucleus.
    labels_path : Path
        labels.tif; see `imaging.labels`.
    tile_px : int
        Width that is read at once; changes memory and speed, no label.
    threads : int
        Blocks computed at a time; changes no label.
    watch : Watch
        Sees the blocks that are done.

    Raises
    ------
    RawFileError
        The slide is damaged, or not of a kind that the method can be used on.
    """

    def read(box: Box) -> GreyImage:
        return slide.read_box(dna_channel, box)

    try:
        prepared = method.prepare(
            read, slide.shape, diameter_px=nucleus_um / slide.pixel_size_um, threads=threads
        )
    except UnfitImageError as error:
        raise RawFileError(f"{slide.path}: {error}") from None
    return label_plane(
        read,
        slide.shape,
        method=prepared,
        labels_path=labels_path,
        tile_px=tile_px,
        threads=threads,
        watch=watch,
        forget_above=slide.forget_above,
    )


def adopt_labels(
    slide: Slide,
    given: Path,
    *,
    nucleus_um: float,
    labels_path: Path,
    tile_px: int = 4096,
    threads: int = 1,
    watch: Watch = unwatched,
) -> tuple[int, tuple[str, ...]]:
    """Write the labels of another tool's label image; return how many nuclei, and the repairs.

    Parameters
    ----------
    slide : Slide
        Whose nuclei they are.
    given : Path
        A TIFF of whole numbers, of the slide's size; see `imaging.given_nuclei`.
    nucleus_um, labels_path, tile_px, threads, watch
        As for `segment_slide`.

    Raises
    ------
    RawFileError
        The label image is missing or damaged, does not fit the slide, or holds no labels of cells.
    """
    from chc_gating.imaging.given_nuclei import GivenNuclei  # its kernels import numba

    size_um = slide.pixel_size_um
    with LabelImageFile(given, shape=slide.shape) as image:
        nuclei = GivenNuclei(
            given,
            width=slide.shape[1],
            pixel_size_um=size_um,
            diameter_px=nucleus_um / size_um,
        )
        count = label_plane(
            image.read,
            slide.shape,
            method=nuclei,
            labels_path=labels_path,
            tile_px=tile_px,
            threads=threads,
            watch=watch,
        )
        return count, nuclei.repairs


def label_plane(
    read: ReadBox,
    shape: tuple[int, int],
    *,
    method: PreparedMethod,
    labels_path: Path,
    tile_px: int,
    threads: int,
    watch: Watch,
    forget_above: Callable[[int], None] = lambda _: None,
) -> int:
    """Write labels, block by block, from what ``read`` returns; return how many nuclei.

    ``forget_above`` is told the row above which nothing will be read again.
    """
    nuclei = 0

    def blocks() -> Iterator[LabelImage]:
        nonlocal nuclei
        work = _read_work(
            read, shape, reach_px=method.reach_px, tile_px=tile_px, forget_above=forget_above
        )
        run = _BlockLabeller(method, shape[1])
        labelled = watch(map_in_order(run, work, threads=threads), count_blocks(shape))
        for labels, own in labelled:
            nuclei += own
            yield labels

    write_labels(labels_path, shape, blocks())
    return nuclei


class _BlockLabeller:
    """Labels one block: what the threads run."""

    def __init__(self, method: PreparedMethod, width: int) -> None:
        self._method, self._width = method, width

    def __call__(self, work: _Work) -> tuple[LabelImage, int]:
        """Return a block's labels, and how many nuclei have their seed in it."""
        block, outer, pixels = work
        labels = self._method.label_block(pixels, block, outer=outer)
        own = count_seeds(labels, block, slide_width=self._width)
        labels += 1
        return labels, own


def _read_work(
    read: ReadBox,
    shape: tuple[int, int],
    *,
    reach_px: int,
    tile_px: int,
    forget_above: Callable[[int], None],
) -> Iterator[_Work]:
    """Yield each block with its halo and the halo's pixels, in raster order."""
    for row in grid_rows(shape):
        forget_above(row[0].y0 - reach_px)
        for group in group_blocks(row, tile_px=tile_px):
            whole = span_boxes(group).grow(reach_px, shape)
            pixels = read(whole)
            for block in group:
                outer = block.grow(reach_px, shape)
                yield block, outer, pixels[outer.within(whole).slices]
