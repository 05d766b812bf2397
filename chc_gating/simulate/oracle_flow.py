"""The oracle for tubes: reads the file as written, solves for the true signals, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.simulate.oracle_gates import OracleCounts, count_classes

_CHUNK_EVENTS = 1 << 18


@dataclass(frozen=True)
class PlainFcs:
    """An FCS file of little-endian float32, as the simulator writes it, and no other."""

    path: Path
    keywords: dict[str, str]

    @property
    def channels(self) -> list[str]:
        """The m names ($PnN)."""
        return [self.keywords[f"$P{n}N"] for n in range(1, int(self.keywords["$PAR"]) + 1)]

    @property
    def labels(self) -> list[str | None]:
        """The m further names ($PnS)."""
        return [self.keywords.get(f"$P{n}S") for n in range(1, len(self.channels) + 1)]

    def read_chunks(self) -> Iterator[NDArray[np.float64]]:
        """Yield the (k, m) events of the file in order."""
        width = len(self.channels)
        with self.path.open("rb") as file:
            file.seek(int(self.keywords["$BEGINDATA"]))
            left = int(self.keywords["$TOT"])
            while left:
                size = min(left, _CHUNK_EVENTS)
                values = np.fromfile(file, dtype="<f4", count=size * width)
                yield values.reshape(size, width).astype(np.float64)
                left -= size


def read_plain_fcs(path: Path) -> PlainFcs:
    """Read HEADER and TEXT of a file that `write_fcs` wrote."""
    with path.open("rb") as file:
        header = file.read(58)
        start, end = int(header[10:18]), int(header[18:26])
        file.seek(start)
        text = file.read(end - start + 1).decode()
    parts = text[1:-1].split(text[0])
    return PlainFcs(path=path, keywords=dict(zip(parts[::2], parts[1::2], strict=True)))


def count_flow(
    path: Path, *, panel: Panel, gates: Gates, bead_population: str | None = None
) -> OracleCounts:
    """Count the classes among the events of a simulated FCS file."""
    fcs = read_plain_fcs(path)
    spillover = _read_spillover(fcs, panel)
    counts = OracleCounts(Counter(), Counter(), Counter())
    for chunk in fcs.read_chunks():
        values = chunk if spillover is None else compensate(chunk, *spillover)
        columns = {name: values[:, _find_channel(fcs, name)] for name in panel.channels}
        counts += count_classes(columns, panel=panel, gates=gates, bead_population=bead_population)
    return counts


def compensate(
    values: NDArray[np.float64], indices: list[int], matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (n, m) values whose detectors ``indices`` (d,) hold the fluorochromes' own signal.

    matrix : (d, d), the share of a row's fluorochrome in a column's detector. Where a detector is
    not finite, every signal that takes part of it (its factor is not zero) is NaN.
    """
    detected = values[:, indices]
    finite = np.isfinite(detected)
    signals = np.linalg.solve(matrix.T, np.where(finite, detected, 0.0).T).T
    inverse = np.linalg.solve(matrix, np.eye(len(matrix)))
    signals[(~finite).astype(int) @ (inverse != 0).astype(int) > 0] = np.nan
    compensated = values.copy()
    compensated[:, indices] = signals
    return compensated


def _read_spillover(fcs: PlainFcs, panel: Panel) -> tuple[list[int], NDArray[np.float64]] | None:
    if panel.spillover == "none":
        return None
    if panel.spillover != "keyword":
        raise ChcError(
            f"panel {panel.name}: the oracle knows spillover keyword and none, "
            f"not {panel.spillover!r}; simulate with another panel"
        )
    fields = fcs.keywords["$SPILLOVER"].split(",")
    size = int(fields[0])
    indices = [fcs.channels.index(name) for name in fields[1 : size + 1]]
    return indices, np.array(fields[size + 1 :], dtype=np.float64).reshape(size, size)


def _find_channel(fcs: PlainFcs, name: str) -> int:
    if name in fcs.channels:
        return fcs.channels.index(name)
    if name in fcs.labels:
        return fcs.labels.index(name)
    raise ChcError(
        f"panel channel {name} is not among the simulated channels {', '.join(fcs.channels)}"
    )
