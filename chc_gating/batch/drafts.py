"""Drafts of panels and gates files as text, for a person to finish."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chc_gating.batch.guesses import find_fluorochrome, guess_role, make_marker
from chc_gating.model.panel import Channel, Modality, Panel, Role

_SIMPLE = re.compile(r"[A-Za-z](?:[\w .()/-]*[\w)])?")
_YAML_WORDS = ("true", "false", "null")

EXAMPLE_PANEL = Panel(
    name="chc4",
    channels={
        "FSC-A": Channel(role="scatter"),
        "FSC-H": Channel(role="scatter"),
        "SSC-A": Channel(role="scatter"),
        "APC-A": Channel(role="leukocyte", marker="CD45"),
        "PE-A": Channel(role="epithelial", marker="EPCAM"),
        "FITC-A": Channel(role="epithelial", marker="CK"),
        "BV421-A": Channel(role="viability", marker="VIA"),
        "Time": Channel(role="time"),
    },
)


def draft_panel(
    name: str,
    modality: Modality,
    *,
    channels: Sequence[str],
    labels: Sequence[str | None],
    spillover: str,
) -> Panel:
    """Return a panel of a file's channels, with markers from their labels and guessed roles."""
    drafted: dict[str, Channel] = {}
    used: set[str] = set()
    for channel, label in zip(channels, labels, strict=True):
        is_slide = modality == "image"
        named = make_marker(channel) if is_slide else make_marker(label, channel=channel)
        role = guess_role(channel, named, modality)
        free = role not in ("scatter", "time") and named is not None and named not in used
        # A channel's area, height and width share a label; the first stands for the marker.
        marker = named if free else None
        used.update([marker] if marker else [])
        needs_marker = role in ("epithelial", "leukocyte", "viability", "dump")
        fallback: Role = "other" if needs_marker and marker is None else role
        dye = None if is_slide or marker is None else find_fluorochrome(label)
        drafted[channel] = Channel(role=fallback, marker=marker, fluorochrome=dye)
    return Panel(name=name, modality=modality, spillover=spillover, channels=drafted)


def write_panel(panel: Panel) -> str:
    """Return a panel as YAML."""
    lines = [
        "# Markers and roles: look at each. Roles: epithelial, leukocyte, dna, viability, dump,",
        "# bead, scatter, time, other. Every key is explained in config/README.md.",
        f"modality: {panel.modality}",
        f"spillover: {panel.spillover}",
        "channels:",
    ]
    for name, channel in panel.channels.items():
        marker = f"marker: {_quote(channel.marker)}, " if channel.marker else ""
        dye = f", fluorochrome: {_quote(channel.fluorochrome)}" if channel.fluorochrome else ""
        lines.append(f"  {_quote(name)}: {{{marker}role: {channel.role}{dye}}}")
    return "\n".join(lines) + "\n"


_NO_CUTS = (
    "# Without cuts nothing is counted: the pages show densities, from which a lab takes cuts."
)
_FLOW_EXAMPLE = (
    "populations:                      # evaluated top down; bounds are [low, high)",
    "  intact: {rectangle: {FSC-A: [30000, null]}}",
    "  viable: {parent: intact, when: VIA-}",
    "phenotype: viable                 # the population whose events get a phenotype",
    "cuts:                             # compensated linear units",
    "  CD45: {fixed: 2000, indeterminate: [1500, 2500]}",
)
_SLIDE_EXAMPLE = (
    "cuts:                             # grey levels, background subtracted, compensated",
    "  CD45: {fixed: 400, indeterminate: [300, 500]}",
    "  CK: {background: {k_sd: 3}}     # from the slide's own negative majority",
)


def write_gates(panel: Panel) -> str:
    """Return gates without cuts for a panel, with phenotypes where its roles allow them."""
    example = _SLIDE_EXAMPLE if panel.modality == "image" else _FLOW_EXAMPLE
    lines = [_NO_CUTS, *(f"# {line}" for line in example), "phenotype: all"]
    rules = draft_phenotypes(panel)
    if rules:
        lines += ["phenotypes:", *(f"  {name}: {rule}" for name, rule in rules.items())]
    else:
        lines += ["# phenotypes:", "#   CHC: CD45+ and (EPCAM+ or CK+)"]
    return "\n".join(lines) + "\n"


def draft_phenotypes(panel: Panel) -> Mapping[str, str]:
    """Return CHC, CTC and leukocyte by the panel's roles; none where a role has no marker."""
    leukocyte = panel.markers_with_role("leukocyte")
    epithelial = panel.markers_with_role("epithelial")
    if len(leukocyte) != 1 or not epithelial:
        return {}
    any_of = " or ".join(f"{name}+" for name in epithelial)
    any_of = f"({any_of})" if len(epithelial) > 1 else any_of
    none_of = " and ".join(f"{name}-" for name in epithelial)
    white = leukocyte[0]
    return {
        "CHC": f"{white}+ and {any_of}",
        "CTC": f"{white}- and {any_of}",
        "leukocyte": f"{white}+ and {none_of}",
    }


def _quote(text: str) -> str:
    import json

    if _SIMPLE.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
