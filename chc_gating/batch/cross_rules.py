"""What rows must obey together: references between sheets, panels and gates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from chc_gating.batch.explain import suggest
from chc_gating.batch.ids import (
    Cell,
    column_cells,
    find_duplicates,
    find_lookalikes,
    find_unknown,
)
from chc_gating.batch.rows import Acquisition, Control, Row
from chc_gating.batch.tables import Table
from chc_gating.errors import Fault
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel

Tables = Mapping[str, Table[Row]]

_KINDS: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = (
    (("draws", ("draw",)), ("acquisitions", ("draw",))),
    (
        ("draws", ("patient",)),
        ("biomarkers", ("patient",)),
        ("clinical_events", ("patient",)),
    ),
    (("acquisitions", ("acquisition",)),),
    (("controls", ("control",)),),
    (("acquisitions", ("lot", "control_set")), ("controls", ("control_set",))),
)
"""Where ids of one kind are defined or used: per sheet, the columns."""


def _cells(tables: Tables, sheet: str, *columns: str) -> list[Cell]:
    if sheet not in tables:
        return []
    table = tables[sheet]
    return column_cells(table.texts, file=table.file, columns=columns)


def check_ids(tables: Tables) -> Iterator[Fault]:
    """Yield faults of ids: given twice, alike but for case or leading zeros, or not known."""
    for sheet, column in (
        ("draws", "draw"),
        ("acquisitions", "acquisition"),
        ("controls", "control"),
    ):
        yield from find_duplicates(_cells(tables, sheet, column))
    for places in _KINDS:
        yield from find_lookalikes(
            cell for sheet, columns in places for cell in _cells(tables, sheet, *columns)
        )
    if "draws" not in tables:
        return  # the sheet could not be read, which is said already
    draws = {cell.text for cell in _cells(tables, "draws", "draw")}
    yield from find_unknown(
        _cells(tables, "acquisitions", "draw"),
        draws,
        noun="draw",
        remedy="add the draw to the sheet of draws, or correct the id",
    )
    patients = {cell.text for cell in _cells(tables, "draws", "patient")}
    for sheet in ("biomarkers", "clinical_events"):
        yield from find_unknown(
            _cells(tables, sheet, "patient"),
            patients,
            noun="patient",
            remedy="no draw is of this patient; correct the id",
        )


def check_names(
    tables: Tables, names: Iterable[str], *, column: str, folder: str
) -> Iterator[Fault]:
    """Yield uses of a panel or gates file that the folder does not hold, one a name."""
    files = [Cell(f"{folder}/{name}.yaml", 0, column, name) for name in sorted(names)]
    used: dict[str, Cell] = {}
    for cell in (*_cells(tables, "acquisitions", column), *_cells(tables, "controls", column)):
        used.setdefault(cell.text, cell)
    yield from find_lookalikes([*files, *used.values()])
    known = ", ".join(sorted(names)) or "no YAML file"
    yield from find_unknown(
        used.values(),
        names,
        noun=f"file in {folder}",
        remedy=f"the folder holds {known}",
    )


def check_uses(
    rows: Iterable[tuple[int, Acquisition]],
    file: str,
    *,
    directory: Path,
    panels: Mapping[str, Panel],
    gates: Mapping[str, Gates],
) -> Iterator[Fault]:
    """Yield rows whose modality, beads or file disagree with panels, gates or other rows.

    directory : the working directory, to which the rows' files are relative.
    """
    seen: dict[tuple[str, int], tuple[int, str]] = {}
    for line, row in rows:
        panel, rules = panels.get(row.panel), gates.get(row.gates)
        if panel is not None and panel.modality != row.modality:
            yield Fault(
                file,
                f"panel {row.panel} is for modality {panel.modality}",
                "correct the modality or the panel",
                line,
                "modality",
                row.modality,
            )
        beads = row.bead_population
        if rules is not None and beads is not None and beads not in rules.populations:
            yield Fault(
                file,
                f"gates {row.gates} have no such population",
                suggest(beads, rules.populations),
                line,
                "bead_population",
                beads,
            )
        # A link and an absolute path are the same file too; the file itself need not exist.
        place = os.path.realpath(directory / row.file)
        first = seen.setdefault((place, row.image), (line, row.acquisition))
        if first[0] != line:
            yield Fault(
                file,
                f"the same file and image as row {first[0]} ({first[1]}); its cells "
                "would be counted twice",
                "remove one of the rows, or correct the file",
                line,
                "file",
                row.file,
            )


def warn_of_control_markers(
    rows: Iterable[tuple[int, Control]], file: str, panels: Mapping[str, Panel]
) -> Iterator[str]:
    """Yield controls of a marker that their panel does not have, which serve nothing."""
    for line, row in rows:
        panel = panels.get(row.panel)
        if panel is not None and row.marker is not None and row.marker not in panel.markers:
            yield (
                f"{file}, row {line}, marker: panel {row.panel} has no marker {row.marker}; "
                f"{suggest(row.marker, panel.markers)}"
            )


def warn_of_empty_draws(tables: Tables) -> Iterator[str]:
    """Yield draws without an acquisition: allowed, and they will not be counted."""
    if "acquisitions" not in tables:
        return  # the sheet could not be read, which is said already
    used = {cell.text for cell in _cells(tables, "acquisitions", "draw")}
    for cell in _cells(tables, "draws", "draw"):
        if cell.text not in used:
            yield (
                f"{cell.file}, row {cell.line}, draw: {cell.text} has no acquisition; "
                "it will be not counted"
            )
