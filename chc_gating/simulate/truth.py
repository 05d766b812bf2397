"""truth.tsv and truth_cells.tsv: what was planted, and what an oracle counts."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import get_args

from chc_gating.errors import ChcError
from chc_gating.simulate.oracle_gates import OracleCounts
from chc_gating.simulate.oracle_rules import CANDIDATE_CLASSES
from chc_gating.simulate.recipe import SlideKind
from chc_gating.storage.atomic import write_text

TRUTH_FILE = "truth.tsv"
TRUTH_CELLS_FILE = "truth_cells.tsv"
OUTLINES_FOLDER = "true-outlines"

_PARTS = [kind for kind in get_args(SlideKind) if kind.startswith(CANDIDATE_CLASSES)]
_LEUKOCYTES = ("leukocyte", "lymphocyte", "monocyte", "granulocyte")
_ROWS = (
    *(
        name
        for whole in CANDIDATE_CLASSES
        for name in (
            whole,
            *(part for part in _PARTS if part.startswith(whole)),
            f"{whole}_unresolved",
        )
    ),
    "leukocyte",
    "indeterminate_candidate",
    "indeterminate",
    "unclassified",
    "invalid_candidate",
    "invalid",
)


@dataclass(frozen=True)
class TruthRow:
    """One row of truth.tsv.

    planted : cells of this phenotype that were put in, None where the recipe plants none such.
    passes, low_cut, high_cut : the oracle's count with the cuts as they are, times .9, times 1.1;
        None where the file cannot be read, and for what is planted but is no class.
    """

    acquisition: str
    modality: str
    phenotype: str
    planted: int | None
    passes: int | None
    low_cut: int | None
    high_cut: int | None


@dataclass(frozen=True)
class TruthCell:
    """One row of truth_cells.tsv: a cell of a slide that was planted, or that the oracle calls a
    candidate.

    phenotype : the oracle's. planted : the kind that was put there, empty for a leukocyte.
    """

    acquisition: str
    phenotype: str
    planted: str
    centroid_y_px: float
    centroid_x_px: float


def tabulate_truth(
    acquisition: str, *, modality: str, kinds: Mapping[str, int], counts: OracleCounts | None
) -> list[TruthRow]:
    """Return the rows of one acquisition: every class, then what else was planted.

    kinds : number of events of every kind that the file was made of.
    """
    planted = _planted_by_phenotype(kinds)
    further = [] if counts is None else sorted(set(counts.passes) - set(_ROWS))
    rows = [
        _row(acquisition, modality, name, planted=planted.get(name), counts=counts)
        for name in (*_ROWS, *further)
    ]
    others = sorted(set(kinds) - set(_PARTS) - set(_LEUKOCYTES) - {"dim_hybrid"})
    return rows + [
        _row(acquisition, modality, f"({kind})", planted=kinds[kind], counts=None)
        for kind in others
    ]


def write_truth(folder: Path, rows: Iterable[TruthRow], cells: Iterable[TruthCell]) -> None:
    """Write both tables into a folder."""
    write_text(folder / TRUTH_FILE, _format_table(TruthRow, rows))
    write_text(folder / TRUTH_CELLS_FILE, _format_table(TruthCell, cells))


def read_truth(path: Path) -> list[TruthRow]:
    """Read truth.tsv; raises ChcError where it is absent or is another table."""
    return [
        TruthRow(
            acquisition=row["acquisition"],
            modality=row["modality"],
            phenotype=row["phenotype"],
            planted=_number(row["planted"]),
            passes=_number(row["passes"]),
            low_cut=_number(row["low_cut"]),
            high_cut=_number(row["high_cut"]),
        )
        for row in _read_table(path, TruthRow)
    ]


def read_truth_cells(path: Path) -> list[TruthCell]:
    """Read truth_cells.tsv; raises ChcError where it is absent or is another table."""
    return [
        TruthCell(
            acquisition=row["acquisition"],
            phenotype=row["phenotype"],
            planted=row["planted"],
            centroid_y_px=float(row["centroid_y_px"]),
            centroid_x_px=float(row["centroid_x_px"]),
        )
        for row in _read_table(path, TruthCell)
    ]


def _planted_by_phenotype(kinds: Mapping[str, int]) -> dict[str, int]:
    planted: Counter[str] = Counter({part: kinds.get(part, 0) for part in _PARTS})
    for whole in CANDIDATE_CLASSES:
        planted[whole] = sum(planted[part] for part in _PARTS if part.startswith(whole))
    planted["leukocyte"] = sum(kinds.get(kind, 0) for kind in _LEUKOCYTES)
    planted["indeterminate_candidate"] = kinds.get("dim_hybrid", 0)
    return dict(planted)


def _row(
    acquisition: str,
    modality: str,
    name: str,
    *,
    planted: int | None,
    counts: OracleCounts | None,
) -> TruthRow:
    if counts is None:
        return TruthRow(acquisition, modality, name, planted, None, None, None)
    numbers = (counts.passes[name], counts.low_cut[name], counts.high_cut[name])
    return TruthRow(acquisition, modality, name, planted, *numbers)


def _format_table(kind: type[TruthRow | TruthCell], rows: Iterable[TruthRow | TruthCell]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(field.name for field in fields(kind))
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _number(cell: str) -> int | None:
    return int(cell) if cell else None


def _read_table(path: Path, kind: type[TruthRow | TruthCell]) -> Sequence[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ChcError(f"{path}: no such table; `chc simulate` writes it") from None
    reader = csv.DictReader(io.StringIO(text), delimiter="\t")
    expected = [field.name for field in fields(kind)]
    if reader.fieldnames != expected:
        raise ChcError(
            f"{path}: not the table that `chc simulate` writes; "
            f"expected the columns {', '.join(expected)}"
        )
    return list(reader)
