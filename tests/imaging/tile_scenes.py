"""Scenes cut into raw tiles, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

PIXEL_UM = 0.5
TILE = (120, 140)

Image = NDArray[np.uint16]


def draw_scene(shape: tuple[int, int], *, seed: int = 0, density: float = 0.01) -> Image:
    """Return a smooth scene of bright blobs, the same for the same seed."""
    rng = np.random.default_rng(seed)
    points = (rng.random(shape) < density) * rng.uniform(2000, 9000, shape)
    blobs = ndimage.gaussian_filter(points, 1.8, mode="wrap") * 20
    return np.clip(400 + blobs, 0, 60000).astype(np.uint16)


def grid_places(
    rows: int, columns: int, *, step: tuple[int, int] = (100, 115)
) -> NDArray[np.int64]:
    """Return (n, 2) nominal places of a grid of tiles, row by row."""
    return np.array([(r * step[0], c * step[1]) for r in range(rows) for c in range(columns)])


def cut_tiles(
    scene: Image, places: NDArray[np.int64], *, noise: float = 15.0, seed: int = 1
) -> list[Image]:
    """Return tiles of a scene with camera noise."""
    rng = np.random.default_rng(seed)
    tiles = []
    for y, x in places.tolist():
        part = scene[y : y + TILE[0], x : x + TILE[1]]
        assert part.shape == TILE
        noisy = part + noise * rng.standard_normal(TILE)
        tiles.append(np.clip(np.rint(noisy), 0, 65535).astype(np.uint16))
    return tiles


def describe_tile(
    names: Sequence[str], position_um: tuple[float, float] | None, *, unit: str | None = "µm"
) -> dict[str, object]:
    """Return the OME metadata of one tile; ``position_um`` is (y, x)."""
    metadata: dict[str, object] = {
        "axes": "CYX",
        "Channel": {"Name": list(names)},
        "PhysicalSizeX": PIXEL_UM,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": PIXEL_UM,
        "PhysicalSizeYUnit": "µm",
    }
    if position_um is not None:
        plane: dict[str, object] = {
            "PositionY": [position_um[0]] * len(names),
            "PositionX": [position_um[1]] * len(names),
        }
        if unit is not None:
            plane |= {f"Position{axis}Unit": [unit] * len(names) for axis in "YX"}
        metadata["Plane"] = plane
    return metadata


def write_images(
    path: Path,
    tiles: Sequence[NDArray[np.generic]],
    positions_um: Sequence[tuple[float, float] | None],
    *,
    names: Sequence[str] = ("DAPI", "CD45"),
    unit: str | None = "µm",
) -> Path:
    """Write tiles (y, x) as the images of one OME-TIFF; each is repeated for every channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, ome=True) as file:
        for tile, position in zip(tiles, positions_um, strict=True):
            file.write(
                np.stack([tile] * len(names)),
                photometric="minisblack",
                metadata=describe_tile(names, position, unit=unit),
            )
    return path


def stage_um(places: NDArray[np.int64], *, flip_y: bool = False) -> list[tuple[float, float]]:
    """Return what a stage says of nominal places in pixels."""
    sign = -1 if flip_y else 1
    return [(sign * y * PIXEL_UM + 500, x * PIXEL_UM + 900) for y, x in places.tolist()]
