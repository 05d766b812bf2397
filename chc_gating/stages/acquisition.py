"""The result folder of one acquisition, from a tube or from a slide, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chc_gating.counting.groups import explain_no_classes
from chc_gating.model.acquisition import (
    AcquisitionQuality,
    AcquisitionResult,
    AppliedSpillover,
    ChannelQuality,
    FlowFacts,
    InputFile,
    PhenotypeCount,
    PopulationCount,
    SlideFacts,
    TimeBin,
)
from chc_gating.stages.candidates_table import candidates_schema
from chc_gating.storage.densities import write_densities
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import write_record
from chc_gating.storage.tables import write_table

if TYPE_CHECKING:
    from chc_gating.gating.result import GatingResult
    from chc_gating.model.gates import Gates
    from chc_gating.model.panel import Panel


_DRAWN = "populations and densities are drawn"

Parameter = str | int | float | bool | None


@dataclass(frozen=True)
class Origin:
    """What an acquisition's result was made from."""

    panel: Panel
    gates: Gates
    inputs: tuple[InputFile, ...]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What the front end adds to a gating result: facts, repairs and flags of the whole.

    saturated : per channel the events at the detector's maximum, None where that is not known.
    has_margins : whether a channel has a lowest value that events can pile up at.
    """

    saturated: Sequence[int | None]
    has_margins: bool = True
    spillover: AppliedSpillover | None = None
    flow: FlowFacts | None = None
    slide: SlideFacts | None = None
    repairs: Sequence[str] = ()
    scaling: Sequence[str] = ()
    time_bins: Sequence[TimeBin] = ()
    notes: Sequence[str] = ()
    draw_flags: Sequence[str] = ()


def describe_rule_files(
    panel: Path,
    gates: Path,
    *,
    source: str | None,
    spillover: Path | None,
    cutoffs: Path | None = None,
) -> tuple[InputFile, ...]:
    """Return the files beside the raw one that a result is made from, those that are given.

    source : the other program's file, beside the gates file, that holds its populations.
    """
    files = {
        "panel": panel,
        "gates": gates,
        "gates_source": None if source is None else gates.parent / source,
        "spillover": spillover,
        "cutoffs": cutoffs,
    }
    return tuple(describe_input(role, path) for role, path in files.items() if path is not None)


def describe_result(result: GatingResult, origin: Origin, measured: Measured) -> AcquisitionResult:
    """Return populations.json of a gated acquisition; without cuts it is not counted."""
    has_cuts = bool(result.class_names)
    return AcquisitionResult(
        software_version=software_version(),
        inputs=origin.inputs,
        parameters=origin.parameters,
        status="counted" if has_cuts else "not_counted",
        reason=None if has_cuts else f"{explain_no_classes(origin.gates)}; {_DRAWN}",
        modality=origin.panel.modality,
        panel=origin.panel,
        gates=origin.gates,
        event_count=result.event_count,
        populations=_describe_populations(result),
        phenotypes=_describe_phenotypes(result, measured) if has_cuts else (),
        flags=result.flag_counts,
        candidate_flags=result.candidates.flag_counts,
        draw_flags=tuple(sorted(set(measured.draw_flags))),
        nucleated_events=result.nucleated_events,
        phenotype_events=result.phenotype_events,
        bead_events=result.bead_events,
        cuts=result.cuts,
        spillover=measured.spillover,
        flow=measured.flow,
        slide=measured.slide,
        candidates_per_million_nuclei=_per_million(result, measured),
        repairs=tuple(measured.repairs),
        scaling=tuple(measured.scaling),
    )


def _per_million(result: GatingResult, measured: Measured) -> float | None:
    """Return CHC and CTC candidates per million nucleated cells of a slide."""
    if measured.slide is None or not result.nucleated_events or not result.class_names:
        return None
    return 1e6 * result.candidates.total / result.nucleated_events


def name_explanations(panel: Panel, gates: Gates) -> tuple[str, ...]:
    """Return the columns of what could explain a slide's candidate."""
    from chc_gating.imaging.explanations import explanation_columns

    called = [c for c, channel in panel.channels.items() if channel.marker in gates.cuts]
    leukocyte, epithelial = (
        [name for name in called if panel.channels[name].role == role]
        for role in ("leukocyte", "epithelial")
    )
    return explanation_columns(leukocyte, epithelial)


