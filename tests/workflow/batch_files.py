"""A batch's configuration written from texts, and its tables read."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


def write_configuration(batch: Path, texts: Mapping[str, str]) -> None:
    """Write the files of a batch's ``config`` folder, by their path in it."""
    for name, text in texts.items():
        path = batch / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a TSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def read_counts(batch: Path, draw: str | None = None) -> list[dict[str, str]]:
    """Return the rows of counts.tsv, of one draw or of all."""
    rows = read_table(batch / "results" / "batch" / "counts.tsv")
    return [row for row in rows if draw in (None, row["draw"])]
