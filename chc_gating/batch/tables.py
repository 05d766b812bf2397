"""A sheet's cells to records: every fault with its row and column, none thrown away."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from chc_gating.batch.cells import CellError, Value, parse_cell
from chc_gating.batch.explain import explain_error, find_close
from chc_gating.batch.rows import Kind, Row
from chc_gating.batch.settings import Settings
from chc_gating.batch.sheets import Sheet
from chc_gating.errors import Fault

RowType = TypeVar("RowType", bound=Row)
Keep = Callable[[dict[str, str]], bool]


@dataclass
class Table(Generic[RowType]):
    """The rows of a sheet that are valid, each with its line; and what is wrong with the rest.

    ``texts`` holds the cells of every row, valid or not, as written: (line, column -> text).
    """

    file: str
    rows: list[tuple[int, RowType]] = field(default_factory=list)
    texts: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_table(
    sheet: Sheet, record: type[RowType], settings: Settings, *, keep: Keep | None = None
) -> Table[RowType]:
    """Validate a sheet's rows as records; only the rows for which ``keep`` is true, if given."""
    table: Table[RowType] = Table(sheet.file)
    known = tuple(record.model_fields)
    _check_columns(sheet, record, table)
    places = [(i, name) for i, name in enumerate(sheet.columns) if name in record.model_fields]
    kinds = {name: column_kind(record, name) for name in known}
    for line, cells in sheet.rows:
        filled = {name: cells[i] for i, name in places if cells[i]}
        if keep is not None and not keep(filled):
            continue
        table.texts.append((line, filled))
        row = _read_row(filled, record, kinds, line=line, settings=settings, table=table)
        if row is not None:
            table.rows.append((line, row))
    return table


def column_kind(record: type[Row], name: str) -> Kind:
    """Return the kind of a column: how its text is read."""
    extra = cast("dict[str, Any]", record.model_fields[name].json_schema_extra)
    return cast(Kind, extra["kind"])


def _check_columns(sheet: Sheet, record: type[Row], table: Table[RowType]) -> None:
    required = [name for name, info in record.model_fields.items() if info.is_required()]
    absent = [name for name in required if name not in sheet.columns]
    unknown = [n for n in sheet.columns if n and n not in record.model_fields]
    for name in absent:
        near = find_close(name, unknown)
        remedy = "add it to the first row" if near is None else f"rename the column {near!r}"
        table.faults.append(Fault(sheet.file, f"the column {name} is missing", remedy, 1))
    for name in unknown:
        near = find_close(name, [n for n in record.model_fields if n not in sheet.columns])
        hint = "" if near is None else f"; did you mean {near}?"
        table.warnings.append(f"{sheet.file}, row 1, {name}: unknown column, not used{hint}")
    for i, name in enumerate(sheet.columns):
        if not name and any(cells[i] for _, cells in sheet.rows):
            table.warnings.append(f"{sheet.file}, row 1: column {i + 1} has no name, not used")


def _read_row(
    filled: dict[str, str],
    record: type[RowType],
    kinds: dict[str, Kind],
    *,
    line: int,
    settings: Settings,
    table: Table[RowType],
) -> RowType | None:
    values: dict[str, Value] = {}
    faulty = set()
    for name, text in filled.items():
        try:
            values[name] = parse_cell(text, kinds[name], settings)
        except CellError as error:
            faulty.add(name)
            table.faults.append(Fault(table.file, error.problem, error.remedy, line, name, text))
    _set_day(values)
    try:
        row = record.model_validate(values)
    except ValidationError as error:
        _explain_row(error, filled, faulty=faulty, line=line, table=table)
        return None
    return None if faulty else row


def _set_day(values: dict[str, Value]) -> None:
    """Put times without a date on the day of the draw."""
    day = values.get("collected_on")
    if type(day) is not datetime.date:
        return
    for name in ("drawn_at", "received_at"):
        moment = values.get(name)
        if isinstance(moment, datetime.datetime) and moment.date() == datetime.date.min:
            values[name] = datetime.datetime.combine(day, moment.time())


def _explain_row(
    error: ValidationError,
    filled: dict[str, str],
    *,
    faulty: set[str],
    line: int,
    table: Table[RowType],
) -> None:
    absent = {fault.problem.split()[2] for fault in table.faults if fault.row == 1}
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0])
        if name in faulty or name in absent:
            continue
        problem, remedy = explain_error(detail)
        text = filled.get(name)
        if detail["type"] == "less_than_equal" and "fraction" in name:
            remedy = "write a share, not percent: 35 % is 0.35"
        table.faults.append(
            Fault(table.file, "is blank" if text is None else problem, remedy, line, name, text)
        )
