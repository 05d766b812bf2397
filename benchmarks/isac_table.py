"""Print the table of ISAC's Gating-ML cases, event by event, and put it into docs/gating.md.

Usage: python benchmarks/isac_table.py [FOLDER with data1.fcs, gml/ and truth/]
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import chc_gating as chc

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "flow" / "gatingml"
FURTHER = ROOT / "benchmarks" / "gating_ml_further.xml"
PAGE = ROOT / "docs" / "gating.md"
_MARKED = re.compile(r"(<!-- table: isac -->\n).*?(<!-- end -->)", re.DOTALL)

Row = tuple[str, str, int, int, int, int]
"""Case, population, events, ours, truth, events that agree."""


def compare_isac(folder: Path) -> Iterator[Row]:
    """Yield every population that has a truth table."""
    fcs = chc.open_fcs(folder / "data1.fcs")
    for path in sorted((folder / "gml").glob("*.xml")):
        for name, ours in chc.gate_events(fcs, chc.load_gates(path)).items():
            truth_file = folder / "truth" / f"Results_{name}.txt"
            if truth_file.exists():
                truth = np.loadtxt(truth_file).astype(bool)
                yield _row(path.stem, name, ours, truth)


def compare_flowkit(folder: Path) -> Iterator[Row]:
    """Yield the populations without a truth table, FlowKit's own membership as truth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import flowkit
    fcs = chc.open_fcs(folder / "data1.fcs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = flowkit.Sample(str(folder / "data1.fcs"))
    paths = [folder / "gml" / "gml_ellipse2_gate.xml"]
    paths += [folder / "gml" / "gml_parent_quadrant_rect_gate.xml", FURTHER]
    for path in paths:
        found = flowkit.parse_gating_xml(str(path)).gate_sample(sample)
        for name, ours in chc.gate_events(fcs, chc.load_gates(path)).items():
            known = (folder / "truth" / f"Results_{name}.txt").exists() or name == "all"
            if not known:
                theirs = np.asarray(found.get_gate_membership(name), dtype=bool)
                yield _row(path.stem, name, ours, theirs)


def _row(case: str, name: str, ours: np.ndarray, truth: np.ndarray) -> Row:
    counts = len(ours), int(ours.sum()), int(truth.sum()), int((ours == truth).sum())
    return case, name, *counts


def format_table(isac: list[Row], further: list[Row]) -> str:
    """Return both tables as Markdown."""
    lines = []
    for title, rows in (("ISAC truth", isac), ("FlowKit", further)):
        lines += [
            f"| case | population | events | ours | {title} | agree |",
            "|---|---|" + "---:|" * 4,
        ]
        lines += [
            f"| {case} | {name} | {n:,} | {ours:,} | {truth:,} | {agree:,} |"
            for case, name, n, ours, truth, agree in rows
        ]
        agreeing = sum(row[2] == row[5] for row in rows)
        lines += ["", f"{agreeing} of {len(rows)} populations agree in every event.", ""]
    return "\n".join(lines)


def main() -> None:
    """Print the table, write it into the page, fail where an event differs."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    isac, further = list(compare_isac(folder)), list(compare_flowkit(folder))
    table = format_table(isac, further)
    print(table)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_MARKED.sub(lambda m: f"{m[1]}{table}{m[2]}", page), encoding="utf-8")
    sys.exit(any(row[2] != row[5] for row in (*isac, *further)))


if __name__ == "__main__":
    main()
