"""What a way to find nuclei has to offer, and which one a panel asks for."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.records import Parameters
from chc_gating.imaging.statistics import ReadBox
from chc_gating.imaging.terrain import GreyImage
from chc_gating.model.segmentation import DEFAULT_METHOD, Method

SeedImage = NDArray[np.int64]
"""Per pixel the index of its nucleus's seed pixel on the slide, y * width + x; -1: background."""


class UnfitImageError(ValueError):
    """A method cannot be used on an image of this kind; the text says why and what to do."""


LARGEST_DIAMETER_PX = 200
"""Of typical nuclei: a block with its halo then has some 20 million pixels."""


def check_diameter(diameter_px: float, *, smallest_px: float = 0) -> None:
    """Raise UnfitImageError where nuclei are too large for a block, or too small to tell."""
    if diameter_px > LARGEST_DIAMETER_PX:
        raise UnfitImageError(
            f"nuclei of {diameter_px:.0f} px are more than {LARGEST_DIAMETER_PX} px across; "
            "correct pixel_size_um or nucleus_um, or export the image at a lower resolution"
        )
    if diameter_px < smallest_px:
        raise UnfitImageError(
            f"nuclei of {diameter_px:.1f} px are less than {smallest_px} px across; "
            "correct pixel_size_um or nucleus_um, or take an image of a higher resolution"
        )


class PreparedMethod(Protocol):
    """A method that knows all it needs of the whole slide, and labels it block by block."""

    @property
    def reach_px(self) -> int:
        """How far the label of a pixel looks: the halo of a block."""
        ...

    def label_block(self, dna: GreyImage, block: Box, *, outer: Box) -> SeedImage:
        """Return the seed index of each pixel of a block.

        Called from several threads at a time.

        Parameters
        ----------
        dna : (y, x) uint8 or uint16
            The pixels of ``outer``.
        block : Box
            The pixels to label, on the slide.
        outer : Box
            ``block`` grown by ``reach_px`` and clipped to the slide.

        Returns
        -------
        (y, x) int64, of the block's shape
            Equal, to the last bit, to what any other block says of the same pixel.
        """
        ...


class NucleusMethod(Protocol):
    """A way to find nuclei, with its settings; it has seen no slide yet."""

    @property
    def parameters(self) -> Parameters:
        """What segmentation.json states: ``method``, and every setting that changes a label."""
        ...

    def find_diameter(self, dna: GreyImage) -> float:
        """Return the typical diameter in pixels of the nuclei of an image without pixel size."""
        ...

    def prepare(
        self, read: ReadBox, shape: tuple[int, int], *, diameter_px: float, threads: int = 1
    ) -> PreparedMethod:
        """Return the method with the numbers that hold for the whole slide, taken once.

        Parameters
        ----------
        read : callable
            Returns the DNA channel's pixels of a box.
        shape : (y, x)
            Of the slide.
        diameter_px : float
            Typical diameter of a nucleus.
        threads : int
            Boxes looked at at a time, so ``read`` may be called by several; changes no number.

        Raises
        ------
        UnfitImageError
            The method cannot be used on such an image.
        """
        ...


def choose_method(name: Method = DEFAULT_METHOD) -> NucleusMethod:
    """Return the method of a name.

    Raises
    ------
    ValueError
        The method does not look at the DNA channel (`labels`, `external`).
    """
    if name == "watershed":
        from chc_gating.imaging.watershed_nuclei import WatershedMethod

        return WatershedMethod()
    if name == "network":
        from chc_gating.imaging.network_method import NetworkMethod

        return NetworkMethod()
    raise ValueError(f"method {name} finds no nuclei in an image")
