"""`chc require-counted`: the last rule of a strict batch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from chc_gating.counting.table import parse_counts
from chc_gating.counting.uncounted import list_uncounted
from chc_gating.errors import ChcError
from chc_gating.model.record import Record
from chc_gating.storage.provenance import software_version
from chc_gating.storage.records import write_record


class AllCounted(Record):
    """strict.json: written only when every draw was counted, in all its parts."""

    schema_: str = Field(default="chc_gating/strict/1", alias="schema")
    software_version: str
    draws_counted: int


def require_counted(counts: Path, *, output: Path) -> None:
    """Write strict.json; raises ChcError, naming them, when a draw or a part was not counted."""
    try:
        rows = parse_counts(counts.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChcError(f"{counts}: no such table; run chc report-batch first") from None
    missing = list_uncounted(rows)
    if missing:
        listed = "\n".join(f"  {one.describe()}" for one in missing)
        raise ChcError(f"settings.strict is true and not everything was counted:\n{listed}")
    counted = len({row.draw for row in rows})
    write_record(output, AllCounted(software_version=software_version(), draws_counted=counted))
