"""labels.tif: which nucleus a pixel belongs to, as a tiled TIFF written and read by block.

A pixel holds 1 + the id of its nucleus, 0 in the background: ids are indices of seed pixels, and
the slide's first pixel may be a seed. Tables hold the id itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.imaging.blocks import BLOCK_PX, Box
from chc_gating.imaging.closing import Closing
from chc_gating.imaging.plane_segments import SegmentCache
from chc_gating.imaging.planes import PagePlane
from chc_gating.storage.atomic import replacing

LabelImage = NDArray[np.int64]
StoredLabels = NDArray[np.int64] | NDArray[np.uint32] | NDArray[np.uint64]


_CACHE_BYTES = 48 << 20
"""Decoded blocks kept: they are decoded fast, and are large."""


def choose_label_type(shape: tuple[int, int]) -> type[np.uint32] | type[np.uint64]:
    """Return the narrowest of uint32 and uint64 that holds every label of a slide."""
    return np.uint32 if shape[0] * shape[1] < 1 << 32 else np.uint64


def write_labels(path: Path, shape: tuple[int, int], blocks: Iterator[LabelImage]) -> None:
    """Write labels, whole, from the blocks of the grid in raster order.

    A tile of the file is a block, so nothing but the block at hand is held in memory.
    """
    dtype = choose_label_type(shape)

    def tiles() -> Iterator[NDArray[np.uint32 | np.uint64]]:
        for block in blocks:
            tile = np.zeros((BLOCK_PX, BLOCK_PX), dtype)
            tile[: block.shape[0], : block.shape[1]] = block
            yield tile

    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            tiles(),
            shape=shape,
            dtype=dtype,
            bigtiff=True,
            tile=(BLOCK_PX, BLOCK_PX),
            photometric="minisblack",
            compression="zstd",
            compressionargs={"level": 3},
            software=False,
            metadata=None,
            maxworkers=1,
        )


class Labels(Closing):
    """A labels.tif opened for reading."""

    def __init__(self, path: Path) -> None:
        """Open a file that `write_labels` wrote; ChcError where it is none."""
        try:
            self._file = tifffile.TiffFile(path)
        except FileNotFoundError:
            raise ChcError(f"{path}: no such labels; run chc segment") from None
        except tifffile.TiffFileError:
            raise ChcError(f"{path}: not labels that chc segment wrote; run it again") from None
        page = self._file.pages.first
        if page.dtype not in (np.uint32, np.uint64) or page.samplesperpixel != 1:
            self._file.close()
            raise ChcError(f"{path}: labels are uint32 or uint64, one per pixel; run chc segment")
        self._plane = PagePlane(page, path=Path(path), cache=SegmentCache(_CACHE_BYTES))
        self._dtype = np.dtype(page.dtype).newbyteorder("=")
        self.shape = self._plane.shape

    def read(self, box: Box) -> LabelImage:
        """Return the labels of a box: 1 + the nucleus's id, 0 in the background."""
        return self._plane.read(box).astype(np.int64)

    def read_stored(self, boxes: Sequence[Box]) -> list[StoredLabels]:
        """Return the same of neighbouring boxes, as wide as the file has them."""
        found = [np.zeros((box.height, box.width), self._dtype) for box in boxes]
        self._plane.read_into(list(zip(boxes, found, strict=True)))
        return found

    def forget_above(self, y: int) -> None:
        """Keep nothing in memory of what lies above a row, for a reader that comes from above."""
        self._plane.forget_above(y)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
