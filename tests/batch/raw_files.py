"""Small raw files for batches: FCS with the channels of the small panel, and a two-channel TIFF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tifffile

from chc_gating.simulate.fcs import write_fcs

CHANNELS = ("FSC-A", "FSC-H", "APC-A", "PE-A", "FITC-A", "BV421-A", "Time")
LABELS = (None, None, "CD45", "EpCAM", "CK", "VIA", None)
SPILLOVER = {"$SPILLOVER": "2,PE-A,FITC-A,1,0.1,0.2,1"}


def write_tube(
    path: Path,
    *,
    channels: Sequence[str] = CHANNELS,
    labels: Sequence[str | None] = LABELS,
    keywords: Mapping[str, str] = SPILLOVER,
) -> None:
    """Write an FCS file of 50 events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    events = np.linspace(0, 1000, 50 * len(channels), dtype=np.float32)
    write_fcs(
        path,
        [events.reshape(50, len(channels))],
        channels=channels,
        labels=labels,
        event_count=50,
        keywords=keywords,
    )


def write_slide(
    path: Path, *, names: Sequence[str] = ("DAPI", "CD45"), pixel_size_um: float | None = 0.5
) -> None:
    """Write an OME-TIFF of 32 x 32 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, object] = {"axes": "CYX", "Channel": {"Name": list(names)}}
    if pixel_size_um is not None:
        for axis in "XY":
            metadata[f"PhysicalSize{axis}"] = pixel_size_um
            metadata[f"PhysicalSize{axis}Unit"] = "um"
    pixels = np.zeros((len(names), 32, 32), dtype=np.uint16)
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", metadata=metadata)


def write_raw_tile(path: Path, *, x_px: float) -> None:
    """Write a tile of 32 x 32 pixels at a place of the stage."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = {f"PhysicalSize{axis}": 0.5 for axis in "XY"}
    plane = {"PositionX": [x_px * 0.5] * 2, "PositionY": [100.0] * 2}
    units = {f"Position{axis}Unit": ["um"] * 2 for axis in "XY"}
    tifffile.imwrite(
        path,
        np.zeros((2, 32, 32), np.uint16),
        ome=True,
        photometric="minisblack",
        metadata={
            "axes": "CYX",
            "Channel": {"Name": ["DAPI", "CD45"]},
            **sizes,
            "Plane": plane | units,
        },
    )
