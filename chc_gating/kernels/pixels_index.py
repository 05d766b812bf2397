"""Labels of any size as small numbers: each nucleus of a block by its rank.

Axes: (y, x) pixels, k nuclei.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel, part

Counts = NDArray[np.int64]
IndexImage = NDArray[np.int32]

_SPREAD = np.int64(0x9E3779B97F4A7C1)
"""Odd, near 2**60 over the golden ratio: its products spread neighbouring labels over a table."""


@kernel
def number_labels(
    labels: NDArray[np.unsignedinteger],
    nuclei: IndexImage,
    found: Counts,
    keys: Counts,
    numbers: IndexImage,
) -> int:
    """Number the labels of an image from 1, as they come, and return how many there are.

    labels : (y, x), 0 is background
    nuclei : (y, x), filled with the numbers
    found : (room,), filled with the label of each number
    keys, numbers : (a power of two, at least twice the room,), zero

    -1 where there are more labels than room. A label is looked up only where the pixel to the left
    and the pixel above have another one.
    """
    height, width = labels.shape
    count = 0
    for y in range(height):
        for x in range(width):
            label = np.int64(labels[y, x])
            if label == 0:
                nuclei[y, x] = 0
            elif x > 0 and np.int64(labels[y, x - 1]) == label:
                nuclei[y, x] = nuclei[y, x - 1]
            elif y > 0 and np.int64(labels[y - 1, x]) == label:
                nuclei[y, x] = nuclei[y - 1, x]
            else:
                slot = _find_slot(keys, label)
                if keys[slot] == 0:
                    if count == found.size:
                        return -1
                    found[count] = label
                    count += 1
                    keys[slot] = label
                    numbers[slot] = count
                nuclei[y, x] = numbers[slot]
    return count


@part
def _find_slot(keys, label):  # type: ignore[no-untyped-def]
    """Return where a label stands in a table, or the empty place where it belongs."""
    mask = keys.size - 1
    slot = ((label * _SPREAD) >> 20) & mask
    while keys[slot] != 0 and keys[slot] != label:
        slot = (slot + 1) & mask
    return slot


@kernel
def rename_numbers(nuclei: IndexImage, names: IndexImage) -> None:
    """Replace each number of an image (y, x) by its name, names[number]."""
    for y in range(nuclei.shape[0]):
        for x in range(nuclei.shape[1]):
            nuclei[y, x] = names[nuclei[y, x]]
