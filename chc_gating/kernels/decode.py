"""Bytes of events to numbers.

Axes: k events; m channels; an event is a row of bytes. The bytes of a value are named by their
places within the event, the least significant first, so that every order of bytes is the same code.
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel, part

BLOCK_EVENTS = 2000
"""Events whose bytes stay in the caches while one channel after the other is decoded."""


@kernel
def decode_words(words, masks, out):  # type: ignore[no-untyped-def]
    """Fill out (k m,), floats, with unsigned words (k m,) of one width, masked.

    masks : (t m,) those of the channels, over and over, so that the loop over them is a long one.
    """
    for begin in range(0, words.shape[0], masks.shape[0]):
        found, given = out[begin:], words[begin : begin + masks.shape[0]]
        for j in range(given.shape[0]):
            found[j] = given[j] & masks[j]


@kernel
def decode_bytes(raw, place, width, mask, is_float, table_first, table, out):  # type: ignore[no-untyped-def]
    """Fill out (k, m), floats, with the values in raw (k, bytes of an event), of any widths.

    place : (m, 8) unsigned (an index that may be negative costs a comparison), where a value's
    bytes stand. width : (m,) how many they are. mask : (m,) uint64, the bits of an integer that are
    data. is_float : (m,) 1 for IEEE floats of 4 or 8 bytes.
    table_first : (m + 1,) a channel's part of table, float64: what its integers become, by their
    value; an empty part: the integers themselves.
    """
    for begin in range(0, raw.shape[0], BLOCK_EVENTS):
        block, found = raw[begin : begin + BLOCK_EVENTS], out[begin : begin + BLOCK_EVENTS]
        for c in range(width.shape[0]):
            first, last = table_first[c], table_first[c + 1]
            if is_float[c] != 0:
                _decode_floats(block, place[c], width[c], found[:, c])
            elif last > first:
                _look_up(block, place[c], width[c], mask[c], table[first:last], found[:, c])
            else:
                _decode_integers(block, place[c], width[c], mask[c], found[:, c])


@part
def _gather(raw, i, place, width):  # type: ignore[no-untyped-def]
    """Return the bits of one value of event i."""
    bits = np.uint64(raw[i, place[0]])
    for b in range(1, width):
        bits |= np.uint64(raw[i, place[b]]) << np.uint64(8 * b)
    return bits


@part
def _decode_integers(raw, place, width, mask, out):  # type: ignore[no-untyped-def]
    # A width that the compiler knows needs no loop over bytes; other widths are rare.
    if width == 1:
        for i in range(raw.shape[0]):
            out[i] = _gather(raw, i, place, 1) & mask
    elif width == 2:
        for i in range(raw.shape[0]):
            out[i] = _gather(raw, i, place, 2) & mask
    elif width == 3:
        for i in range(raw.shape[0]):
            out[i] = _gather(raw, i, place, 3) & mask
    elif width == 4:
        for i in range(raw.shape[0]):
            out[i] = _gather(raw, i, place, 4) & mask
    else:
        for i in range(raw.shape[0]):
            out[i] = _gather(raw, i, place, width) & mask


@part
def _look_up(raw, place, width, mask, table, out):  # type: ignore[no-untyped-def]
    for i in range(raw.shape[0]):
        out[i] = table[_gather(raw, i, place, width) & mask]


@part
def _decode_floats(raw, place, width, out):  # type: ignore[no-untyped-def]
    if width == 4:
        for i in range(raw.shape[0]):
            out[i] = np.uint32(_gather(raw, i, place, 4)).view(np.float32)
    else:
        for i in range(raw.shape[0]):
            out[i] = np.uint64(_gather(raw, i, place, 8)).view(np.float64)
