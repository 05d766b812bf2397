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
            continue
        name = panel.markers[marker]
        channel = panel.channels[name]
        rule = cut.background_of(channel.role)
        if rule.fraction is None:
            continue
        for key, wanted, has in (
            ("positive_sd", rule.k_sd, channel.positive_sd),
            ("positive_times", rule.factor, channel.positive_times),
        ):
            if wanted != has:
                yield Finding(
                    keys,
                    f"counts pixels by {key} {wanted:g}, and panel {panel.name} measures "
                    f"{name} with {has:g}",
                    f"write {key}: {wanted:g} into the channel {name} of the panel",
                )
        if panel.spillover != "none":
            yield Finding(
                keys,
                f"is a share of pixels, and panel {panel.name} has spillover",
                "write spillover: none into the panel, or give a cut of grey levels",
            )
