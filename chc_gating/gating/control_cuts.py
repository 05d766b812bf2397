"""Cuts from controls: a quantile of the values that events have without the stain, and more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from chc_gating.errors import RawFileError
from chc_gating.gating.background_cuts import MAD_TO_SD
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.gates_above import gates_above
from chc_gating.gating.members import read_members
from chc_gating.gating.quantiles import Values, find_quantiles
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.control_cuts import CutControl
from chc_gating.model.events import EventStream, FloatArray
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover


def read_control(
    stream: EventStream,
    panel: Panel,
    gates: Gates,
    *,
    marker: str,
    spillover: Spillover | None,
    file_spillover: Spillover | None = None,
    beads: Sequence[str] = (),
) -> Values:
    """Return a reader of a control's values of a marker, in its phenotype population.

    They are compensated by ``spillover``; the control's events go through the gates as a
    sample's do. ``beads`` are populations whose events are left out. Raises as `compile_gates`
    and `gates_above` do.
    """
    plan = compile_gates(
        panel,
        gates_above(gates, also=beads),
        channels=stream.channels,
        labels=stream.labels,
        spillover=spillover,
        file_spillover=file_spillover,
    )
    return read_members(stream, plan, channel=panel.markers[marker], excluded=beads)


def find_control_cut(
    controls: Sequence[Values],
    gates: Gates,
    *,
    marker: str,
    channel: str,
    files: Sequence[str],
    min_events: int,
) -> AppliedCut:
    """Return the cut that a marker's controls give: quantile + plus_sd * SD of all their events.

    The SD is 1.4826 times the median absolute deviation.

    Raises RawFileError where the controls together have fewer events than ``min_events``, or none.
    """
    cut = gates.cuts[marker]
    kind, rule = cut.control_kind, cut.of_control
    if kind is None:
        raise AssertionError("of_control says so")

    def values() -> Iterator[FloatArray]:
        return chain.from_iterable(read() for read in controls)

    events, (top, level) = find_quantiles(values, (rule.quantile, 0.5))
    if events < max(min_events, 1):
        raise RawFileError(
            f"the {kind} control of {marker}, {', '.join(files)}, has {events:,} events of "
            f"population {gates.phenotype}, fewer than the {max(min_events, 1):,} that a cut is "
            "taken from (settings.min_events); give a deeper control"
        )

    def distances() -> Iterator[FloatArray]:
        return (np.abs(batch - level) for batch in values())

    sd = MAD_TO_SD * find_quantiles(distances, (0.5,))[1][0]
    low, high = rule.edges(top + rule.plus_sd * sd)
    return AppliedCut(
        marker=marker,
        channel=channel,
        low=low,
        high=high,
        source=f"{kind} control",
        control=CutControl(
            kind=kind,
            files=tuple(files),
            quantile=rule.quantile,
            plus_sd=rule.plus_sd,
            quantile_value=top,
            level=level,
            sd=sd,
            events=events,
            events_at_or_above=sum(int(np.count_nonzero(b >= high)) for b in values()),
        ),
    )
