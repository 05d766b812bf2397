"""What is usually done with a slide image, by scikit-image and scipy, in one process.

    peer_slide.py chain SLIDE LABELS       # segments, measures; writes its labels as .npy
    peer_slide.py measure SLIDE LABELS     # measures given labels: the columns of `chc measure`
    peer_slide.py mcquant SLIDE LABELS     # measures as mcquant does, a table a channel

Prints the seconds of each step as JSON. The image is held whole, as these libraries want it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from skimage import feature, filters, measure, morphology, segmentation

SIGMA_PX, PEAK_DISTANCE_PX, RING_PX = 1.5, 5, 5
SHAPE = ("label", "area", "centroid", "bbox", "eccentricity")
OUTLINE = ("solidity", "axis_major_length", "axis_minor_length")
GREY = ("intensity_mean", "intensity_min", "intensity_max", "intensity_std")


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Note the time since the last lap."""
        now = time.perf_counter()
        self.steps[name] = self.steps.get(name, 0.0) + now - self._last
        self._last = now


def find_nuclei(dna: np.ndarray, clock: Clock) -> np.ndarray:
    """Gaussian, Otsu, fill holes, opening, distance, watershed."""
    smooth = filters.gaussian(dna, SIGMA_PX, preserve_range=True)
    mask = smooth > filters.threshold_otsu(smooth)
    clock.lap("gaussian, Otsu")
    mask = ndimage.binary_fill_holes(mask)
    mask = ndimage.binary_opening(mask, morphology.disk(2))
    clock.lap("fill holes, opening")
    distance = ndimage.distance_transform_edt(mask)
    clock.lap("distance")
    peaks = feature.peak_local_max(
        filters.gaussian(distance, 1), min_distance=PEAK_DISTANCE_PX, labels=measure.label(mask)
    )
    markers = np.zeros(dna.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = segmentation.watershed(-distance, markers, mask=mask).astype(np.int32)
    clock.lap("seeds, watershed")
    return labels


def chain(slide: Path, output: Path, clock: Clock) -> int:
    """Segment, expand, measure nucleus and ring in all channels; no medians, no solidity."""
    stack = tifffile.imread(slide)
    clock.lap("read")
    nuclei = find_nuclei(stack[0], clock)
    cells = segmentation.expand_labels(nuclei, RING_PX)
    clock.lap("expand_labels")
    pixels = np.moveaxis(stack, 0, -1)
    for part in (nuclei, np.where(nuclei > 0, 0, cells)):
        measure.regionprops_table(part, pixels, properties=(*SHAPE, *GREY))
    clock.lap("regionprops_table")
    np.save(output, nuclei)
    return int(nuclei.max())


def median(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Median of each channel."""
    return np.median(pixels[mask], axis=0)


def q90(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """90 % quantile of each channel."""
    return np.quantile(pixels[mask], 0.9, axis=0)


def saturated(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Share of saturated pixels of each channel."""
    return (pixels[mask] == 65535).mean(axis=0)


def positive(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Share of pixels above a level of each channel."""
    return (pixels[mask] > 1000).mean(axis=0)


def measure_columns(slide: Path, labels: Path, clock: Clock) -> int:
    """The columns of `chc measure`: nucleus, ring and cell, in all channels."""
    pixels, nuclei = read(slide, labels)
    clock.lap("read")
    cells = segmentation.expand_labels(nuclei, RING_PX)
    clock.lap("expand_labels")
    for part in (nuclei, np.where(nuclei > 0, 0, cells), cells):
        more = OUTLINE if part is nuclei else ()
        measure.regionprops_table(
            part,
            pixels,
            properties=(*SHAPE, *more, *GREY),
            extra_properties=(median, q90, saturated, positive),
        )
    clock.lap("regionprops_table")
    return int(nuclei.max())


def measure_as_mcquant(slide: Path, labels: Path, clock: Clock) -> int:
    """Shape once, then the mean of one channel after the other, and a CSV: nuclei only."""
    pixels, nuclei = read(slide, labels)
    clock.lap("read")
    table = measure.regionprops_table(nuclei, properties=(*SHAPE, *OUTLINE, "extent"))
    for channel in range(pixels.shape[-1]):
        found = measure.regionprops_table(
            nuclei, pixels[..., channel], properties=("label", "intensity_mean")
        )
        table[f"channel_{channel}"] = found["intensity_mean"]
    columns = np.stack(list(table.values()), axis=1)
    np.savetxt(labels.with_suffix(".csv"), columns, delimiter=",", header=",".join(table))
    clock.lap("regionprops_table")
    return int(nuclei.max())


def read(slide: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the image as (y, x, c), and the labels numbered from 1."""
    found = tifffile.imread(labels)
    numbered = np.unique(found, return_inverse=True)[1].reshape(found.shape).astype(np.int32)
    return np.moveaxis(tifffile.imread(slide), 0, -1), numbered


WAYS = {"chain": chain, "measure": measure_columns, "mcquant": measure_as_mcquant}

if __name__ == "__main__":
    laps = Clock()
    count = WAYS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]), laps)
    print(json.dumps({"nuclei": count, "steps": laps.steps}))