def _describe_populations(result: GatingResult) -> tuple[PopulationCount, ...]:
    events = dict(zip(result.population_names, result.population_counts.tolist(), strict=True))
    described = []
    for name, parent, invalid in zip(
        result.population_names,
        result.population_parents,
        result.population_invalid.tolist(),
        strict=True,
    ):
        of_parent = result.event_count if parent is None else events[parent]
        described.append(
            PopulationCount(
                name=name,
                parent=parent,
                events=events[name],
                percent_of_parent=100.0 * events[name] / of_parent if of_parent else None,
                invalid_events=invalid,
                line=result.lines.get(name),
            )
        )
    return tuple(described)


def _describe_phenotypes(result: GatingResult, measured: Measured) -> tuple[PhenotypeCount, ...]:
    saturated = dict(zip(result.channels, measured.saturated, strict=True))
    known = all(saturated[cut.channel] is not None for cut in result.cuts)
    return tuple(
        PhenotypeCount(
            name=name,
            events=n,
            low_cut=low,
            high_cut=high,
            without_saturated=clean if known else None,
        )
        for name, n, low, high, clean in zip(
            result.class_names,
            result.class_counts.tolist(),
            _list_or_none(result.class_low_cut, len(result.class_names)),
            _list_or_none(result.class_high_cut, len(result.class_names)),
            result.class_without_saturated.tolist(),
            strict=True,
        )
    )


def _list_or_none(counts: np.ndarray | None, size: int) -> list[int] | list[None]:
    return [None] * size if counts is None else counts.tolist()


def describe_quality(result: GatingResult, measured: Measured) -> AcquisitionQuality:
    """Return quality.json of a gated acquisition."""
    return AcquisitionQuality(
        software_version=software_version(),
        status="counted",
        event_count=result.event_count,
        time_bins=tuple(measured.time_bins),
        channels=tuple(
            ChannelQuality(
                channel=name,
                saturated=high,
                at_lower_margin=low if measured.has_margins else None,
                nonfinite=nonfinite,
            )
            for name, high, low, nonfinite in zip(
                result.channels,
                measured.saturated,
                result.channel_at_lower_margin.tolist(),
                result.channel_nonfinite.tolist(),
                strict=True,
            )
        ),
        slide=None if measured.slide is None else measured.slide.quality,
        notes=(*measured.notes, *_describe_kept(result)),
    )


def _describe_kept(result: GatingResult) -> tuple[str, ...]:
    kept, total = len(result.candidates.event_id), result.candidates.total
    if kept == total:
        return ()
    return (
        f"candidates.parquet holds the first {kept:,} of {total:,} candidates: look at the cuts",
    )


def write_gated(folder: Path, *, result: GatingResult, origin: Origin, measured: Measured) -> None:
    """Write the four files that every gated acquisition has into ``folder``."""
    write_record(folder / "populations.json", describe_result(result, origin, measured))
    write_record(folder / "quality.json", describe_quality(result, measured))
    write_densities(folder / "densities.npz", result.densities)


def write_not_counted(folder: Path, *, origin: Origin, reason: str) -> None:
    """Write the four files of an acquisition that could not be measured, with its reason."""
    version = software_version()
    write_record(
        folder / "populations.json",
        AcquisitionResult(
            software_version=version,
            inputs=origin.inputs,
            parameters=origin.parameters,
            status="not_counted",
            reason=reason,
            modality=origin.panel.modality,
            panel=origin.panel,
            gates=origin.gates,
        ),
    )
    quality = AcquisitionQuality(software_version=version, status="not_counted", reason=reason)
    write_record(folder / "quality.json", quality)
    write_densities(folder / "densities.npz", ())
    panel = origin.panel
    is_slide = panel.modality == "image"
    schema = candidates_schema(
        panel.channels,
        has_positions=is_slide,
        further=name_explanations(panel, origin.gates) if is_slide else (),
    )
    write_table(folder / "candidates.parquet", schema.empty_table())
