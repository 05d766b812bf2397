"""Simulate the events of one tube and write them as an FCS file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.simulate.fcs import RANGE, format_spillover, write_fcs
from chc_gating.simulate.flow_cells import (
    APPEARANCES,
    CHANNELS,
    DOUBLETS,
    FLUORESCENCE,
    KIND_INDEX,
    KINDS,
    LABELS,
    LOG_MEDIAN,
    LOG_SD,
    SIGNALS,
    SPILLOVER,
    STAINED,
)
from chc_gating.simulate.recipe import FlowFile, draw_planted

_BLOCK_EVENTS = 65_536
"""Events made at once. Part of the recipe: the random numbers of a block hang on its index."""

_TIME_STEP_S = 0.01
_PHOTON_GAIN = 4.0
"""Units of signal per photo-electron: the noise variance of a signal s is 4 s."""
_ELECTRONIC_SD = 35.0
_AREA_OVER_HEIGHT = (1.15, 0.05)
_DOUBLET_STRETCH = (1.70, 0.16)
"""Mean and SD: a doublet's pulse is so much wider than a single cell's; a few stay narrow."""

_FIRST_SEED, _POSITION_SEED, _STAINING_SEED = 1, 2, 3


@dataclass(frozen=True)
class FlowTruth:
    """What was put into a file: the number of events of every kind."""

    kinds: Mapping[str, int]


def write_flow(
    path: Path, flow: FlowFile, *, seed: tuple[int, ...], staining: NDArray[np.float64]
) -> FlowTruth:
    """Write one simulated FCS file and return what is in it.

    Parameters
    ----------
    seed
        Decides every random number of this file.
    staining
        (3,) factors of the brightness of CD45, EPCAM and CK in this patient.

    Raises
    ------
    ChcError
        When more events are planted than the file has.
    """
    planted = draw_planted(flow, seed=(*seed, _FIRST_SEED))
    if sum(planted.values()) > flow.events:
        raise ChcError(
            f"{flow.file}: {sum(planted.values())} planted events do not fit into "
            f"{flow.events} events; plant fewer or raise events"
        )
    kinds: Counter[str] = Counter(dict.fromkeys(planted, 0))
    blocks = _make_blocks(flow, planted, seed=seed, staining=staining, kinds=kinds)
    write_fcs(
        path,
        blocks,
        channels=CHANNELS,
        labels=LABELS,
        event_count=flow.events,
        keywords=_describe_run(flow),
    )
    if flow.truncate_at is not None:
        os.truncate(path, int(path.stat().st_size * flow.truncate_at))
    return FlowTruth(kinds=dict(sorted(kinds.items())))


def draw_staining(spread: float, *, seed: tuple[int, ...]) -> NDArray[np.float64]:
    """Return (3,) log-normal factors by which a patient's CD45, EPCAM and CK differ."""
    rng = np.random.default_rng((*seed, _STAINING_SEED))
    return np.exp(rng.normal(0.0, spread, size=len(STAINED)))


def _make_blocks(
    flow: FlowFile,
    planted: Mapping[str, int],
    *,
    seed: tuple[int, ...],
    staining: NDArray[np.float64],
    kinds: Counter[str],
) -> Iterator[NDArray[np.float32]]:
    """Yield the events in blocks; ``kinds`` counts them on the way."""
    positions, planted_kinds = _place_planted(flow.events, planted, seed=seed)
    bulk = np.array([KIND_INDEX[kind] for kind in sorted(flow.composition)])
    shares = np.array([flow.composition[kind] for kind in sorted(flow.composition)])
    clock_s = 0.0
    for index, first in enumerate(range(0, flow.events, _BLOCK_EVENTS)):
        rng = np.random.default_rng((*seed, _BLOCK_EVENTS, index))
        size = min(_BLOCK_EVENTS, flow.events - first)
        kind = rng.choice(bulk, size=size, p=shares / shares.sum())
        lo, hi = np.searchsorted(positions, (first, first + size))
        kind[positions[lo:hi] - first] = planted_kinds[lo:hi]
        counts = np.bincount(kind, minlength=len(KINDS))
        kinds.update({KINDS[i]: int(count) for i, count in enumerate(counts) if count})
        block = np.empty((size, len(CHANNELS)), dtype=np.float32)
        block[:, :-1] = _detect(kind, staining=staining, rng=rng)
        gaps = rng.exponential(1.0, size) / _rate_per_s(flow, first, size)
        times = clock_s + np.cumsum(gaps)
        clock_s = float(times[-1])
        block[:, -1] = times / _TIME_STEP_S
        yield block


