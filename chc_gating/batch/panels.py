"""Panels as YAML files: read, validated, and refused where a part is not built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chc_gating.batch.documents import Document, read_document
from chc_gating.batch.validation import find_booleans, validate_document
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.panel import SPILLOVER_WORDS, Channel, Panel

_METHODS_NOT_BUILT = ("network",)


def load_panel(path: Path) -> Panel:
    """Return the panel of a YAML file, named after it.

    Raises ConfigError with all its faults, each with its line.
    """
    panel, faults = read_panel(path)
    if panel is None or faults:
        raise ConfigError(faults)
    return panel


def read_panel(path: Path, *, shown: str | None = None) -> tuple[Panel | None, list[Fault]]:
    """Return the panel of a file, None where it has faults of form, and all faults."""
    try:
        document = read_document(path, shown=shown)
    except ConfigError as error:
        return None, list(error.faults)
    remedy = "put it in quotes if it is a name"
    flat = [document.fault(k, "is true or false", remedy) for k in find_booleans(document.data)]
    if flat:
        return None, flat
    panel, faults = validate_document(document, Panel, name=Path(path).stem)
    if panel is None:
        return None, faults
    return panel, list(_check_panel(panel, document))


def _check_panel(panel: Panel, document: Document) -> Iterator[Fault]:
    if not panel.channels:
        yield document.fault(("channels",), "names no channel", "name the channels that gates use")
    if panel.spillover == "controls" and panel.modality == "flow":
        yield document.fault(
            ("spillover",),
            "spillover of a tube from controls is not built in this version",
            "name a CSV with the matrix, or use keyword or none",
            panel.spillover,
        )
    for name, channel in panel.channels.items():
        yield from _check_channel(name, channel, panel=panel, document=document)
    yield from _check_modality(panel, document)


def _check_channel(
    name: str, channel: Channel, *, panel: Panel, document: Document
) -> Iterator[Fault]:
    keys = ("channels", name)
    if panel.modality == "flow" and channel.statistic != "mean":
        yield document.fault(
            (*keys, "statistic"), "statistic is for slides only", "remove it", channel.statistic
        )
    if channel.role in ("epithelial", "leukocyte") and channel.marker is None:
        yield document.fault(
            (*keys, "role"), f"role {channel.role} needs a marker", "add `marker: NAME`"
        )
    if panel.modality == "flow" and channel.role == "autofluorescence":
        yield document.fault(
            (*keys, "role"),
            "role autofluorescence is for slides only",
            "put a row for it into the spillover table, or use role other",
            channel.role,
        )
    if channel.role == "autofluorescence" and channel.marker is not None:
        yield document.fault(
            (*keys, "marker"), "a channel without stain has no marker", "remove it", channel.marker
        )
    if panel.modality == "flow" and channel.measure != "cell":
        yield document.fault(
            (*keys, "measure"), "measure is for slides only", "remove it", channel.measure
        )


def _check_modality(panel: Panel, document: Document) -> Iterator[Fault]:
    if panel.modality == "flow" and panel.channel_names is not None:
        yield document.fault(("channel_names",), "channel_names is for slides only", "remove it")
    if panel.modality == "flow" and panel.segmentation is not None:
        yield document.fault(("segmentation",), "segmentation is for slides only", "remove it")
    if panel.modality == "flow":
        return
    if panel.segmentation is not None and panel.segmentation.method in _METHODS_NOT_BUILT:
        yield document.fault(
            ("segmentation", "method"),
            f"method {panel.segmentation.method} is not built in this version",
            "use watershed",
        )
    if panel.spillover == "keyword":
        yield document.fault(
            ("spillover",),
            "an image has no spillover keyword",
            "use none, or name a CSV",
            "keyword",
        )
    if not panel.channels_with_role("dna"):
        yield document.fault(
            ("channels",),
            "a slide needs a nuclear channel",
            "give the channel of the DNA stain `role: dna`",
        )
    empty = panel.channels_with_role("autofluorescence")
    if len(empty) > 1:
        yield document.fault(
            ("channels",),
            f"{len(empty)} channels have role autofluorescence: {', '.join(empty)}",
            "give it to the one that is to be subtracted",
        )
    known = panel.channel_names
    for name in panel.channels if known is not None else ():
        if known is not None and name not in known:
            yield document.fault(
                ("channels", name), "is not one of channel_names", f"known: {', '.join(known)}"
            )


def check_spillover_file(panel: Panel, *, file: str, directory: Path) -> list[Fault]:
    """Return a fault where a panel names a spillover table that does not exist."""
    name = panel.spillover
    if name in SPILLOVER_WORDS or (directory / name).is_file():
        return []
    remedy = f"use one of {', '.join(SPILLOVER_WORDS)}, or the path of a CSV that exists"
    return [Fault(file, "no such spillover table", remedy, column="spillover", value=name)]
