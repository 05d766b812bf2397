"""The closing lines of a run: what was counted, what was not and why, and what to type next."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.configuration import Batch
from chc_gating.errors import ChcError
from chc_gating.model.count import DrawCount
from chc_gating.storage.records import read_record


def summarise(batch: Batch) -> str:
    """Return the closing lines of a run, from what lies in the batch's results folder."""
    root = batch.results_folder
    counts = {draw: _read_count(root, draw) for draw in batch.draws}
    counted = [draw for draw, count in counts.items() if count and count.status == "counted"]
    lines = ["", f"{len(counted)} of {len(counts)} draws were counted."]
    for draw, count in counts.items():
        if count is None:
            lines.append(f"  {draw} was not reached.")
        elif count.status != "counted":
            lines.append(f"  {draw} was NOT COUNTED: {count.reason}")
    page = layout.batch_folder(root) / "report.html"
    if page.is_file():
        lines.append(f"Page of the batch: {page}   table: {page.with_name('counts.tsv')}")
    lines.append("Logs: logs/")
    lines.append(_next_step(counts, page=page))
    return "\n".join(lines)


def _read_count(root: Path, draw: str) -> DrawCount | None:
    try:
        return read_record(layout.draw_folder(root, draw) / "count.json", DrawCount)
    except ChcError:
        return None


def _next_step(counts: dict[str, DrawCount | None], *, page: Path) -> str:
    unreached = [draw for draw, count in counts.items() if count is None]
    if unreached or not page.is_file():
        return "Next: read the log that is named above, mend it, and type the same command again."
    failed = [draw for draw, count in counts.items() if count and count.status != "counted"]
    if failed:
        return (
            "Next: mend or replace the files of these draws and type the same command again; "
            "only they run."
        )
    return f"Next: open {page} in a browser."
