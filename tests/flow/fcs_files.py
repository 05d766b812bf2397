"""A small FCS writer for tests, on which one thing at a time can be made wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 58
EVENTS = np.array(
    [[100.5, -2.25, 0.0], [200.0, 30.0, 1.0], [300.25, 262143.0, 2.0], [4.0, 5.0, 7.0]],
    dtype=np.float64,
)
"""Four events of FSC-A, PE-A and Time; all values are exact in float32."""

NAMES = ("FSC-A", "PE-A", "Time")


def float_bytes(events: NDArray[np.float64] = EVENTS, *, code: str = "<f4") -> bytes:
    return events.astype(code).tobytes()


def describe_channels(
    names: Sequence[str] = NAMES, *, bits: int = 32, limit: str = "262144"
) -> dict[str, str]:
    keywords = {}
    for n, name in enumerate(names, start=1):
        keywords |= {f"$P{n}N": name, f"$P{n}B": str(bits), f"$P{n}R": limit, f"$P{n}E": "0,0"}
    return keywords


def fcs_bytes(
    data: bytes | None = None,
    *,
    keywords: Mapping[str, str | None] | None = None,
    version: str = "3.1",
    delimiter: str = "|",
    raw_text: bytes = b"",
    encoding: str = "utf-8",
    header_data: tuple[object, object] | None = None,
    text_data: tuple[object, object] | None = None,
    text_end_shift: int = 0,
    gap: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """Return a file of HEADER, TEXT, ``gap``, DATA and ``tail``.

    keywords : replace the defaults; None leaves one out.
    raw_text : appended to TEXT as it is, without a delimiter.
    header_data, text_data : first and last byte of DATA that HEADER and TEXT say.
    text_end_shift : added to the end of TEXT that HEADER says.
    """
    data = float_bytes() if data is None else data
    defaults: dict[str, str | None] = {
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F",
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": "3",
        "$TOT": "4",
        "$TIMESTEP": "0.01",
        **describe_channels(),
    }
    merged = {**defaults, **(keywords or {})}
    written = {key: value for key, value in merged.items() if value is not None}
    begin = HEADER_BYTES
    for _ in range(2):
        ends = text_data if text_data is not None else (begin, begin + len(data) - 1)
        offsets = {"$BEGINDATA": f"{ends[0]:>12}", "$ENDDATA": f"{ends[1]:>12}"}
        pairs = {**written, **{k: v for k, v in offsets.items() if k not in (keywords or {})}}
        text = delimiter + "".join(f"{k}{delimiter}{v}{delimiter}" for k, v in pairs.items())
        encoded = text.encode(encoding) + raw_text
        begin = HEADER_BYTES + len(encoded) + len(gap)
    text_end = HEADER_BYTES + len(encoded) - 1 + text_end_shift
    first, last = header_data if header_data is not None else (begin, begin + len(data) - 1)
    offsets_of_header = (HEADER_BYTES, text_end, first, last, 0, 0)
    header = f"FCS{version}    " + "".join(f"{offset:>8}" for offset in offsets_of_header)
    return header.encode() + encoded + gap + data + tail


def write_fcs(path: Path, data: bytes | None = None, **quirks: object) -> Path:
    path.write_bytes(fcs_bytes(data, **quirks))  # type: ignore[arg-type]
    return path
