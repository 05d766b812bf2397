"""Cuts that are found, on a slide or from controls: on which panels and populations they can be."""

from __future__ import annotations

from collections.abc import Iterator

from chc_gating.batch.findings import Finding
from chc_gating.model.expression import ExpressionError, parse_expression
from chc_gating.model.gates import Cut, Gates
from chc_gating.model.panel import Panel
from chc_gating.model.segmentation import LABEL_METHODS


def check_deciding_cuts(gates: Gates) -> Iterator[Finding]:
    """Yield cuts that are found among the phenotype population's events, and decide it as well."""
    cuts = gates.cuts.items()
    found = {m for m, cut in cuts if cut.control_kind is not None or cut.is_found_on_slide}
    above = gates.populations_above(gates.phenotype)
    for name, gate in gates.populations.items():
        if gate.when is None or name not in above:
            continue
        try:
            markers = parse_expression(gate.when).markers
        except ExpressionError:
            continue  # told by its own line
        for marker in markers:
            if marker in found:
                yield Finding(
                    ("cuts", marker, gates.cuts[marker].source),
                    f"is found among the events of {gates.phenotype}, which population {name} "
                    f"decides by {marker} itself",
                    "give a fixed cut",
                )


def check_slide_cuts(gates: Gates, panel: Panel) -> Iterator[Finding]:
    """Yield cuts that this panel's files cannot give."""
    for marker, cut in gates.cuts.items():
        if marker not in panel.markers:
            continue
        if cut.control_kind is not None:
            yield from _check_control_cut(marker, cut, panel)
        if cut.is_found_on_slide:
            yield from _check_slide_cut(marker, cut, panel)


def _check_control_cut(marker: str, cut: Cut, panel: Panel) -> Iterator[Finding]:
    choice = panel.segmentation
    if choice is not None and choice.method in LABEL_METHODS:
        yield Finding(
            ("cuts", marker, cut.source),
            f"nuclei of a control slide are found by this program, and panel {panel.name} says "
            f"method: {choice.method}",
            "write segmentation: {method: network} into the panel, or give a fixed cut",
        )


def _check_slide_cut(marker: str, cut: Cut, panel: Panel) -> Iterator[Finding]:
    keys = ("cuts", marker, cut.source)
    if panel.modality != "image":
        yield Finding(
            keys,
            f"is found on slides, and panel {panel.name} is of modality {panel.modality}",
            "give a fixed cut",
        )
        return
    name = panel.markers[marker]
    channel = panel.channels[name]
    rule = cut.background_of(channel.role)
    if rule.fraction is None:
        return
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
