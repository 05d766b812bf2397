"""Write an FCS 3.1 file of float32 events, block by block, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_DELIMITER = "|"
_HEADER_BYTES = 58
_LARGEST_HEADER_OFFSET = 99_999_999
_OFFSET_DIGITS = 12
RANGE = 262144
"""Top of the detectors' scale ($PnR), as on BD instruments; the largest value is one below."""


def write_fcs(
    path: Path,
    blocks: Iterable[NDArray[np.float32]],
    *,
    channels: Sequence[str],
    labels: Sequence[str | None],
    event_count: int,
    keywords: Mapping[str, str],
) -> None:
    """Write events as a little-endian FCS 3.1 list-mode file.

    Parameters
    ----------
    blocks
        Arrays (k, m) of float32; together ``event_count`` rows, in the order of acquisition.
    channels, labels
        m names ($PnN) and m further names ($PnS, None leaves the keyword out).
    keywords
        Further keywords with their ``$``; they may not hold the delimiter ``|``.

    Raises
    ------
    ValueError
        When the blocks do not add up to ``event_count`` events of m channels.
    """
    text, data_start = _build_text(channels, labels, event_count=event_count, keywords=keywords)
    data_bytes = 4 * len(channels) * event_count
    with path.open("wb") as file:
        file.write(_build_header(len(text), data_start, data_bytes))
        file.write(text)
        written = 0
        for block in blocks:
            if block.ndim != 2 or block.shape[1] != len(channels):
                raise ValueError(f"a block of shape {block.shape} for {len(channels)} channels")
            file.write(np.ascontiguousarray(block, dtype="<f4").data)
            written += len(block)
    if written != event_count:
        raise ValueError(f"{written} events were given, {event_count} were announced")


def format_spillover(channels: Sequence[str], matrix: NDArray[np.float64]) -> str:
    """Return the $SPILLOVER keyword of a (d, d) matrix, row by row."""
    values = ",".join(f"{value:.6g}" for value in matrix.ravel())
    return f"{len(channels)},{','.join(channels)},{values}"


def _build_text(
    channels: Sequence[str],
    labels: Sequence[str | None],
    *,
    event_count: int,
    keywords: Mapping[str, str],
) -> tuple[bytes, int]:
    """Return the TEXT segment and the offset of the data; offsets have a fixed width."""
    pairs = {
        "$BEGINANALYSIS": "0",
        "$ENDANALYSIS": "0",
        "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F",
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(len(channels)),
        "$TOT": str(event_count),
    }
    for number, (channel, label) in enumerate(zip(channels, labels, strict=True), start=1):
        pairs |= {f"$P{number}N": channel, f"$P{number}B": "32", f"$P{number}E": "0,0"}
        pairs[f"$P{number}R"] = str(RANGE)
        if label is not None:
            pairs[f"$P{number}S"] = label
    pairs |= keywords
    if any(_DELIMITER in part for pair in pairs.items() for part in pair):
        raise ValueError(f"a keyword holds the delimiter {_DELIMITER}")
    body = "".join(f"{key}{_DELIMITER}{value}{_DELIMITER}" for key, value in pairs.items())
    fixed = len("$BEGINDATA||$ENDDATA||") + 2 * _OFFSET_DIGITS
    start = _HEADER_BYTES + len((_DELIMITER + body).encode()) + fixed
    end = max(start + 4 * len(channels) * event_count - 1, 0)
    offsets = f"$BEGINDATA|{start:0{_OFFSET_DIGITS}}|$ENDDATA|{end:0{_OFFSET_DIGITS}}|"
    return (_DELIMITER + offsets + body).encode(), start


def _build_header(text_bytes: int, data_start: int, data_bytes: int) -> bytes:
    text_end = _HEADER_BYTES + text_bytes - 1
    data = (data_start, data_start + data_bytes - 1)
    if data[1] > _LARGEST_HEADER_OFFSET:
        data = (0, 0)
    offsets = (_HEADER_BYTES, text_end, *data, 0, 0)
    return ("FCS3.1    " + "".join(f"{offset:>8}" for offset in offsets)).encode()
