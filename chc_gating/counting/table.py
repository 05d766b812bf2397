"""counts.tsv, counts.parquet and not_counted.tsv from the counts of draws."""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from chc_gating.model.count import COUNT_COLUMNS, CountRow, DrawCount

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

    One line for each modality, panel, gates and lot of a draw that has no count (``acquisition``
    is empty), and one for each acquisition that failed, also where others of its draw count.
    """
    return _render(NOT_COUNTED_COLUMNS, (line for draw in draws for line in _list_failures(draw)))


def _list_failures(draw: DrawCount) -> list[tuple[object, ...]]:
    groups = [
        (row.draw, None, row.modality, row.panel, row.gates, row.lot, row.status, row.reason)
        for row in draw.rows
        if row.status == "not_counted"
    ]
    failed = [
        (
            one.row["draw"],
            one.acquisition,
            *(one.row.get(name) for name in ("modality", "panel", "gates", "lot")),
            one.status,
            one.reason,
        )
        for one in draw.acquisitions
        if one.status == "not_counted"
    ]
    return [*dict.fromkeys(groups), *failed]


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
