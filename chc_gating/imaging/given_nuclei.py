"""`method: labels`: nuclei that another tool found, under the ids of this program.

A nucleus is a connected piece of one label, and its seed is its first pixel in raster order. So
labels that start anew in every tile of the other tool are no matter, nor is a label that lies in
pieces: each piece is a nucleus, apart from crumbs, which are left out. A crumb is smaller than a
nucleus can be (`NucleusScale.smallest_area_px`), and has more pixels of its label near it than it
has itself. Labels in one piece are kept, however small.

**Reach.** A piece is at most ``largest_px`` high and wide (more is refused), so a block with that
much around it holds all of each of its pieces; a crumb looks one typical diameter and a half
farther, and is small. Nothing is slide-wide, so labels are as many as the pixels.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.methods import SeedImage
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.kernels import pieces

LARGEST_UM = 300.0
"""The largest cell that is heard of: macrophage-like cells measure 25 to 300 um."""
_LARGEST_PX = 1024


class GivenNuclei:
    """The labels of another tool on one slide; counts what it had to repair."""

    def __init__(self, path: Path, *, width: int, pixel_size_um: float, diameter_px: float) -> None:
        """``path`` is named in refusals, ``width`` the slide's in pixels."""
        self._path = path
        self._width = width
        self._scale = NucleusScale(diameter_px)
        self.largest_px = min(round(LARGEST_UM / pixel_size_um), _LARGEST_PX)
        self._lock = threading.Lock()
        self._pieces = self._crumbs = 0

    @property
    def reach_px(self) -> int:
        """How far the label of a pixel looks."""
        return max(self.largest_px, self._scale.smallest_area_px + self._scale.radius)

    @property
    def repairs(self) -> tuple[str, ...]:
        """What was not taken as the file has it, of the blocks labelled so far."""
        found = []
        if self._pieces:
            found.append(
                f"labels in pieces: each piece counts as a nucleus; {self._pieces:,} have another "
                "one of their label near them"
            )
        if self._crumbs:
            found.append(
                f"labels in pieces: crumbs of less than {self._scale.smallest_area_px} px beside "
                f"more of their label are left out; there were {self._crumbs:,}"
            )
        return tuple(found)

    def label_block(self, dna: NDArray[np.integer], block: Box, *, outer: Box) -> SeedImage:
        """Return the seed index of each pixel of a block, -1 in the background.

        ``dna`` (y, x) holds no grey levels here, but the labels of ``outer``. Raises RawFileError
        for a negative label, and for a piece that is larger than a cell.
        """
        core, labels = block.within(outer), np.ascontiguousarray(dna, dtype=np.int64)
        self._check_signs(labels, outer=outer)
        roots = pieces.find_pieces(labels)
        found = pieces.measure_pieces(roots, core.edges)
        self._check_sizes(found, labels, outer=outer)
        others = pieces.count_others(labels, roots, found, self._scale.radius)
        small = found[:, 1] < self._scale.smallest_area_px
        crumbs = small & (others > found[:, 1])
        y, x = np.divmod(found[:, 0], outer.width)
        own = (y >= core.y0) & (y < core.y1) & (x >= core.x0) & (x < core.x1)
        with self._lock:
            self._crumbs += int(np.count_nonzero(own & crumbs))
            self._pieces += int(np.count_nonzero(own & ~crumbs & (others > self._fewest(found))))
        placed: SeedImage = pieces.place_pieces(
            roots, found, ~crumbs, core.edges, (outer.y0, outer.x0), self._width
        )
        return placed

    def _fewest(self, found: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many other pixels make a piece one of several: more than a crumb's."""
        return np.minimum(found[:, 1], self._scale.smallest_area_px - 1)

    def _check_signs(self, labels: NDArray[np.int64], *, outer: Box) -> None:
        if labels.min(initial=0) >= 0:
            return
        y, x = (int(places[0]) for places in np.nonzero(labels < 0))
        raise RawFileError(
            f"{self._path}: label {labels[y, x]} at row {outer.y0 + y}, column {outer.x0 + x}; "
            "0 is background and a nucleus 1 or more; export the labels as a TIFF of uint32"
        )

    def _check_sizes(
        self, found: NDArray[np.int64], labels: NDArray[np.int64], *, outer: Box
    ) -> None:
        large = found[found[:, 2:].max(axis=1, initial=0) > self.largest_px]
        if not large.size:
            return
        y, x = (int(i) for i in divmod(large[0, 0], outer.width))
        raise RawFileError(
            f"{self._path}: label {labels[y, x]} at row {outer.y0 + y}, column {outer.x0 + x} is "
            f"more than {self.largest_px} px high or wide, larger than any cell; write 0 in the "
            "background, and labels of single nuclei"
        )
