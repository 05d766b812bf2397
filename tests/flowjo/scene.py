"""One FCS file with spillover, and FlowKit's reading of a workspace beside ours."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chc_gating as chc
from chc_gating.simulate.fcs import format_spillover, write_fcs

CHANNELS = ("FSC-A", "SSC-A", "FITC-A", "APC-A", "PE-A", "Time")
STAINED = ("FITC-A", "APC-A", "PE-A")
MATRIX = np.array([[1.0, 0.05, 0.2], [0.02, 1.0, 0.1], [0.15, 0.01, 1.0]])
"""The workspace's; a row is a fluorochrome."""
OWN = np.eye(3) + 0.3 * (1 - np.eye(3))
"""The file's own, which is another one."""
COMP = tuple(f"Comp-{name}" for name in STAINED)
TIMESTEP = 0.01


def make_events(n: int = 4000, *, seed: int = 7) -> NDArray[np.float32]:
    """Return scatter, three stains that spill, negatives among them, and a clock in ticks."""
    rng = np.random.default_rng(seed)
    scatter = rng.normal(90_000, 30_000, (n, 2))
    pure = 10 ** rng.uniform(0.5, 5, (n, 3)) + rng.normal(0, 200, (n, 3))
    ticks = np.sort(rng.uniform(0, 6000, (n, 1)), axis=0)
    return np.hstack([scatter, pure @ MATRIX, ticks]).astype(np.float32)


def write_tube(
    path: Path,
    events: NDArray[np.float32] | None = None,
    *,
    spillover: NDArray[np.float64] | str | None = OWN,
) -> Path:
    events = make_events() if events is None else events
    keywords = {"$TIMESTEP": repr(TIMESTEP)}
    if isinstance(spillover, str):
        keywords["$SPILLOVER"] = spillover
    elif spillover is not None:
        keywords["$SPILLOVER"] = format_spillover(STAINED, spillover)
    write_fcs(
        path,
        [events],
        channels=CHANNELS,
        labels=(None,) * len(CHANNELS),
        event_count=len(events),
        keywords=keywords,
    )
    return path


def compensated(path: Path, matrix: NDArray[np.float64] = MATRIX) -> dict[str, NDArray[np.float64]]:
    """Return the linear values of every channel by plain numpy, stains compensated."""
    linear = chc.open_fcs(path).read()
    values = dict(zip(CHANNELS, linear.T, strict=True))
    places = [CHANNELS.index(name) for name in STAINED]
    pure = linear[:, places] @ np.linalg.inv(matrix)
    return {**values, **dict(zip(COMP, pure.T, strict=True))}


def ours(workspace: Path, tube: Path) -> dict[str, NDArray[np.bool_]]:
    return chc.gate_events(chc.open_fcs(tube), chc.load_gates(workspace))


def flowkits(workspace: Path, tube: Path) -> dict[str, NDArray[np.bool_]]:
    """Return FlowKit's membership of every population, by path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import flowkit

        found = flowkit.Workspace(str(workspace), fcs_samples=[str(tube)])
        found.analyze_samples(sample_id=tube.name, use_mp=False)
        return {
            "/" + "/".join((*above[1:], name)): found.get_gate_membership(tube.name, name, above)
            for name, above in found.get_gate_ids(tube.name)
        }
