"""Cuts from controls on an acquisition: which it is given, and what its events make of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from chc_gating.counting.control_tails import find_control_depth, find_false_events_upper
from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.result import GatingResult
from chc_gating.model.acquisition import AppliedCut
from chc_gating.model.control_cuts import FALSE_EVENTS_ALLOWED, CutControl
from chc_gating.model.cutoffs import Cutoffs
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.storage.records import read_record

_LOG = logging.getLogger(__name__)


def require_cutoffs(path: Path | None, gates: Gates) -> None:
    """Raise ChcError where the gates take cuts from controls, and there is no cutoffs.json."""
    if path is None and gates.control_cuts:
        names = ", ".join(gates.control_cuts)
        raise ChcError(
            f"gates {gates.name}: cuts of {names} are taken from controls; run chc cutoffs on "
            "them and give the result with --cutoffs"
        )


def read_cutoffs(path: Path | None, panel: Panel, gates: Gates) -> dict[str, AppliedCut]:
    """Return, by marker, the cuts that the gates take from controls; none: empty.

    Raises ChcError where there is no cutoffs.json, or one of another rule; RawFileError with its
    reason where the controls gave no cuts.
    """
    require_cutoffs(path, gates)
    if path is None or not gates.control_cuts:
        return {}
    record = read_record(path, Cutoffs)
    if record.status != "counted":
        raise RawFileError(record.reason or "the controls gave no cuts")
    found = {cut.marker: cut for cut in record.cuts}
    for marker in gates.control_cuts:
        if marker not in found or not _follows(found[marker], panel, gates):
            raise ChcError(
                f"{path}: has no cut of {marker} by the rule that gates {gates.name} give for "
                f"panel {panel.name}; run chc cutoffs again"
            )
    return {marker: found[marker] for marker in gates.control_cuts}


def _follows(cut: AppliedCut, panel: Panel, gates: Gates) -> bool:
    """Whether a cut was made by the rule that the gates give now."""
    rule, control = gates.cuts[cut.marker], cut.control
    if control is None or cut.channel != panel.markers.get(cut.marker):
        return False
    asked = rule.of_control
    made_by = (control.kind, control.quantile, control.plus_sd)
    place = control.quantile_value + control.plus_sd * control.sd
    return made_by == (rule.control_kind, asked.quantile, asked.plus_sd) and asked.edges(place) == (
        cut.low,
        cut.high,
    )


def judge_cutoffs(result: GatingResult) -> tuple[GatingResult, tuple[str, ...]]:
    """Return the result, its cuts from controls held against its own events, and draw flags.

    A cut by which more than 1 false event is expected is warned of in the log as well.
    """
    cuts = tuple(_judge(cut, result.phenotype_events) for cut in result.cuts)
    flags = []
    for cut in cuts:
        control = cut.control
        if control is None:
            continue
        if (control.expected_false or 0) > FALSE_EVENTS_ALLOWED:
            flags.append("false_events_expected")
            _LOG.warning(
                "cut of %s: %.3g false events expected among %s above the %g quantile of its %s "
                "control",
                *(cut.marker, control.expected_false, f"{result.phenotype_events:,}"),
                *(control.quantile, control.kind),
            )
        if control.events < (control.events_needed or 0):
            flags.append("control_too_shallow")
    return replace(result, cuts=cuts), tuple(dict.fromkeys(flags))


def _judge(cut: AppliedCut, sample_events: int) -> AppliedCut:
    control = cut.control
    if control is None:
        return cut
    return cut.model_copy(update={"control": _hold_against(control, sample_events)})


def _hold_against(control: CutControl, sample_events: int) -> CutControl:
    return control.model_copy(
        update={
            "sample_events": sample_events,
            "expected_false": sample_events * (1 - control.quantile),
            "false_upper95": find_false_events_upper(
                control.events_at_or_above, control.events, sample_events
            ),
            "events_needed": find_control_depth(sample_events, FALSE_EVENTS_ALLOWED),
        }
    )
