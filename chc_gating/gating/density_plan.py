"""Which densities show a gates file: every gate over its parent, and the markers of the calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from chc_gating.gating.compile_rules import find_channel
from chc_gating.gating.file_channels import FileChannels
from chc_gating.gating.plan import Axis, DensityPlan
from chc_gating.model.expression import parse_expression
from chc_gating.model.gates import ROOT, Gates, PopulationGate
from chc_gating.model.imported_gates import UNCOMPENSATED, ImportedGate

BINS = 128
"""Bins along each axis: enough for a plot, and a file of 64 KB before compression."""

Pair = tuple[str, str, str, bool]
"""Population, two panel channels, and whether they are drawn uncompensated."""


def plan_densities(
    gates: Gates, *, order: Sequence[str], file: FileChannels
) -> tuple[DensityPlan, ...]:
    """Return the densities to fill, each pair of channels once per population.

    A gate is drawn over its parent: its channels two by two, a single channel and the markers of
    a `when` against a scatter channel (on slides DNA); an imported gate where the panel lists its
    channels; a boolean gate not at all. The phenotype population is drawn with the leukocyte
    marker across and each epithelial marker up. Without cuts or without populations a lab is still
    looking for them: all events are drawn in scatter and DNA, and the phenotype population in
    every marker against the leukocyte marker (on slides DNA).
    """
    pairs: list[Pair] = []
    for name in order[1:]:
        gate = gates.populations[name]
        if gate.imported is not None:
            pairs += _imported_pairs(gate.parent, gate.imported, file)
            continue
        raw = gate.scale == "raw" or gate.margins is not None
        pairs += [(gate.parent, x, y, raw) for x, y in _gate_pairs(gate, file)]
    pairs += [(gates.phenotype, x, y, False) for x, y in _phenotype_pairs(file)]
    if not gates.populations or not (gates.cuts or gates.markers):
        drawn = {(name, frozenset((x, y))) for name, x, y, _ in pairs}
        search = [(ROOT, x, y, False) for x, y in _scatter_pairs(file)]
        search += [(gates.phenotype, x, y, False) for x, y in _marker_pairs(file)]
        pairs += [p for p in search if (p[0], frozenset(p[1:3])) not in drawn]
    present = [p for p in dict.fromkeys(pairs) if None not in (file.find(p[1]), file.find(p[2]))]
    return tuple(
        DensityPlan(name, _axis(x, raw=raw, file=file), _axis(y, raw=raw, file=file))
        for name, x, y, raw in present
    )


def _gate_pairs(gate: PopulationGate, file: FileChannels) -> Iterator[tuple[str, str]]:
    if gate.when is not None:
        markers = parse_expression(gate.when).markers
        channels = tuple(file.panel.markers[marker] for marker in markers)
    else:
        channels = gate.channels
        if len(channels) > 1:
            yield from pairwise(channels)
            return
    for channel in channels:
        partner = _partner(channel, file)
        if partner is not None:
            yield channel, partner


def _imported_pairs(parent: str, gate: ImportedGate, file: FileChannels) -> list[Pair]:
    """Return the pairs of an imported gate's channels, by the panel's names for them."""
    names = {file.find(name): name for name in file.panel.channels}
    drawn = [
        (names.get(find_channel(d.channel, file)), d.compensation == UNCOMPENSATED)
        for d in gate.dimensions
        if d.channel is not None
    ]
    known = [(name, raw) for name, raw in drawn if name is not None]
    if len(known) == 1:
        (name, raw), partner = known[0], _partner(known[0][0], file)
        return [] if partner is None else [(parent, name, partner, raw)]
    return [(parent, x, y, raw) for (x, raw), (y, y_raw) in pairwise(known) if raw == y_raw]


def _partner(channel: str, file: FileChannels) -> str | None:
    """Return the channel that a single one is drawn against: side scatter before others."""
    panel = file.panel
    scatter = panel.channels_with_role("scatter")
    side = [name for name in scatter if name.upper().startswith("SSC")]
    choices = [*side, *scatter, *panel.channels_with_role("dna"), *panel.markers.values()]
    return next((c for c in choices if c != channel and file.find(c) is not None), None)


def _phenotype_pairs(file: FileChannels) -> Iterator[tuple[str, str]]:
    panel = file.panel
    epithelial = [panel.markers[m] for m in panel.markers_with_role("epithelial")]
    leukocyte = [panel.markers[m] for m in panel.markers_with_role("leukocyte")]
    if leukocyte:
        yield from ((leukocyte[0], up) for up in epithelial)
    else:
        yield from pairwise(epithelial)


def _scatter_pairs(file: FileChannels) -> Iterator[tuple[str, str]]:
    """Yield the pairs in which gates are found: scatter, areas against heights, DNA."""
    panel = file.panel
    scatter = panel.channels_with_role("scatter")
    heights = {name: name[:-2] + "-H" for name in scatter if name.upper().endswith("-A")}
    yield from pairwise(name for name in scatter if not name.upper().endswith(("-H", "-W")))
    yield from ((area, height) for area, height in heights.items() if height in scatter)
    for channel in panel.channels_with_role("dna") if panel.modality == "flow" else ():
        partner = _partner(channel, file)
        if partner is not None:
            yield channel, partner


def _marker_pairs(file: FileChannels) -> Iterator[tuple[str, str]]:
    """Yield the pairs in which cuts are found: every marker against leukocytes, or DNA."""
    panel = file.panel
    names = (*panel.markers_with_role("leukocyte"), *panel.markers)
    across = [panel.markers[name] for name in names]
    if panel.modality == "image":
        across = [*panel.channels_with_role("dna"), *across]
    yield from ((across[0], up) for up in panel.markers.values() if up != across[0])


def _axis(channel: str, *, raw: bool, file: FileChannels) -> Axis:
    panel = file.panel
    index = file.index(channel)
    linear = panel.modality == "flow" and panel.channels[channel].role in ("scatter", "time")
    return Axis(
        channel=channel,
        value=index + len(file.names) if raw else index,
        transform=None if linear else panel.transform,
        known_range=panel.modality == "flow",
    )
