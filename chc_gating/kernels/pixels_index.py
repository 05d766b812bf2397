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
def index_labels(labels):  # type: ignore[no-untyped-def]
    """Return the labels of an image (k,), ascending, and the image of their ranks from 1.

    ``labels`` (y, x) of whole numbers, 0 is background. A label is looked up only where the pixel
    to the left and the pixel above have another one.
    """
    height, width = labels.shape
    nuclei = np.zeros((height, width), np.int32)
    found = np.empty(1024, np.int64)
    keys = np.zeros(4096, np.int64)
    slots = np.zeros(4096, np.int32)
    count = 0
    for y in range(height):
        for x in range(width):
            label = np.int64(labels[y, x])
            if label == 0:
                continue
            if x > 0 and np.int64(labels[y, x - 1]) == label:
                nuclei[y, x] = nuclei[y, x - 1]
                continue
            if y > 0 and np.int64(labels[y - 1, x]) == label:
                nuclei[y, x] = nuclei[y - 1, x]
                continue
            slot = _find_slot(keys, label)
            if keys[slot] == 0:
                if count == found.size:
                    found = _double(found)
                found[count] = label
                count += 1
                keys[slot] = label
                slots[slot] = count
                nuclei[y, x] = count
                if 2 * count > keys.size:
                    keys, slots = _rehash(found[:count], 4 * keys.size)
            else:
                nuclei[y, x] = slots[slot]
    order = np.argsort(found[:count])
    ranks = np.zeros(count + 1, np.int32)
    for rank in range(count):
        ranks[order[rank] + 1] = rank + 1
    for y in range(height):
        for x in range(width):
            nuclei[y, x] = ranks[nuclei[y, x]]
    return found[:count][order], nuclei


@part
def _find_slot(keys, label):  # type: ignore[no-untyped-def]
    """Return where a label stands in a table, or the empty place where it belongs."""
    mask = keys.size - 1
    slot = ((label * _SPREAD) >> 20) & mask
    while keys[slot] != 0 and keys[slot] != label:
        slot = (slot + 1) & mask
    return slot


@part
def _rehash(found, size: int):  # type: ignore[no-untyped-def]
    keys = np.zeros(size, np.int64)
    slots = np.zeros(size, np.int32)
    for i in range(found.size):
        slot = _find_slot(keys, found[i])
        keys[slot] = found[i]
        slots[slot] = i + 1
    return keys, slots


@part
def _double(values: Counts) -> Counts:
    longer = np.empty(2 * values.size, np.int64)
    longer[: values.size] = values
    return longer
