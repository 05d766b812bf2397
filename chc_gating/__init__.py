"""Counts of circulating hybrid and tumour cells from raw FCS files and slide images."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chc_gating.batch.gates import load_gates
    from chc_gating.errors import ChcError
    from chc_gating.flow.fcs import open_fcs
    from chc_gating.imaging.nuclei import segment_nuclei
    from chc_gating.stages.gate_events import gate_events

__version__ = "0.1.0"

__all__ = ["ChcError", "gate_events", "load_gates", "open_fcs", "segment_nuclei"]

_HOME = {
    "ChcError": "chc_gating.errors",
    "gate_events": "chc_gating.stages.gate_events",
    "load_gates": "chc_gating.batch.gates",
    "open_fcs": "chc_gating.flow.fcs",
    "segment_nuclei": "chc_gating.imaging.nuclei",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a process pays only for what it calls."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
