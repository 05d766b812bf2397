"""What could explain a slide's candidate, in words: doubts first, then what was measured."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.control_cuts import FALSE_EVENTS_ALLOWED, CutControl
from chc_gating.model.events import FloatArray
from chc_gating.model.panel import Panel
from chc_gating.reporting.numerals import format_amount
from chc_gating.reporting.sentences import describe_flag

_QUIET = frozenset({"touches_neighbour"})
"""Flags that a more telling one stands for on a card, where it is there."""


_SOLID = 0.93
"""A nucleus of at least this solidity is not notched, and its solidity no news."""


@dataclass(frozen=True)
class Explained:
    """A candidate's doubts, one sentence each, and (what, value) pairs of what was measured."""

    doubts: tuple[str, ...]
    measured: tuple[tuple[str, str], ...]


def explain_candidate(
    columns: Mapping[str, FloatArray],
    row: int,
    *,
    flags: Sequence[str],
    panel: Panel,
    positive: Collection[str],
) -> Explained:
    """Return a candidate's doubts and measurements; what is not known is left out.

    positive : channels whose marker is positive; light of neighbours matters to these only.
    """
    values = {name: float(column[row]) for name, column in columns.items()}
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    shown = [f for f in flags if f not in _QUIET or "neighbour_spill" not in flags]
    return Explained(
        doubts=tuple(describe_flag(flag) for flag in shown),
        measured=tuple(_measured(values, panel, positive)),
    )


def _measured(
    values: Mapping[str, float], panel: Panel, positive: Collection[str]
) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if "diameter_um" in values:
        lines.append(("across", f"{values['diameter_um']:.0f} um"))
    if "nearest_leukocyte_um" in values:
        text = f"{values['nearest_leukocyte_um']:.0f} um"
        if "chance_leukocyte_nearer" in values:
            text += f" (as near by chance: {_percent(values['chance_leukocyte_nearer'])})"
        lines.append(("next leukocyte", text))
    shares = [
        f"{_marker(name, panel)} {_percent(value)}"
        for name, value in values.items()
        if name.startswith("spill_share:") and name.partition(":")[2] in positive
    ]
    if shares:
        lines.append(("neighbours light its ring by", ", ".join(shares)))
    for name, value in values.items():
        if name.startswith("spill_p:") and name.partition(":")[2] in positive:
            lines.append((f"{_marker(name, panel)} by neighbours' chance", f"p {value:.2g}"))
        if name.startswith("ring_positive_fraction:"):
            lines.append((f"{_marker(name, panel)} positive in", f"{_percent(value)} of its ring"))
    if "dna_relative" in values:
        lines.append(("DNA", f"{format_amount(values['dna_relative'])} x a leukocyte's"))
    if "focus_relative" in values:
        lines.append(("sharpness", f"{format_amount(values['focus_relative'])} x a leukocyte's"))
    if values.get("nuclei_in_contact", 1) > 1:
        lines.append(("nuclei in contact", f"{values['nuclei_in_contact']:.0f}"))
    if values.get("solidity", 1.0) < _SOLID:
        lines.append(("solidity", f"{values['solidity']:.2f}"))
    return lines


def _marker(column: str, panel: Panel) -> str:
    channel = column.partition(":")[2]
    known = panel.channels.get(channel)
    return channel if known is None or known.marker is None else known.marker


def _percent(share: float) -> str:
    return "over 999 %" if share > 9.99 else f"{100 * share:.0f} %"


def describe_control(control: CutControl) -> str:
    """Return what a control gave, and what it supports for the events that it was applied to."""
    plus = "" if control.plus_sd == 0 else f" plus {control.plus_sd:g} robust SD"
    words = (
        f"{control.kind} control {', '.join(control.files)}: {control.quantile:g} quantile"
        f" ({format_amount(control.quantile_value)}){plus}, median {format_amount(control.level)}"
        f" and robust SD {format_amount(control.sd)} of {control.events:,} events, of which"
        f" {control.events_at_or_above:,} at or above the cut"
    )
    if (
        control.sample_events is None
        or control.expected_false is None
        or control.false_upper95 is None
        or control.events_needed is None
    ):
        return words
    warning = "; MORE THAN 1 FALSE EVENT" if control.expected_false > FALSE_EVENTS_ALLOWED else ""
    depth = (
        "deep enough"
        if control.events >= control.events_needed
        else f"too shallow: {control.events_needed:,} events would show at most 1"
    )
    return (
        f"{words}; false events among {control.sample_events:,} here by the quantile "
        f"{format_amount(control.expected_false)}{warning}, by the control's own at most "
        f"{format_amount(control.false_upper95)} (95 %), {depth}"
    )


def describe_cut_source(cut: AppliedCut) -> str:
    """Return where a cut comes from, with the background or control that it was found from."""
    if cut.control is not None:
        return describe_control(cut.control)
    found = cut.background
    if found is None:
        return cut.source
    times = "" if found.factor == 1 else f", times {found.factor:g}"
    what = (
        f"median {format_amount(found.level)} and robust SD {format_amount(found.sd)} of "
        f"{found.cells:,} cells"
        if found.of == "cells"
        else f"grey level {format_amount(found.level)} and robust SD {format_amount(found.sd)} "
        "of the pixels outside cells"
    )
    rule = f"{found.k_sd:g} SD above the slide's own background{times}: {what}"
    if found.fraction is not None:
        rule = f"at least {_percent(found.fraction)} of its pixels {rule}"
    share = 100 * found.positive_share
    end = "; MOST CELLS LOOK POSITIVE: do not trust it" if found.doubtful else ""
    tail = "" if found.tail_share is None else f" (a normal tail: {100 * found.tail_share:.2g} %)"
    return f"{rule}; {share:.2g} % of cells positive{tail}{end}"
