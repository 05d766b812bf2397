"""`chc segment`: the nuclei of a slide, block by block into labels.tif."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from chc_gating.batch.layout import LABELS, SEGMENTATION
from chc_gating.batch.panels import load_panel
from chc_gating.errors import ConfigError, Fault, RawFileError
from chc_gating.imaging.blocks import Watch
from chc_gating.imaging.labels import write_labels
from chc_gating.imaging.memory import keep_freed_memory
from chc_gating.imaging.methods import choose_method
from chc_gating.imaging.records import Parameters, Segmentation
from chc_gating.imaging.segmentation import adopt_labels, segment_slide
from chc_gating.imaging.slide import Slide, open_slide
from chc_gating.model.acquisition import InputFile, SlideFacts
from chc_gating.model.panel import Panel
from chc_gating.model.segmentation import LABEL_METHODS, SegmentationChoice
from chc_gating.stages.progress import BlockProgress
from chc_gating.storage.atomic import replacing_files
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record

if TYPE_CHECKING:
    from chc_gating.imaging.stitching_record import Stitching


def segment(
    slide: Path,
    *,
    panel: Path,
    output: Path,
    image: int = 0,
    pixel_size_um: float | None = None,
    labels_from: Path | None = None,
    tile_px: int = 4096,
    threads: int = 1,
    record_faults: bool = False,
    fingerprint: bool = True,
    stitching: Path | None = None,
) -> None:
    """Segment one slide and write labels.tif and segmentation.json into ``output``.

    ``stitching`` is the stitching.json of a slide that `chc stitch` wrote: its raw tiles are then
    the inputs, and a slide that could not be stitched is passed on as not counted.
    ``pixel_size_um`` is the sheet's and goes before the file's. ``tile_px`` and ``threads``
    change no label. ``labels_from`` is the label image that the panel's methods ``labels`` and
    ``external`` need, and no other takes. Raises ConfigError for faults of the panel; RawFileError
    for a fault inside the slide or the label image, unless ``record_faults`` makes that a result
    (``status: not_counted``).
    """
    keep_freed_memory()
    the_panel = load_panel(panel)
    dna = find_dna_channel(the_panel, file=str(panel))
    choice = the_panel.segmentation or SegmentationChoice()
    stated = _state_method(choice, labels_from, panel=str(panel))
    inputs = [
        *_describe_raw(slide, stitching, fingerprint=fingerprint),
        describe_input("panel", panel),
    ]
    if labels_from is not None:
        inputs.append(describe_input("labels", labels_from, fingerprint=fingerprint))
    if choice.weights is not None:
        inputs.append(describe_input("weights", Path(choice.weights)))
    origin = _Origin(
        inputs=tuple(inputs),
        parameters={**stated, "image": image, "pixel_size_um": pixel_size_um},
        image=image,
    )
    with replacing_files(output) as folder:
        try:
            notes = () if stitching is None else require_stitched(stitching).repairs
            with open_slide(
                slide,
                image=image,
                pixel_size_um=pixel_size_um,
                channel_names=the_panel.channel_names,
            ) as opened:
                opened.find_channels(tuple(the_panel.channels), panel=the_panel.name)
                run = _Run(
                    labels_path=folder / LABELS,
                    tile_px=tile_px,
                    threads=threads,
                    watch=BlockProgress(f"segmenting {slide.name}"),
                )
                nuclei, repairs = _find_nuclei(
                    opened, dna, choice, labels_from=labels_from, run=run
                )
                record = _describe(
                    opened, nuclei, origin, notes=(*notes, *opened.repairs, *repairs)
                )
        except RawFileError as error:
            if not record_faults:
                raise
            write_labels(folder / LABELS, (1, 1), iter([np.zeros((1, 1), np.int64)]))
            record = _describe_fault(error, origin)
        write_record(folder / SEGMENTATION, record)


def _state_method(
    choice: SegmentationChoice, labels_from: Path | None, *, panel: str
) -> dict[str, str | int | float | bool | None]:
    """Return what segmentation.json says of the method; ConfigError where it lacks its labels."""
    given = choice.method in LABEL_METHODS
    if given == (labels_from is None):
        problem, remedy = (
            ("needs the label image of each slide", "give --labels-from FILE")
            if given
            else ("takes no label image", "leave --labels-from out, or write method: labels")
        )
        raise ConfigError(
            [
                Fault(
                    panel,
                    f"method {choice.method} {problem}",
                    remedy,
                    column="segmentation.method",
                    value=choice.method,
                )
            ]
        )
    stated = (
        choice.model_dump(mode="json", include={"method", "tool", "weights"}, exclude_none=True)
        if given
        else choose_method(choice.method).parameters
    )
    return {**stated, "nucleus_um": choice.nucleus_um}


def _find_nuclei(
    slide: Slide, dna: str, choice: SegmentationChoice, *, labels_from: Path | None, run: _Run
) -> tuple[int, tuple[str, ...]]:
    """Write the labels; return how many nuclei there are, and what was repaired."""
    if labels_from is not None:
        return adopt_labels(slide, labels_from, nucleus_um=choice.nucleus_um, **run)
    method, channel = choose_method(choice.method), slide.channels.index(dna)
    return segment_slide(slide, channel, method=method, nucleus_um=choice.nucleus_um, **run), ()


class _Run(TypedDict):
    """Where labels are written, and how blocks are read and computed."""

    labels_path: Path
    tile_px: int
    threads: int
    watch: Watch


@dataclass(frozen=True)
class _Origin:
    """What a segmentation is made from."""

    inputs: tuple[InputFile, ...]
    parameters: Parameters
    image: int


def find_dna_channel(panel: Panel, *, file: str) -> str:
    """Return the channel that shows nuclei: the first whose role is dna; the loader saw to one.

    Raises ConfigError where the panel is not of an image.
    """
    if panel.modality != "image":
        raise ConfigError(
            [
                Fault(
                    file=file,
                    column="modality",
                    value=panel.modality,
                    problem="a slide needs a panel of modality image",
                    remedy="write modality: image, or name another panel",
                )
            ]
        )
    return panel.channels_with_role("dna")[0]


def _describe_raw(
    slide: Path, stitching: Path | None, *, fingerprint: bool
) -> tuple[InputFile, ...]:
    """Return the raw file: of a stitched slide the tiles that it was made of."""
    if stitching is None:
        return (describe_input("raw", slide, fingerprint=fingerprint),)
    inputs = _read_stitching(stitching).inputs
    return tuple(file for file in inputs if file.role == "raw")


def _read_stitching(path: Path) -> Stitching:
    from chc_gating.imaging.stitching_record import Stitching  # its modules import numba

    return read_record(path, Stitching)


def require_stitched(path: Path) -> Stitching:
    """Return a stitching.json; raises RawFileError with its reason where nothing was stitched."""
    record = _read_stitching(path)
    if record.status != "counted":
        raise RawFileError(record.reason or "the tiles were not stitched")
    return record


def _describe(
    slide: Slide, nuclei: int, origin: _Origin, *, notes: tuple[str, ...]
) -> Segmentation:
    height, width = slide.shape
    return Segmentation(
        software_version=software_version(),
        inputs=origin.inputs,
        parameters=origin.parameters,
        status="counted",
        image=origin.image,
        channels=slide.channels,
        slide=SlideFacts(
            width_px=width,
            height_px=height,
            pixel_size_um=slide.pixel_size_um,
            nuclei=nuclei,
            area_mm2=height * width * slide.pixel_size_um**2 / 1e6,
        ),
        repairs=notes,
    )


def _describe_fault(error: RawFileError, origin: _Origin) -> Segmentation:
    return Segmentation(
        software_version=software_version(),
        inputs=origin.inputs,
        parameters=origin.parameters,
        status="not_counted",
        reason=str(error),
        image=origin.image,
    )
