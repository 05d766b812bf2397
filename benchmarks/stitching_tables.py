"""Print what stitching was measured to do, and put it into docs/stitching.md.

Usage: python -m benchmarks.stitching_tables [FOLDER of the tonsil]
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import scan_table, step_table, tonsil_table

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "image" / "tonsil"
PAGE = ROOT / "docs" / "stitching.md"


def fill_table(page: str, name: str, lines: Iterable[str]) -> str:
    """Return a page with the text between a table's marks written anew."""
    marks = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text = "\n".join(lines)
    return marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page)


def main() -> None:
    """Measure, print and write."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        tonsil = tonsil_table.compare_tonsil(data, Path(folder) / "tonsil")
        scan = scan_table.compare_scan(Path(folder) / "scan")
        steps = step_table.compare_steps(Path(folder) / "steps")
    for name, lines in (
        ("tonsil", list(tonsil_table.table_lines(tonsil))),
        ("scan", list(scan_table.table_lines(scan))),
        ("steps", list(step_table.table_lines(steps))),
    ):
        print("\n".join(lines), end="\n\n")
        page = fill_table(page, name, lines)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
