"""`chc compare`: counts of simulated acquisitions beside their truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chc_gating.batch.layout import acquisition_folder
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.simulate.matching import match_positions
from chc_gating.simulate.truth import (
    OUTLINES_FOLDER,
    TRUTH_CELLS_FILE,
    TruthCell,
    TruthRow,
    read_truth,
    read_truth_cells,
)
from chc_gating.stages.comparison import Comparison, align_columns
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table

MATCH_DISTANCE_UM = 5.0
"""A counted cell is a true one when their centres are at most this far apart."""
LOWEST_RECALL = 0.9

_COLUMNS = ("acquisition", "phenotype", "planted", "oracle", "counted", "-10 %", "+10 %", "")
_LEGEND = (
    "planted: put into the file by the simulator. oracle: what passes the gates, counted by a\n"
    "program of its own (a stuck pair of cells may pass as one). counted: by this program;\n"
    "-10 % and +10 %: with all cuts moved."
)
_LOCATED = ("CHC", "CTC")


def compare(results: Path, *, truth: Path, outlines: Path | None = None) -> Comparison:
    """Compare the counts in a results folder with truth.tsv.

    They agree where tubes, and slides on true outlines, count what the oracle counts; where slides
    on segmented outlines find at least LOWEST_RECALL of the CHC and of the CTC; and where broken
    files are not counted.

    Parameters
    ----------
    outlines
        Folder with one result folder per slide, measured on the true outlines; the default is
        ``true-outlines`` in ``results``.

    Raises
    ------
    ChcError
        A table or a result is absent.
    """
    cells = read_truth_cells(truth.with_name(TRUTH_CELLS_FILE))
    outlines = outlines or results / OUTLINES_FOLDER
    lines, faults = [list(_COLUMNS)], 0
    located: list[str] = []
    for acquisition, rows in _group_rows(read_truth(truth)).items():
        folder = acquisition_folder(results, acquisition)
        if rows[0].modality == "image":
            found = _locate(folder, [c for c in cells if c.acquisition == acquisition])
            located += [line for line, _ in found]
            faults += sum(not good for _, good in found)
            folder = outlines / acquisition
        compared = list(_compare_counts(folder, rows))
        lines += compared
        faults += sum(bool(line[-1]) for line in compared)
    differences = "1 difference." if faults == 1 else f"{faults} differences."
    equal = "Every count equals the oracle's; files that are broken on purpose are not counted."
    verdict = equal if faults == 0 else differences
    note = "Slides: this table counts on the true outlines; below, on segmented ones."
    parts = [align_columns(lines), _LEGEND, *([note, *located] if located else []), verdict]
    return Comparison(text="\n".join(parts), agrees=faults == 0)


def _group_rows(rows: Iterable[TruthRow]) -> dict[str, list[TruthRow]]:
    groups: dict[str, list[TruthRow]] = {}
    for row in rows:
        groups.setdefault(row.acquisition, []).append(row)
    return groups


def _compare_counts(folder: Path, rows: list[TruthRow]) -> Iterator[list[str]]:
    """Yield a line per class that was planted or counted; its last cell names a difference."""
    result = read_record(folder / "populations.json", AcquisitionResult)
    expected = [row for row in rows if row.passes is not None]
    name = rows[0].acquisition
    if not expected:
        as_expected = result.status == "not_counted"
        fault = "" if as_expected else "COUNTED, THE FILE IS BROKEN"
        planted = next((row.planted for row in rows if row.phenotype == "CHC"), None)
        yield [name, "CHC", _show(planted), "", result.status, "", "", fault]
        return
    if result.status == "not_counted":
        yield [name, "", "", "", result.status, "", "", f"NOT COUNTED: {result.reason}"]
        return
    counted = {p.name: (p.events, p.low_cut, p.high_cut) for p in result.phenotypes}
    missing = sorted(set(counted) - {row.phenotype for row in expected})
    for row in expected:
        truth = (row.passes, row.low_cut, row.high_cut)
        found = counted.get(row.phenotype, (0, 0, 0))
        if any((*truth, *found)) or row.planted:
            shown = [_show(row.planted), _show(row.passes), *(_show(n) for n in found)]
            fault = f"DIFFERS, oracle -10 %: {row.low_cut}, +10 %: {row.high_cut}"
            yield [name, row.phenotype, *shown, "" if truth == found else fault]
    for phenotype in missing:
        if any(counted[phenotype]):
            shown = [_show(n) for n in counted[phenotype]]
            yield [name, phenotype, "", "0", *shown, "NOT KNOWN TO THE ORACLE"]


def _locate(folder: Path, cells: list[TruthCell]) -> list[tuple[str, bool]]:
    """Return, per class, a line that says what was found on segmented outlines, and its verdict."""
    result = read_record(folder / "populations.json", AcquisitionResult)
    if result.slide is None:
        return [(f"{folder.name}: {result.status}: {result.reason}", False)]
    table = read_table(folder / "candidates.parquet")
    classes = np.array(table["phenotype"].to_pylist(), dtype=str)
    counted = np.column_stack(
        [table["centroid_y_px"].to_numpy(), table["centroid_x_px"].to_numpy()]
    )
    lines = []
    for name in _LOCATED:
        match = match_positions(
            _positions(cell for cell in cells if cell.phenotype.startswith(f"{name}_")),
            counted[classes == name],
            within=MATCH_DISTANCE_UM / result.slide.pixel_size_um,
        )
        recall = match.recall
        good = recall is None or recall >= LOWEST_RECALL
        share = "" if recall is None else f", recall {recall:.3f}"
        fault = "" if good else f"  BELOW {LOWEST_RECALL}"
        found = f"found {match.found}, missed {match.missed}, false {match.false}{share}{fault}"
        lines.append((f"{folder.name} segmented, {name}: {found}", good))
    leukocytes = next((p.events for p in result.phenotypes if p.name == "leukocyte"), 0)
    nuclei = f"{result.slide.nuclei} nuclei, {leukocytes} of them leukocytes"
    lines.append((f"{folder.name} segmented: {nuclei}", True))
    return lines


def _positions(cells: Iterable[TruthCell]) -> NDArray[np.float64]:
    places = [(cell.centroid_y_px, cell.centroid_x_px) for cell in cells]
    return np.array(places, dtype=np.float64).reshape(-1, 2)


def _show(number: int | None) -> str:
    return "" if number is None else str(number)
