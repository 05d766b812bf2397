"""`chc compare`: counts of simulated acquisitions beside their truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from chc_gating.batch.layout import acquisition_folder
from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.simulate.truth import (
    OUTLINES_FOLDER,
    TRUTH_CELLS_FILE,
    TruthCell,
    TruthRow,
    read_truth,
    read_truth_cells,
)
from chc_gating.stages.compare_slide import locate_planted
from chc_gating.stages.comparison import Comparison, align_columns
from chc_gating.storage.records import read_record

LOWEST_RECALL = 0.95
MOST_FALSE_PER_1000 = 1.0
"""What a slide must reach on segmented outlines: the share of planted cells that are counted, and
false ones per 1,000 true nuclei beyond those that true outlines give."""

_COLUMNS = ("acquisition", "phenotype", "planted", "oracle", "counted", "-10 %", "+10 %", "")
_LEGEND = (
    "planted: put into the file by the simulator. oracle: what passes the gates, counted by a\n"
    "program of its own (a stuck pair of cells may pass as one). counted: by this program;\n"
    "-10 % and +10 %: with all cuts moved."
)
_CROWDED = (
    "at a cut: on a slide where cells touch, some lie at a cut, so that noise decides their call."
)


def compare(results: Path, *, truth: Path, outlines: Path | None = None) -> Comparison:
    """Compare the counts in a results folder with truth.tsv.

    They agree where tubes, and slides on true outlines, count what the oracle counts; where slides
    on segmented outlines find at least LOWEST_RECALL of the planted CHC and CTC, and hardly more
    false ones than on true outlines; and where broken files are not counted. Where cells crowd so
    that the oracle itself calls some other than they were planted, its counts are shown and not
    asked for.

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
    tables = _group_rows(read_truth(truth))
    cells = read_truth_cells(truth.with_name(TRUTH_CELLS_FILE))
    outlines = outlines or results / OUTLINES_FOLDER
    lines, faults = [list(_COLUMNS)], 0
    located: list[str] = []
    for acquisition, rows in tables.items():
        folder, crowded = acquisition_folder(results, acquisition), False
        if rows[0].modality == "image":
            planted = [c for c in cells if c.acquisition == acquisition]
            found = list(_compare_slide(folder, outlines / acquisition, planted))
            located += [line for line, _ in found]
            faults += sum(not good for _, good in found)
            folder, crowded = outlines / acquisition, _lie_at_cuts(planted)
        compared = list(_compare_counts(folder, rows))
        if crowded:
            compared = [[*line[:-1], line[-1] and "at a cut"] for line in compared]
        lines += compared
        faults += sum(bool(line[-1]) for line in compared if not crowded)
    differences = "1 difference." if faults == 1 else f"{faults} differences."
    equal = "Every count equals the oracle's; files that are broken on purpose are not counted."
    verdict = equal if faults == 0 else differences
    note = (
        "Slides: this table counts on the true outlines. Below: planted cells that are counted, "
        "and counted ones\nthat were not planted, on segmented outlines and on true ones."
    )
    if any(line[-1] == "at a cut" for line in lines):
        note = f"{_CROWDED}\n{note}"
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


def _compare_slide(
    folder: Path, outlines: Path, cells: list[TruthCell]
) -> Iterator[tuple[str, bool]]:
    """Yield a line per class and kind of outlines, with whether it is as good as it must be."""
    try:
        segmented, true = (locate_planted(place, cells) for place in (folder, outlines))
    except ChcError as error:
        yield str(error), False
        return
    for found, best in zip(segmented, true, strict=True):
        fault = ""
        if found.recall is not None and found.recall < LOWEST_RECALL:
            fault = f"  RECALL BELOW {LOWEST_RECALL}"
        if 1000 * (found.false - best.false) > MOST_FALSE_PER_1000 * best.nuclei:
            fault += f"  FALSE: MORE THAN {MOST_FALSE_PER_1000:g} PER 1,000 BEYOND TRUE OUTLINES"
        yield f"{folder.name} segmented, {found.phenotype}: {found}{fault}", not fault
        yield f"{folder.name} true outlines, {best.phenotype}: {best}", True
    nuclei = f"{segmented[0].nuclei:,} nuclei segmented, {true[0].nuclei:,} true"
    yield f"{folder.name}: {nuclei}", True


def _lie_at_cuts(cells: list[TruthCell]) -> bool:
    """Whether crowding moves cells across cuts: the oracle calls them other than they were planted.

    Then noise decides some calls, and a count that differs from the oracle's is no fault.
    """
    known = {"dim_hybrid": "indeterminate_candidate"}
    return any(known.get(c.planted, c.planted) != c.phenotype for c in cells)


def _show(number: int | None) -> str:
    return "" if number is None else str(number)
