"""Ids across sheets: defined once, known where they are used, told apart on every computer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chc_gating.errors import Fault


@dataclass(frozen=True)
class Cell:
    """An id: where it stands (line 0: it is the name of the file), and what it says."""

    file: str
    line: int
    column: str
    text: str


def column_cells(
    texts: Iterable[tuple[int, Mapping[str, str]]], *, file: str, columns: Iterable[str]
) -> list[Cell]:
    """Return the filled cells of some columns of a sheet."""
    names = tuple(columns)
    return [
        Cell(file, line, name, cells[name])
        for line, cells in texts
        for name in names
        if name in cells
    ]


def find_duplicates(cells: Iterable[Cell]) -> list[Fault]:
    """Return a fault for every id that is defined a second time."""
    first: dict[str, Cell] = {}
    faults = []
    for cell in cells:
        earlier = first.setdefault(cell.text, cell)
        if earlier is not cell:
            problem = f"is already the id of row {earlier.line}"
            faults.append(_fault(cell, problem, "give each row an id of its own"))
    return faults


def find_lookalikes(cells: Iterable[Cell]) -> list[Fault]:
    """Return faults for ids that differ only by leading zeros, or only by upper and lower case.

    ``cells`` are all the places where ids of one kind are defined or used.
    """
    spellings: dict[str, Cell] = {}
    for cell in cells:
        spellings.setdefault(cell.text, cell)
    faults = []
    by_case: dict[str, Cell] = {}
    by_digits: dict[str, Cell] = {}
    for text, cell in spellings.items():
        other = by_case.setdefault(text.casefold(), cell)
        if other is not cell:
            faults.append(_explain_case(cell, other))
        if text.isdigit():
            twin = by_digits.setdefault(text.lstrip("0"), cell)
            if twin is not cell:
                faults.append(_explain_zeros(cell, twin))
    return faults


def find_unknown(
    cells: Iterable[Cell], known: Iterable[str], *, noun: str, remedy: str
) -> list[Fault]:
    """Return a fault for every use of an id that is not known, unless a lookalike of it is.

    A lookalike is reported by `find_lookalikes`, once.
    """
    names = set(known)
    folded = {name.casefold() for name in names}
    bare = {name.lstrip("0") for name in names if name.isdigit()}
    faults = []
    for cell in cells:
        text = cell.text
        if text in names or text.casefold() in folded:
            continue
        if text.isdigit() and text.lstrip("0") in bare:
            continue
        faults.append(_fault(cell, f"no such {noun}", remedy))
    return faults


def _explain_case(cell: Cell, other: Cell) -> Fault:
    return _fault(
        cell,
        f"differs only by upper and lower case from {other.text!r} ({_place(other)}); "
        "on many disks the two would be one file",
        "spell it one way everywhere, or choose different ids",
    )


def _explain_zeros(cell: Cell, twin: Cell) -> Fault:
    short, long = sorted((cell, twin), key=lambda c: len(c.text))
    return _fault(
        short,
        f"lost leading zeros: {_place(long)} says {long.text!r}",
        "format the column as text and type the id again",
    )


def _place(cell: Cell) -> str:
    return f"{cell.file}, row {cell.line}, {cell.column}" if cell.line else cell.file


def _fault(cell: Cell, problem: str, remedy: str) -> Fault:
    return Fault(cell.file, problem, remedy, cell.line or None, cell.column, cell.text)
