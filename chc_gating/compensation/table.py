"""Spillover from a CSV file: names across, names down."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from chc_gating.errors import ConfigError, Fault
from chc_gating.model.spillover import Spillover

_REMEDY = "write channel names across and down, and one number where they meet"


def read_spillover_csv(path: Path) -> Spillover:
    """Return the spillover that a table holds.

    The first row names the detectors, the first column the fluorochromes by the same channel
    names in any order; commas, semicolons or tabs separate cells, and decimals have a point.
    Raises ConfigError with every fault of the file.
    """
    rows = _read_rows(Path(path))
    channels = tuple(rows[0][1][1:])
    faults = _check_names(path, channels, [row for _, row in rows[1:]])
    values: dict[str, list[float]] = {}
    for line, row in rows[1:]:
        numbers, wrong = _read_values(path, line, row, channels=channels)
        values[row[0]] = numbers
        faults += wrong
    if faults:
        raise ConfigError(faults)
    matrix = np.array([values[name] for name in channels], dtype=np.float64)
    return Spillover(channels, matrix, Path(path).name)


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return (line number, cells) of every row that is not empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Fault(str(path), "no such file", "correct the path")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(str(path), "not a UTF-8 text", "save it as CSV")]) from None
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max("\t;,", key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=separator)
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    rows = [(line, row) for line, row in rows if any(row)]
    if not rows:
        raise ConfigError([Fault(str(path), "the table is empty", _REMEDY)])
    return rows


def _check_names(path: Path, channels: tuple[str, ...], rows: list[list[str]]) -> list[Fault]:
    down = [row[0] for row in rows]
    problem = None
    if not channels or "" in channels:
        problem = "a column has no name"
    elif len(set(channels)) < len(channels) or len(set(down)) < len(down):
        problem = "a channel is named twice"
    elif set(down) != set(channels):
        differ = ", ".join(sorted(set(down) ^ set(channels)))
        problem = f"rows and columns must name the same channels; these differ: {differ}"
    return [Fault(str(path), problem, _REMEDY)] if problem else []


def _read_values(
    path: Path, line: int, row: list[str], *, channels: tuple[str, ...]
) -> tuple[list[float], list[Fault]]:
    if len(row) != len(channels) + 1:
        problem = f"{len(row) - 1} values for {len(channels)} channels"
        return [], [Fault(str(path), problem, _REMEDY, row=line)]
    numbers, faults = [], []
    for name, cell in zip(channels, row[1:], strict=True):
        number = _number(cell)
        numbers.append(number)
        if not math.isfinite(number):
            remedy = "write a finite number with a decimal point"
            faults.append(
                Fault(str(path), "not a number", remedy, row=line, column=name, value=cell)
            )
    return numbers, faults


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
