"""Cuts that are found on a slide: on which panels they can be."""

from __future__ import annotations

from collections.abc import Iterator

from chc_gating.batch.findings import Finding
from chc_gating.model.gates import CUT_SOURCES, Gates
from chc_gating.model.panel import Panel


def check_slide_cuts(gates: Gates, panel: Panel) -> Iterator[Finding]:
    """Yield cuts that this panel's files cannot give."""
    for marker, cut in gates.cuts.items():
        if not cut.is_found_on_slide or marker not in panel.markers:
            continue
        keys = ("cuts", marker, next(k for k in CUT_SOURCES if getattr(cut, k) is not None))
        if panel.modality != "image":
            yield Finding(
                keys,
                f"is found on slides, and panel {panel.name} is of modality {panel.modality}",
                "give a fixed cut",
            )
