"""`chc cutoffs`: the cuts that a gates file takes from controls, slides or tubes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.gates import load_gates
from chc_gating.batch.panels import load_panel
from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.control_cuts import find_control_cut
from chc_gating.gating.quantiles import Values
from chc_gating.imaging.records import Measurement
from chc_gating.model.acquisition import AppliedCut, InputFile
from chc_gating.model.control_cuts import CutControlKind, serves
from chc_gating.model.cutoffs import Cutoffs
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.reporting.explanations import describe_control
from chc_gating.stages.acquisition import describe_rule_files
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record

MIN_EVENTS = 1000
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ControlSource:
    """A control: its kind, the marker that it is for, and where it lies.

    marker : None for every marker; an FMO control names one.
    path : the FCS file of a tube; of a slide, the folder that `chc measure` wrote.
    """

    kind: CutControlKind
    marker: str | None
    path: Path


def cutoffs(
    controls: Sequence[ControlSource],
    *,
    panel: Path,
    gates: Path,
    output: Path,
    spillover: Path | None = None,
    beads: Sequence[str] = (),
    min_events: int = MIN_EVENTS,
    record_faults: bool = False,
) -> None:
    """Write cutoffs.json: a cut for every marker that the gates take from a control.

    Events of several controls of one marker are one heap; one that names the marker goes before
    one that names none. ``spillover`` is the spillover.json that the panel asks for; ``beads`` are
    populations of a tube whose events are left out.

    Raises ConfigError for faults of panel and gates; ChcError where a control serves no cut;
    RawFileError where a cut has no control, or a control cannot be read or has fewer than
    ``min_events`` events, unless ``record_faults`` makes that a result.
    """
    the_panel = load_panel(panel)
    the_gates = load_gates(gates, panel=the_panel)
    _refuse_needless(controls, the_gates)
    open_controls = [_open(c, the_panel, spillover=spillover, beads=beads) for c in controls]
    found: list[AppliedCut] = []
    faults: list[str] = []
    for marker, kind in the_gates.control_cuts.items():
        try:
            chosen = _choose(open_controls, marker, kind, gates=the_gates)
            found.append(
                find_control_cut(
                    [control.read(the_gates, marker) for control in chosen],
                    the_gates,
                    marker=marker,
                    channel=the_panel.markers[marker],
                    files=[control.raw.path for control in chosen],
                    min_events=min_events,
                )
            )
        except RawFileError as error:
            if not record_faults:
                raise
            faults.append(str(error))
    _tell(found)
    write_record(
        output,
        Cutoffs(
            software_version=software_version(),
            inputs=(
                *(control.raw for control in open_controls),
                *describe_rule_files(panel, gates, source=the_gates.file, spillover=spillover),
            ),
            parameters={"min_events": min_events, "beads": ", ".join(beads) or None},
            panel=the_panel.name,
            gates=the_gates.name,
            status="not_counted" if faults else "counted",
            reason="; ".join(dict.fromkeys(faults)) or None,
            cuts=() if faults else tuple(found),
        ),
    )


def _tell(cuts: Sequence[AppliedCut]) -> None:
    """Log what was found, and warn of quantiles that a control is too shallow to show."""
    for cut in cuts:
        control = cut.control
        if control is None:
            continue
        _LOG.info("cut of %s: %s", cut.marker, describe_control(control))
        if control.events * (1 - control.quantile) < 1:
            _LOG.warning(
                "cut of %s: its %s control has %s events, and the %g quantile is about the "
                "brightest of them",
                *(cut.marker, control.kind, f"{control.events:,}", control.quantile),
            )


@dataclass(frozen=True)
class _OpenControl:
    """A control with its raw file, and how a marker's values are read from it."""

    source: ControlSource
    raw: InputFile
    read: Callable[[Gates, str], Values]


def _open(
    source: ControlSource, panel: Panel, *, spillover: Path | None, beads: Sequence[str]
) -> _OpenControl:
    role = source.kind if source.marker is None else f"{source.kind} {source.marker}"
    if panel.modality == "image":
        from chc_gating.stages.control_cells import read_control_slide

        record = read_record(source.path / layout.MEASUREMENT, Measurement)
        raw = next(file for file in record.inputs if file.role == "raw")
        return _OpenControl(
            source,
            raw.model_copy(update={"role": role}),
            lambda gates, marker: read_control_slide(
                source.path, record, panel, gates, marker=marker, spillover=spillover
            ),
        )
    from chc_gating.stages.control_tubes import read_control_tube

    return _OpenControl(
        source,
        describe_input(role, source.path),
        lambda gates, marker: read_control_tube(
            source.path, panel, gates, marker=marker, spillover=spillover, beads=beads
        ),
    )


def _refuse_needless(controls: Sequence[ControlSource], gates: Gates) -> None:
    asked = gates.control_cuts.items()
    if not asked:
        raise ChcError(
            f"gates {gates.name}: no cut is taken from a control; write one, such as "
            "CK: {fmo: {quantile: 0.9999, plus_sd: 3}}, or leave chc cutoffs out"
        )
    for control in controls:
        if not any(serves(control, marker, kind) for marker, kind in asked):
            raise ChcError(
                f"{control.path}: gates {gates.name} take no cut"
                + ("" if control.marker is None else f" of {control.marker}")
                + f" from the {control.kind} control; leave it out, or write it into the gates"
            )


def _choose(
    controls: Sequence[_OpenControl], marker: str, kind: CutControlKind, *, gates: Gates
) -> list[_OpenControl]:
    serving = [control for control in controls if serves(control.source, marker, kind)]
    named = [control for control in serving if control.source.marker is not None]
    if not serving:
        raise RawFileError(
            f"gates {gates.name} take the cut of {marker} from the {kind} control, and this "
            "control set has none; add its row to the sheet of controls"
        )
    return named or serving
