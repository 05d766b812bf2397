"""`chc spillover`: a panel's spillover from a table; and which spillover a file is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chc_gating.batch.panels import load_panel
from chc_gating.compensation import (
    condition_number,
    invert_spillover,
    spillover_from_keyword,
)
from chc_gating.errors import ChcError, ConfigError, Fault, RawFileError
from chc_gating.model.acquisition import AppliedSpillover, SpilloverResult
from chc_gating.model.gates import Gates
from chc_gating.model.imported_gates import FROM_FILE
from chc_gating.model.panel import Panel
from chc_gating.model.spillover import Spillover
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record

if TYPE_CHECKING:
    from chc_gating.flow.fcs import FcsFile
    from chc_gating.gating.imported_sample import ImportedSample


def spillover(table: Path, *, panel: Path, output: Path) -> None:
    """Write spillover.json from a CSV (names x names; a row is a fluorochrome).

    Raises ChcError where the table cannot be read, is singular, or names a channel that the
    panel does not have.
    """
    from chc_gating.compensation.table import read_spillover_csv

    the_panel = load_panel(panel)
    found = read_spillover_csv(table)
    invert_spillover(found)
    strange = [name for name in found.channels if name not in the_panel.channels]
    if strange:
        raise ConfigError(
            [
                Fault(
                    file=str(table),
                    problem=f"panel {the_panel.name} has no channel {', '.join(strange)}",
                    remedy=f"name them as {panel} does, or add them there",
                )
            ]
        )
    inputs = (describe_input("spillover", table), describe_input("panel", panel))
    write_record(
        output,
        SpilloverResult(
            software_version=software_version(),
            inputs=inputs,
            panel=the_panel.name,
            spillover=describe_spillover(found),
        ),
    )


def describe_spillover(found: Spillover) -> AppliedSpillover:
    """Return a spillover as results carry it."""
    return AppliedSpillover(
        source=found.source,
        channels=found.channels,
        matrix=tuple(map(tuple, found.matrix.tolist())),
        condition_number=condition_number(found),
    )


def find_file_spillover(
    gates: Gates,
    *,
    keywords: Mapping[str, str],
    channels: Sequence[str],
    labels: Sequence[str | None],
) -> Spillover | None:
    """Return the file's own spillover where imported gates refer to it, whatever the panel says."""
    asked = any(
        dimension.compensation == FROM_FILE
        for gate in gates.populations.values()
        if gate.imported is not None
        for dimension in gate.imported.dimensions
    )
    return spillover_from_keyword(keywords, channels=channels, labels=labels) if asked else None


def resolve_tube_spillover(
    fcs: FcsFile, panel: Panel, imported: ImportedSample, *, table: Path | None
) -> tuple[Spillover | None, Spillover | None]:
    """Return what an FCS file is compensated with, and its own where imported gates refer to it.

    The matrix of a workspace's sample goes before what the panel asks for. Raises as
    `resolve_spillover` does.
    """
    keywords, channels, labels = fcs.keywords, fcs.channels, fcs.markers
    used = imported.spillover or resolve_spillover(
        panel, table=table, keywords=keywords, channels=channels, labels=labels
    )
    return used, find_file_spillover(
        imported.gates, keywords=keywords, channels=channels, labels=labels
    )


def resolve_spillover(
    panel: Panel,
    *,
    table: Path | None,
    keywords: Mapping[str, str],
    channels: Sequence[str],
    labels: Sequence[str | None],
) -> Spillover | None:
    """Return the spillover that a panel asks for, or None where it asks for none.

    ``table`` is a spillover.json; a panel that names a CSV needs one. Raises RawFileError where
    the panel says ``keyword`` and the file has no such keyword, or one that cannot be inverted.
    """
    if panel.spillover == "none":
        return None
    if panel.spillover == "keyword":
        found = spillover_from_keyword(keywords, channels=channels, labels=labels)
        if found is None:
            raise RawFileError(
                f"panel {panel.name} takes its spillover from the file, and the file has neither "
                "$SPILLOVER nor SPILL; write spillover: none, or name a CSV, in the panel"
            )
        try:
            invert_spillover(found)
        except ChcError as error:
            raise RawFileError(str(error)) from None
        return found
    if table is None:
        raise ChcError(
            f"panel {panel.name} takes its spillover from {panel.spillover}; run chc spillover "
            "on it and give the result with --spillover"
        )
    return read_spillover(table)


def read_spillover(table: Path) -> Spillover:
    """Return the spillover of a spillover.json.

    Raises RawFileError with its reason where the single-stained slides gave none.
    """
    record = read_record(table, SpilloverResult)
    applied = record.spillover
    if applied is None:
        raise RawFileError(record.reason or "the controls gave no spillover")
    return Spillover(
        channels=applied.channels, matrix=np.array(applied.matrix), source=applied.source
    )
