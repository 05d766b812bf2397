"""Planes of zarr arrays, decoded chunk by chunk."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.layout import Pixels
from chc_gating.imaging.plane_segments import SegmentCache, SegmentedPlane

_METADATA = (".zarray", ".zattrs", ".zgroup", "zarr.json")


def open_array(folder: Path, *, path: Path) -> Any:
    """Return the zarr array of a folder; RawFileError (of ``path``) where there is none."""
    import zarr

    if not any((folder / name).is_file() for name in _METADATA):
        raise RawFileError(f"{path}: lacks an array that its metadata name; copy it again")
    try:
        return zarr.open_array(store=str(folder), mode="r")
    except (MemoryError, OSError):
        raise
    except Exception as error:  # zarr meets whatever the metadata say
        raise RawFileError(
            f"{path}: the metadata of an array cannot be read ({type(error).__name__}); "
            "copy it again or export it anew"
        ) from None


def count_absent_chunks(folder: Path, array: Any) -> tuple[str, ...]:
    """Return what to say of chunks (shards) that are absent: their pixels are the fill value.

    Writers leave out chunks that hold the fill value only; a copy that was cut short lacks them
    alike, so they are counted.
    """
    stored = array.shards or array.chunks
    wanted = math.prod(-(-n // step) for n, step in zip(array.shape, stored, strict=True))
    found = sum(name not in _METADATA for _, _, names in os.walk(folder) for name in names)
    if found >= wanted:
        return ()
    return (
        f"pixels: {wanted - found:,} of {wanted:,} chunks are absent and read as the fill value",
    )


class ZarrPlane(SegmentedPlane):
    """One channel of a zarr array whose other axes have length 1."""

    def __init__(
        self,
        array: Any,
        channel_axis: int | None,
        *,
        channel: int,
        level: int,
        cache: SegmentCache,
        path: Path,
    ) -> None:
        self._array = array
        self._channel_axis = channel_axis
        self._channel = channel
        self._level = level
        self._path = path
        self._depth = 1 if channel_axis is None else array.chunks[channel_axis]
        super().__init__(
            tuple(array.shape[-2:]),
            step=tuple(array.chunks[-2:]),
            dtype=np.dtype(array.dtype).newbyteorder("="),
            cache=cache,
            shared=self._depth > 1,
        )

    def _read_segment(self, i: int, j: int, *, keep: bool) -> Pixels:
        """Return this channel's part of a chunk; all channels of the chunk are kept.

        Raises RawFileError where it is cut short or cannot be decoded.
        """
        (rows, columns), first = self._step, self._channel // self._depth
        here = Box(i * rows, (i + 1) * rows, j * columns, (j + 1) * columns).clip(self.shape)
        key = (here.y1, j, self._level, first)
        chunk = self._cache.fetch(
            key, lambda: self._decode_chunk(first * self._depth, here), keep=keep
        )
        plane: Pixels = chunk[self._channel - first * self._depth]
        return plane

    def _decode_chunk(self, first: int, here: Box) -> Pixels:
        """Return the (c, y, x) pixels of a chunk."""
        index: list[Any] = [0] * (len(self._array.shape) - 2)
        if self._channel_axis is not None:
            index[self._channel_axis] = slice(first, first + self._depth)
        try:
            pixels = self._array[(*index, *here.slices)]
        except (MemoryError, OSError):
            raise
        except Exception as error:  # a decoder may raise anything on damaged bytes
            raise RawFileError(
                f"{self._path}: a chunk cannot be decoded ({type(error).__name__}); "
                "copy it again or export it anew"
            ) from None
        return np.asarray(pixels, dtype=self._dtype).reshape(-1, here.height, here.width)
