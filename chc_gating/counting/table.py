"""counts.tsv, counts.parquet and not_counted.tsv from the counts of draws."""

from __future__ import annotations

import csv
import io
import types
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from chc_gating.counting.uncounted import list_uncounted_groups
from chc_gating.model.count import COUNT_COLUMNS, AcquisitionSummary, CountRow, DrawCount

if TYPE_CHECKING:
    import pyarrow

NOT_COUNTED_COLUMNS = (
    "draw",
    "acquisition",
    "modality",
    "panel",
    "gates",
    "lot",
    "status",
    "reason",
)


def render_counts(rows: Iterable[CountRow]) -> str:
    """Return counts.tsv: a header and one line a row, an empty cell where nothing is known.

    Numbers are written with the fewest digits that give the same number back.
    """
    return _render(COUNT_COLUMNS, ([getattr(row, name) for name in COUNT_COLUMNS] for row in rows))


def parse_counts(text: str) -> tuple[CountRow, ...]:
    """Return the rows of a counts.tsv of this version."""
    lines = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(
        CountRow.model_validate({name: cell for name, cell in line.items() if cell})
        for line in lines
    )


def counts_to_arrow(rows: Sequence[CountRow]) -> pyarrow.Table:
    """Return the same table with typed columns: int64, float64 or text, null where empty."""
    import pyarrow

    kinds: dict[object, pyarrow.DataType] = {int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema(
        [(name, kinds.get(_find_type(name), pyarrow.string())) for name in COUNT_COLUMNS]
    )
    return pyarrow.Table.from_pylist([row.model_dump() for row in rows], schema=schema)


def render_not_counted(draws: Iterable[DrawCount]) -> str:
    """Return not_counted.tsv: what was not counted, and why.

    One line for each acquisition that failed, also where others of its draw count; and one, with
    ``acquisition`` empty, for what has no count though no acquisition of it failed alone: a draw
    without acquisitions, gates without cuts, more blood examined than there was.
    """
    return _render(NOT_COUNTED_COLUMNS, (line for draw in draws for line in _list_failures(draw)))


def _list_failures(draw: DrawCount) -> list[tuple[object, ...]]:
    measured = {_find_group(a) for a in draw.acquisitions if a.status == "counted"}
    failed = {_find_group(a) for a in draw.acquisitions if a.status == "not_counted"}
    blameless = [
        (row.draw, None, *group, row.status, row.reason)
        for row in list_uncounted_groups(draw.rows)
        if (group := (row.modality, row.panel, row.gates, row.lot)) in measured
        or group not in failed
    ]
    acquisitions = [
        (draw.draw["draw"], a.acquisition, *_find_group(a), a.status, a.reason)
        for a in draw.acquisitions
        if a.status == "not_counted"
    ]
    return [*blameless, *acquisitions]


def _find_group(acquisition: AcquisitionSummary) -> tuple[str | None, ...]:
    row = acquisition.row
    return row.get("modality"), row.get("panel"), row.get("gates"), row.get("lot")


def _find_type(column: str) -> object:
    """Return a column's type, without the None of an empty cell."""
    annotation: object = CountRow.model_fields[column].annotation
    if not isinstance(annotation, types.UnionType):
        return annotation
    return next(kind for kind in get_args(annotation) if kind is not type(None))


def _render(columns: Sequence[str], lines: Iterable[Iterable[object]]) -> str:
    table = ["\t".join(columns), *("\t".join(map(_write_cell, line)) for line in lines)]
    return "\n".join(table) + "\n"


def _write_cell(value: object) -> str:
    if value is None:
        return ""
    # A tab or a line end inside a reason would break the table.
    return repr(float(value)) if isinstance(value, float) else " ".join(str(value).split())