def _place_planted(
    event_count: int, planted: Mapping[str, int], *, seed: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ascending positions in the file and the kind planted at each."""
    rng = np.random.default_rng((*seed, _POSITION_SEED))
    kinds = np.repeat([KIND_INDEX[kind] for kind in planted], list(planted.values()))
    positions = rng.choice(event_count, size=len(kinds), replace=False)
    order = np.argsort(positions)
    return positions[order], kinds[order].astype(np.int64)


def _detect(
    kind: NDArray[np.int64], *, staining: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return (k, m - 1) detector values of events of these kinds: all channels but Time."""
    signals, stretch = _draw_signals(kind, staining=staining, rng=rng)
    ratio = rng.normal(*_AREA_OVER_HEIGHT, size=len(kind)) * stretch
    spilled = signals[:, 2:] @ SPILLOVER
    noise = np.sqrt(_PHOTON_GAIN * spilled + _ELECTRONIC_SD**2)
    detected = spilled + noise * rng.standard_normal(spilled.shape)
    values = np.column_stack([signals[:, 0], signals[:, 0] / ratio, signals[:, 1], detected])
    np.minimum(values, RANGE - 1, out=values)
    broken = np.flatnonzero(kind == KIND_INDEX["nonfinite"])
    values[broken, CHANNELS.index("APC-A")] = np.where(broken % 2, np.nan, np.inf)
    return values


def _draw_signals(
    kind: NDArray[np.int64], *, staining: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (k, signals) true signals and (k,) how much wider than a single cell's a pulse is."""
    signals = np.exp(LOG_MEDIAN[kind] + LOG_SD[kind] * rng.standard_normal((len(kind), 7)))
    stretch = np.ones(len(kind))
    for doublet, (_, second) in DOUBLETS.items():
        rows = np.flatnonzero(kind == KIND_INDEX[doublet])
        looks = APPEARANCES[second]
        noise = rng.standard_normal((len(rows), len(SIGNALS)))
        signals[rows] += np.exp(np.log(looks.median) + np.array(looks.log_sd) * noise)
        stretch[rows] = rng.normal(*_DOUBLET_STRETCH, size=len(rows))
    signals[:, STAINED] *= np.where(kind == KIND_INDEX["dim_hybrid"], 1.0, staining[:, None]).T
    return signals, stretch


def _rate_per_s(flow: FlowFile, first: int, size: int) -> NDArray[np.float64]:
    """Return (size,) the event rate at each event of a block."""
    share = np.arange(first, first + size) / flow.events
    rate = np.full(size, flow.rate_per_s)
    for burst in flow.bursts:
        rate[(share >= burst.start) & (share < burst.end)] *= burst.factor
    return rate


def expected_duration_s(flow: FlowFile) -> float:
    """Return the time that the file's events take on average."""
    seconds = flow.events / flow.rate_per_s
    saved = sum((b.end - b.start) * (1 - 1 / b.factor) for b in flow.bursts)
    return seconds * (1 - saved)


def _describe_run(flow: FlowFile) -> dict[str, str]:
    duration_s = expected_duration_s(flow)
    end_s = 10 * 3600 + round(duration_s)
    keywords = {
        "$CYT": "chc_gating simulator",
        "$DATE": "01-JAN-2026",
        "$BTIM": "10:00:00",
        "$ETIM": f"{end_s // 3600:02}:{end_s // 60 % 60:02}:{end_s % 60:02}",
        "$TIMESTEP": f"{_TIME_STEP_S}",
        "$SPILLOVER": format_spillover(FLUORESCENCE, SPILLOVER),
    }
    if flow.volume_keyword:
        keywords["$VOL"] = f"{flow.flow_rate_ul_per_min * duration_s / 60 * 1000:.0f}"
    if flow.abort_fraction is not None:
        keywords["$ABRT"] = str(round(flow.abort_fraction * flow.events))
        keywords["$LOST"] = str(round(flow.lost_fraction * flow.events))
    return keywords
