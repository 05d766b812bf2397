"""Gates, cuts and spillover to one flat gate plan. Reads no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from chc_gating.errors import ChcError
from chc_gating.gating.compile_rules import PANEL, RuleContext, chain_bits
from chc_gating.gating.density_plan import plan_densities
from chc_gating.gating.file_channels import FileChannels
from chc_gating.gating.mixtures import mix_imported, mix_panel
from chc_gating.gating.plan import GatePlan, freeze
from chc_gating.gating.populations import CompiledGate, compile_population, order_populations
from chc_gating.gating.refuse import refuse_unbuilt
from chc_gating.gating.tables import MarkerTables, apply_cuts, build_tables, place_cuts
from chc_gating.gating.terms import build_terms
from chc_gating.kernels.plan_arrays import NONE, IntArray, PlanArrays
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.gates import ROOT, Gates
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover


def compile_gates(
    panel: Panel,
    gates: Gates,
    *,
    channels: Sequence[str],
    labels: Sequence[str | None],
    spillover: Spillover | None,
    bead_population: str | None = None,
    file_spillover: Spillover | None = None,
    found_cuts: Mapping[str, AppliedCut] = {},
) -> GatePlan:
    """Return the gate plan of a panel and a gates file for a file's channels.

    file_spillover : the file's own, which imported gates mean by ``FCS``; None where it has none.
    channels, labels : the file's m channel names and further names ($PnN and $PnS).
    found_cuts : by marker, the cuts that were found on this slide, which win over the gates'.
    bead_population : the population of counting beads; its events get no phenotype.

    Raises RawFileError where the file lacks a channel that gates or markers use, or that the
    spillover names; ChcError for what is wrong in panel, gates or spillover, or not built yet.
    """
    refuse_unbuilt(gates, found=found_cuts)
    order = order_populations(gates)
    _check_populations(gates, order, bead_population)
    tables = build_tables(panel, gates)
    cuts = apply_cuts(tables.markers, panel, gates, found=found_cuts)
    file = FileChannels(panel, channels=channels, labels=labels)
    used = [c for gate in gates.populations.values() for c in gate.channels]
    file.require([*used, *(panel.markers[marker] for marker in tables.markers)])
    terms = build_terms(spillover, channels=channels, labels=labels)
    mixtures = mix_imported(gates, file=file, file_spillover=file_spillover)
    context = RuleContext(gates, order, file, {**mixtures, PANEL: mix_panel(terms)})
    compiled = [
        compile_population(name, gates, context=context, rules=tables.rules) for name in order
    ]
    bead = NONE if bead_population is None else order.index(bead_population)
    arrays = _pack(compiled, tables, cuts, context=context, terms=terms)
    return GatePlan(
        channels=tuple(channels),
        channel_names=file.panel_names,
        population_names=order,
        population_parents=tuple(None if g.parent == NONE else order[g.parent] for g in compiled),
        phenotype=gates.phenotype,
        phenotypes=tables.phenotypes,
        nucleated=_nucleated(panel, gates),
        bead=bead_population,
        cuts=cuts,
        densities=plan_densities(gates, order=order, file=file),
        sensitive=not gates.markers,
        arrays=freeze(arrays._replace(phenotype=order.index(gates.phenotype), bead=bead)),
        rules={p: gate.rule for p, gate in enumerate(compiled) if gate.rule is not None},
    )


def _check_populations(gates: Gates, order: Sequence[str], bead_population: str | None) -> None:
    named = {
        **{f"markers.{m}.positive": p.positive for m, p in gates.markers.items()},
        **{f"markers.{m}.negative": p.negative for m, p in gates.markers.items()},
        "phenotype": gates.phenotype,
        "nucleated": gates.nucleated,
        "bead_population": bead_population,
    }
    for key, name in named.items():
        if name is not None and name not in order:
            raise ChcError(
                f"gates {gates.name}: {key}: there is no population {name}; "
                f"there are {', '.join(order)}"
            )
    if ROOT in gates.populations:
        raise ChcError(f"gates {gates.name}: {ROOT} stands for all events; rename that population")


def _nucleated(panel: Panel, gates: Gates) -> str | None:
    if gates.nucleated is not None:
        return gates.nucleated
    known = panel.modality == "image" or bool(panel.channels_with_role("dna"))
    return gates.phenotype if known else None


def _pack(
    compiled: Sequence[CompiledGate],
    tables: MarkerTables,
    cuts: tuple[AppliedCut, ...],
    *,
    context: RuleContext,
    terms: tuple[IntArray, IntArray, np.ndarray],
) -> PlanArrays:
    """Return the plan's arrays, with the phenotype and bead populations still to be put in."""
    sides = [side for gate in compiled for side in gate.sides]
    file, gates, order = context.file, context.gates, context.order
    marker_channel = _integers(file.index(file.panel.markers[m]) for m in tables.markers)
    stands_for = [_populations_of(marker, gates, order) for marker in tables.markers]
    first, detector, weight = terms
    place = {marker: k for k, marker in enumerate(tables.markers)}
    entries = [entry for _, entry in tables.entries]
    return PlanArrays(
        term_first=first,
        term_detector=detector,
        term_weight=weight,
        gate_kind=_integers(gate.kind for gate in compiled),
        gate_parent=_integers(gate.parent for gate in compiled),
        gate_first=_starts(len(gate.sides) for gate in compiled),
        gate_table=_integers(gate.table for gate in compiled),
        side_value=_integers(side.value for side in sides),
        side_bounds=np.array([(s.low, s.high) for s in sides], dtype=np.float64).reshape(-1, 2),
        table_first=_starts(len(markers) for markers, _ in tables.entries),
        table_marker=_integers(place[m] for markers, _ in tables.entries for m in markers),
        table_offset=_starts(len(entry) for entry in entries),
        table_entry=np.concatenate([*entries, np.empty(0, dtype=np.int16)]),
        marker_channel=marker_channel,
        cuts=place_cuts(tables.markers, cuts),
        factor=np.ones(len(file.names)),
        saturation=np.full(len(file.names), np.inf),
        phenotype=NONE,
        phenotype_table=NONE if tables.phenotypes is None else len(entries) - 1,
        bead=NONE,
        marker_population=_integers(q for pair, _ in stands_for for q in pair).reshape(-1, 2),
        marker_chain=np.array(
            [chain for _, chains in stands_for for chain in chains], dtype=np.uint64
        ).reshape(-1, 2),
    )


def _populations_of(
    marker: str, gates: Gates, order: Sequence[str]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the populations of a marker's positive and negative call, and the bits above them.

    (NONE, NONE) for a marker that has a cut.
    """
    if marker not in gates.markers:
        return (NONE, NONE), (0, 0)
    named = gates.markers[marker].positive, gates.markers[marker].negative
    places = [NONE if name is None else order.index(name) for name in named]
    chains = [0 if name is None else chain_bits(name, gates, order) for name in named]
    return (places[0], places[1]), (chains[0], chains[1])


def _integers(values: Iterable[int]) -> IntArray:
    return np.array(list(values), dtype=np.int64)


def _starts(lengths: Iterable[int]) -> IntArray:
    """Return where consecutive runs of these lengths start, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(list(lengths))]).astype(np.int64)
