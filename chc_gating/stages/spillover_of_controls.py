"""`chc spillover --single-stain`: a slide panel's spillover from slides of one stain each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chc_gating.batch.panels import load_panel
from chc_gating.compensation import invert_spillover
from chc_gating.compensation.single_stain import fit_row, join_rows
from chc_gating.errors import ChcError, ConfigError, Fault, RawFileError
from chc_gating.imaging.bright_pixels import sample_bright
from chc_gating.imaging.slide import open_slide
from chc_gating.model.acquisition import SpilloverResult
from chc_gating.model.events import FloatArray
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover
from chc_gating.stages.segment import find_dna_channel
from chc_gating.stages.spillover import describe_spillover
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import write_record

SingleStain = tuple[str, Path]
"""A marker, and the slide that carries its stain alone (and DNA's)."""


def spillover_of_controls(
    slides: Sequence[SingleStain], *, panel: Path, output: Path, record_faults: bool = False
) -> None:
    """Write spillover.json of a slide panel, a row for each marker that has a control.

    Of two slides of one marker the mean counts. Raises ConfigError for faults of the panel, or a
    marker that it does not have; RawFileError where there is no slide, or for a fault of one,
    unless ``record_faults`` makes that a result, with which its acquisitions are not counted.
    """
    the_panel = load_panel(panel)
    dna = find_dna_channel(the_panel, file=str(panel))
    _require_markers(slides, the_panel, panel)
    found, reason = None, None
    try:
        found = _estimate(slides, the_panel, dna=dna)
    except RawFileError as error:
        if not record_faults:
            raise
        reason = str(error)
    write_record(
        output,
        SpilloverResult(
            software_version=software_version(),
            inputs=(
                *(describe_input(f"single_stain {marker}", slide) for marker, slide in slides),
                describe_input("panel", panel),
            ),
            panel=the_panel.name,
            status="counted" if found is not None else "not_counted",
            reason=reason,
            spillover=None if found is None else describe_spillover(found),
        ),
    )


def _require_markers(slides: Sequence[SingleStain], panel: Panel, path: Path) -> None:
    faults = [
        Fault(
            file=str(path),
            column="channels",
            value=marker,
            problem="no channel has the marker of this single-stained slide",
            remedy=f"name one of {', '.join(panel.markers)}",
        )
        for marker, _ in slides
        if marker not in panel.markers
    ]
    if faults:
        raise ConfigError(faults)


def _estimate(slides: Sequence[SingleStain], panel: Panel, *, dna: str) -> Spillover:
    """Return the matrix over the panel's markers and its DNA channel."""
    if not slides:
        raise RawFileError(
            f"panel {panel.name} takes its spillover from controls, and has no single_stain slide "
            "in this control set; add its rows to the sheet of controls"
        )
    channels = tuple(dict.fromkeys([*panel.markers.values(), dna]))
    rows: dict[str, list[FloatArray]] = {}
    for marker, slide in slides:
        name = panel.markers[marker]
        rows.setdefault(name, []).append(_fit_slide(slide, panel, channels, name=name, dna=dna))
    found = join_rows({name: np.mean(each, axis=0) for name, each in rows.items()}, channels)
    try:
        invert_spillover(found)
    except ChcError as error:
        raise RawFileError(str(error)) from None
    return found


def _fit_slide(
    slide: Path, panel: Panel, channels: tuple[str, ...], *, name: str, dna: str
) -> FloatArray:
    with open_slide(slide, channel_names=panel.channel_names) as opened:
        indices = opened.find_channels(channels, panel=panel.name)
        pixels = sample_bright(opened, indices, stained=channels.index(name))
    try:
        return fit_row(pixels, stained=channels.index(name), dna=channels.index(dna))
    except RawFileError as error:
        raise RawFileError(f"{slide}: {error}") from None
