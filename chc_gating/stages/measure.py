"""`chc measure`: one row per cell of a segmented slide."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch.layout import LABELS, MEASUREMENT, MEASUREMENTS, SEGMENTATION, TILES
from chc_gating.batch.panels import load_panel
from chc_gating.errors import RawFileError
from chc_gating.imaging.cell_table import write_rows
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.measure import RING_UM, MeasuredCells, PositiveRule, measure_cells
from chc_gating.imaging.memory import keep_freed_memory
from chc_gating.imaging.quality_areas import FOCUS_DROP, judge_squares
from chc_gating.imaging.records import ChannelLevels, Measurement, Parameters, Segmentation
from chc_gating.imaging.slide import Slide, open_slide
from chc_gating.imaging.tiles_table import build_tiles, tiles_schema
from chc_gating.model.acquisition import InputFile, SlideQuality
from chc_gating.model.panel import Panel
from chc_gating.stages.progress import BlockProgress
from chc_gating.storage.atomic import replacing_files
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record
from chc_gating.storage.tables import write_table


def measure(
    slide: Path,
    *,
    panel: Path,
    labels: Path,
    output: Path,
    ring_um: float = RING_UM,
    focus_drop: float = FOCUS_DROP,
    tile_px: int = 4096,
    threads: int = 1,
    record_faults: bool = False,
) -> None:
    """Measure a slide's cells; write measurements.parquet, tiles.parquet and measurement.json.

    ``labels`` is the folder that `chc segment` wrote; the image of the file and the pixel size
    are those of its segmentation.json. A slide that could not be segmented is passed on as not
    counted. ``tile_px`` and ``threads`` change no number. Raises as `segment` does.
    """
    keep_freed_memory()
    the_panel = load_panel(panel)
    segmentation = read_record(labels / SEGMENTATION, Segmentation)
    parameters: Parameters = {
        **segmentation.parameters,
        "ring_um": ring_um,
        "focus_drop": focus_drop,
    }
    with replacing_files(output) as folder:
        segmentation = segmentation.model_copy(
            update={"inputs": _replace_panel(segmentation.inputs, panel)}
        )
        if segmentation.slide is None:
            reason = segmentation.reason or "the slide was not segmented"
            record = _write_nothing(folder, segmentation, parameters, the_panel, reason=reason)
        else:
            try:
                with (
                    _reopen(slide, segmentation, the_panel) as opened,
                    Labels(labels / LABELS) as label_image,
                ):
                    measured = measure_cells(
                        opened,
                        label_image,
                        channels=tuple(the_panel.channels),
                        dna=the_panel.channels_with_role("dna")[0],
                        positive=_positive_rules(the_panel),
                        output=folder / MEASUREMENTS,
                        ring_um=ring_um,
                        tile_px=tile_px,
                        threads=threads,
                        watch=BlockProgress(f"measuring {slide.name}"),
                    )
                    judged = judge_squares(
                        measured.maps, pixel_size_um=opened.pixel_size_um, focus_drop=focus_drop
                    )
                    write_table(folder / TILES, build_tiles(measured.maps, judged))
                    record = _describe(
                        measured,
                        segmentation,
                        quality=judged.quality,
                        parameters=parameters,
                        panel=the_panel,
                    )
            except RawFileError as error:
                if not record_faults:
                    raise
                record = _write_nothing(
                    folder, segmentation, parameters, the_panel, reason=str(error)
                )
        write_record(folder / MEASUREMENT, record)


def _replace_panel(inputs: tuple[InputFile, ...], panel: Path) -> tuple[InputFile, ...]:
    """Return the inputs with the panel that is used now, which another stage may not have used."""
    others = tuple(file for file in inputs if file.role != "panel")
    return (*others, describe_input("panel", panel))


def _reopen(path: Path, segmentation: Segmentation, panel: Panel) -> Slide:
    size = None if segmentation.slide is None else segmentation.slide.pixel_size_um
    slide = open_slide(
        path, image=segmentation.image, pixel_size_um=size, channel_names=panel.channel_names
    )
    try:
        slide.find_channels(tuple(panel.channels), panel=panel.name)
    except RawFileError:
        slide.close()
        raise
    return slide


def _positive_rules(panel: Panel) -> dict[str, PositiveRule]:
    return {
        name: PositiveRule(sd=channel.positive_sd, times=channel.positive_times)
        for name, channel in panel.channels.items()
    }


def _describe(
    measured: MeasuredCells,
    segmentation: Segmentation,
    *,
    quality: SlideQuality,
    parameters: Parameters,
    panel: Panel,
) -> Measurement:
    facts = segmentation.slide
    return Measurement(
        software_version=software_version(),
        inputs=segmentation.inputs,
        parameters=parameters,
        status="counted",
        image=segmentation.image,
        channels=tuple(panel.channels),
        cells=measured.cells,
        saturation=measured.saturation,
        levels=tuple(
            ChannelLevels(
                channel=name, background=level.background, sd=level.sd, positive_above=threshold
            )
            for name, level, threshold in zip(
                panel.channels, measured.levels, measured.thresholds, strict=True
            )
        ),
        slide=None if facts is None else facts.model_copy(update={"quality": quality}),
        repairs=(*segmentation.repairs, *measured.repairs),
    )


def _write_nothing(
    folder: Path,
    segmentation: Segmentation,
    parameters: Parameters,
    panel: Panel,
    *,
    reason: str,
) -> Measurement:
    """Write an empty table and return the record that says why."""
    channels = tuple(panel.channels)
    write_rows(folder / MEASUREMENTS, (), channels=channels)
    write_table(folder / TILES, tiles_schema(channels).empty_table())
    return Measurement(
        software_version=software_version(),
        inputs=segmentation.inputs,
        parameters=parameters,
        status="not_counted",
        reason=reason,
        image=segmentation.image,
        channels=channels,
        repairs=segmentation.repairs,
    )
