"""Training material: images on the network's grid with what the network shall say of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from chc_gating.imaging.network_levels import measure_range
from chc_gating.kernels import resample

TARGET_PX = 14.0
"""Diameter of a typical nucleus on the network's grid."""
TEST_IMAGES, VALIDATION_IMAGES = 40, 24
SPLIT_SEED = "nuclei-1"

Labels = NDArray[np.int32]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """An image as it was taken, with its nuclei."""

    name: str
    grey: NDArray[np.uint16]
    labels: Labels
    group: str

    @property
    def diameter_px(self) -> float:
        """Median diameter of the nuclei, of discs of equal area."""
        areas = np.bincount(self.labels.ravel())[1:]
        areas = areas[areas > 0]
        return float(2 * np.sqrt(np.median(areas) / np.pi)) if areas.size else TARGET_PX


@dataclass(frozen=True)
class Sheet:
    """An image on the network's grid: normalised levels, labels, depth, weight of the loss.

    depth : distance in pixels to the nucleus's border; the frame, which cuts it, is none.
    nearest : labels grown by 3 px, in which a nucleus's light is changed together with its blur.
    """

    image: Image
    labels: Labels
    depth: Image
    weight: Image
    nearest: Labels


def read_pictures(folder: Path) -> list[Picture]:
    """Return all pictures of a folder of *_img.tif and *_lab.tif, in order of their names."""
    pictures = []
    for path in sorted(folder.glob("*_img.tif")):
        grey = tifffile.imread(path).astype(np.uint16)
        labels = tifffile.imread(path.with_name(path.name.replace("_img", "_lab")))
        name = path.name.removesuffix("_img.tif")
        whole = labels.astype(np.int32)
        pictures.append(Picture(name, grey, whole, name_group(grey, whole)))
    return pictures


def name_group(grey: NDArray[np.uint16], labels: Labels) -> str:
    """Return the group of a picture: what seems to be one microscope and magnification.

    By the size of the frame, then by the camera's dark level (the 1st percentile), which two
    cameras of the same frame size do not share, and by how large nuclei are where one frame
    size was used at two magnifications. Groups of fewer than 8 pictures are one group, "other".
    """
    height, width = grey.shape
    dark = float(np.percentile(grey, 1))
    areas = np.bincount(labels.ravel())[1:]
    diameter = 2 * np.sqrt(np.median(areas[areas > 0]) / np.pi) if areas.any() else 0
    if (height, width) == (256, 256):
        return "256 dark-8+" if dark >= 8 else ("256 large" if diameter >= 17 else "256 small")
    if (height, width) == (360, 360):
        return "360"
    if (height, width) == (520, 696):
        return "520 large" if diameter >= 35 else "520 small"
    return "other"


def split_pictures(pictures: list[Picture]) -> dict[str, list[Picture]]:
    """Return train, validation and test; every group is in each in proportion.

    Within a group pictures are ordered by the hash of their name and the seed of the split.
    """
    counts = Counter(p.group for p in pictures)
    result: dict[str, list[Picture]] = {"train": [], "validation": [], "test": []}
    for group in sorted(counts):
        members = sorted((p for p in pictures if p.group == group), key=_hash_name)
        tests = max(round(TEST_IMAGES * len(members) / len(pictures)), 1)
        checks = max(round(VALIDATION_IMAGES * len(members) / len(pictures)), 1)
        result["test"] += members[:tests]
        result["validation"] += members[tests : tests + checks]
        result["train"] += members[tests + checks :]
    return result


def _hash_name(picture: Picture) -> str:
    return hashlib.sha256(f"{SPLIT_SEED}:{picture.name}".encode()).hexdigest()


def resample_image(grey: NDArray[np.uint16], step: float) -> NDArray[np.float32]:
    """Return grey levels on a grid of ``step`` pixels, with the resampling that is shipped."""
    counts = [max(round(length / step), 8) for length in grey.shape]
    axes = [
        resample.axis_weights(step, first=0, count=count, length=length)
        for count, length in zip(counts, grey.shape, strict=True)
    ]
    levels = resample.resample_rows(grey, *axes[0], *axes[1])
    return levels.astype(np.float32) / np.float32(1 << resample.FRACTION_BITS)


def resample_labels(labels: Labels, step: float) -> Labels:
    """Return labels on a grid of ``step`` pixels: of the pixel that holds each centre."""
    rows, columns = (
        np.minimum((np.arange(max(round(length / step), 8)) + 0.5) * step, length - 1).astype(int)
        for length in labels.shape
    )
    return labels[np.ix_(rows, columns)]


def make_sheet(picture: Picture, *, nucleus_px: float) -> Sheet:
    """Return a picture with nuclei of ``nucleus_px``, in grey levels as the package gives them."""
    step = picture.diameter_px / nucleus_px
    levels = measure_range([picture.grey])
    image = levels.normalise(resample_image(picture.grey, step))
    return finish_sheet(image, resample_labels(picture.labels, step))


def finish_sheet(image: Image, labels: Labels, *, lobed: frozenset[int] = frozenset()) -> Sheet:
    """Return an image and its labels with depth and weight.

    lobed : labels whose depth is measured to the border of their convex hull, so that a nucleus
        of several lobes has one core.
    """
    depth = np.zeros(labels.shape, np.float32)
    for index, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        mask = labels[window] == index
        shape = _fill_hull(mask) if index in lobed else mask
        own = np.where(mask, _measure_depth(shape, window, labels.shape), 0)
        depth[window] = np.maximum(depth[window], own.astype(np.float32))
    return complete_sheet(image.astype(np.float32), labels, depth)


def _measure_depth(
    shape: NDArray[np.bool_], window: tuple[slice, slice], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the distance to the nearest pixel outside; there are none beyond the frame."""
    rims = [
        (int(part.start > 0), int(part.stop < length))
        for part, length in zip(window, size, strict=True)
    ]
    depth = ndimage.distance_transform_edt(np.pad(shape, rims))
    inner = (slice(rim[0], rim[0] + n) for rim, n in zip(rims, shape.shape, strict=True))
    return depth[tuple(inner)]


def complete_sheet(image: Image, labels: Labels, depth: Image) -> Sheet:
    """Return an image, its labels and their depth with weight and grown labels."""
    gap, (y, x) = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    nearest = np.where(gap <= 3, labels[y, x], 0)
    return Sheet(image, labels, depth, _weigh_gaps(labels), nearest)


def _fill_hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from skimage.morphology import convex_hull_image

    return convex_hull_image(mask) if mask.sum() > 8 else mask


def _weigh_gaps(labels: Labels) -> Image:
    """Return 3 where two nuclei are at most 2 px away, 6 where at most 1, 1 elsewhere."""
    weight = np.ones(labels.shape, np.float32)
    for width, more in ((5, 3), (3, 6)):
        weight[_is_between(labels, width)] = more
    return weight


def _is_between(labels: Labels, width: int) -> NDArray[np.bool_]:
    """Return the pixels in whose square of ``width`` px there are two nuclei."""
    largest = ndimage.maximum_filter(labels, width)
    few = np.where(labels > 0, labels, np.iinfo(np.int32).max)
    return (largest > 0) & (ndimage.minimum_filter(few, width) < largest)
