"""The closing lines of a run: what was counted, what was not and why, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.configuration import Batch
from chc_gating.counting.uncounted import Uncounted, list_uncounted
from chc_gating.errors import ChcError
from chc_gating.model.count import DrawCount
from chc_gating.storage.records import read_record


def summarise(batch: Batch) -> str:
    """Return the closing lines of a run, from what lies in the batch's results folder."""
    root = batch.results_folder
    counts = {draw: _read_count(root, draw) for draw in batch.draws}
    missing = list_uncounted(row for count in counts.values() if count for row in count.rows)
    lines = ["", _count_draws(counts, missing)]
    lines += [f"  {draw} was not reached." for draw, count in counts.items() if count is None]
    lines += [f"  {one.describe()}" for one in missing]
    page = layout.batch_page(root)
    if page.is_file():
        lines.append(f"Page of the batch: {page}   table: {page.with_name('counts.tsv')}")
    lines.append("Logs: logs/")
    lines.append(_next_step(counts, missing, root=root, page=page))
    return "\n".join(lines)


def _count_draws(counts: dict[str, DrawCount | None], missing: Sequence[Uncounted]) -> str:
    counted = sum(count is not None and count.status == "counted" for count in counts.values())
    partly = len({one.row.draw for one in missing if one.is_partial})
    end = f", {partly} of them partly." if partly else "."
    return f"{counted} of {len(counts)} draws were counted{end}"


def _read_count(root: Path, draw: str) -> DrawCount | None:
    try:
        return read_record(layout.count_file(root, draw), DrawCount)
    except ChcError:
        return None


def _next_step(
    counts: dict[str, DrawCount | None], missing: Sequence[Uncounted], *, root: Path, page: Path
) -> str:
    if None in counts.values() or not page.is_file():
        return (
            "Next: read the log that is named above, mend it, and type the same command again. "
            "A run that was broken off wants --rerun-incomplete with it (after --unlock, if it "
            "says that the folder is locked)."
        )
    made = page.stat().st_mtime_ns
    if any(layout.count_file(root, draw).stat().st_mtime_ns > made for draw in counts):
        return (
            f"Next: {page} and counts.tsv are older than some draws; type the command without "
            "naming a result, and they are made anew."
        )
    if missing:
        return f"Next: {page} says what to do about what was not counted."
    return f"Next: open {page} in a browser."
