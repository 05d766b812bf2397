"""Tables of numbers under and beside names, such as a spillover matrix, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chc_gating.batch.cells import CellError, parse_cell
from chc_gating.batch.settings import Settings
from chc_gating.batch.sheets import read_cells
from chc_gating.errors import ConfigError, Fault

FORM = "write channel names across and down, and one number where they meet"
"""The form of a table, as advice."""
_NO_LOCALE = Settings()


@dataclass(frozen=True)
class SpilloverTable:
    """Numbers by name: m names across, and of every row its name and m numbers.

    Neither the names across nor those down are checked.
    """

    file: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]


def read_spillover_table(path: Path) -> SpilloverTable:
    """Read a TSV or CSV as any sheet (Excel's encodings and separators); decimals have a point.

    Raises ConfigError with the first cell that is no number and how many more there are, or with
    every row that is too short or too long.
    """
    file = str(path)
    (_, header), *lines = read_cells(Path(path))
    names = _strip_end(header[1:])
    rows: list[tuple[str, tuple[float, ...]]] = []
    lengths: list[Fault] = []
    values: list[Fault] = []
    for line, cells in lines:
        name, *texts = cells
        texts = texts[: len(names)] + _strip_end(texts[len(names) :])
        if len(texts) != len(names):
            problem = f"{len(texts)} values for {len(names)} channels"
            lengths.append(Fault(file, problem, FORM, row=line))
            continue
        rows.append((name, _read_values(texts, names, line=line, file=file, faults=values)))
    faults = _gather(lengths) + _gather(values)
    if faults:
        raise ConfigError(faults)
    return SpilloverTable(file, tuple(names), tuple(rows))


def _strip_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    return cells


def _read_values(
    texts: list[str], names: list[str], *, line: int, file: str, faults: list[Fault]
) -> tuple[float, ...]:
    numbers = []
    for name, text in zip(names, texts, strict=True):
        try:
            value = parse_cell(text, "number", _NO_LOCALE) if text else None
            if not isinstance(value, float):
                raise CellError("is blank", "")
            numbers.append(value)
        except CellError as error:
            remedy = "write a number with a decimal point and no mark for thousands"
            shown = text or None
            faults.append(Fault(file, error.problem, remedy, line, name or None, shown))
    return tuple(numbers)


def _gather(faults: list[Fault]) -> list[Fault]:
    """Return the first fault, saying how many more there are: a wrong file has one in each row."""
    if len(faults) < 2:
        return faults
    first, more = faults[0], len(faults) - 1
    problem = f"{first.problem}, and {more:,} more of the table {'is' if more == 1 else 'are'} so"
    return [Fault(first.file, problem, first.remedy, first.row, first.column, first.value)]
