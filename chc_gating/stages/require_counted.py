"""`chc require-counted`: the last rule of a strict batch."""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import Field

from chc_gating.errors import ChcError
from chc_gating.model.record import Record
from chc_gating.storage.provenance import software_version
from chc_gating.storage.records import write_record


class AllCounted(Record):
    """strict.json: written only when every draw of the batch was counted."""

    schema_: str = Field(default="chc_gating/strict/1", alias="schema")
    software_version: str
    draws_counted: int


def require_counted(counts: Path, *, output: Path) -> None:
    """Write strict.json; raises ChcError, naming the draws, when a row was not counted."""
    try:
        with counts.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except FileNotFoundError:
        raise ChcError(f"{counts}: no such table; run chc report-batch first") from None
    missing = {row["draw"]: row["reason"] for row in rows if row["status"] != "counted"}
    if missing:
        listed = "\n".join(f"  {draw}: {reason}" for draw, reason in missing.items())
        raise ChcError(f"settings.strict is true and these draws were not counted:\n{listed}")
    counted = len({row["draw"] for row in rows})
    write_record(output, AllCounted(software_version=software_version(), draws_counted=counted))
