"""`method: network` as a panel asks for it: the shipped network, before it has seen a slide."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.imaging.blocks import map_in_order, spread_boxes
from chc_gating.imaging.methods import check_diameter
from chc_gating.imaging.network import load_network
from chc_gating.imaging.network_diameter import find_diameter
from chc_gating.imaging.network_levels import measure_range
from chc_gating.imaging.network_nuclei import NetworkScale, PreparedNetwork
from chc_gating.imaging.records import Parameters
from chc_gating.imaging.statistics import ReadBox
from chc_gating.imaging.terrain import GreyImage

_SAMPLE_BOXES, _SAMPLE_PX = 36, 320
_SMALLEST_DIAMETER_PX = 4
"""Of typical nuclei: smaller ones show no outline."""


@dataclass(frozen=True)
class NetworkMethod:
    """The network of this package."""

    @property
    def parameters(self) -> Parameters:
        """What segmentation.json states: the method, and which network it is."""
        facts = load_network().facts
        return {"method": "network", "network": facts.version, "network_sha256": facts.sha256}

    def find_diameter(self, dna: GreyImage) -> float:
        """Return the typical diameter in pixels of the nuclei of an image."""
        return find_diameter(dna, load_network())

    def prepare(
        self, read: ReadBox, shape: tuple[int, int], *, diameter_px: float, threads: int = 1
    ) -> PreparedNetwork:
        """Return the method with the slide's grey range, from boxes spread evenly over it.

        Raises UnfitImageError where nuclei are too small to tell, or so large that a block's halo
        would fill the memory.
        """
        check_diameter(diameter_px, smallest_px=_SMALLEST_DIAMETER_PX)
        boxes = spread_boxes(shape, count=_SAMPLE_BOXES, side=_SAMPLE_PX)
        network = load_network()
        scale = NetworkScale(diameter_px, network.facts.target_diameter_px, network.reach_px)
        levels = measure_range(map_in_order(read, boxes, threads=threads))
        return PreparedNetwork(network, scale, levels, shape)
