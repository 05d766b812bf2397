"""Count simulated slides as crowded as smears, and put what was found into docs/slides.md.

Usage: python benchmarks/slide_truth.py [--method network] [--statistic median] [--seeds 3]

Each slide holds about 5,000 leukocytes. Rare cells lie as they fall: nuclei touch, leukocytes lie
beside tumour cells, a part of the nuclei has lobes, some cells are out of focus, there are scraps
of DNA, stuck leukocytes, autofluorescent particles and giant cells. Every slide is counted twice:
on outlines that were measured, and on the true ones.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from chc_gating.model.segmentation import DEFAULT_METHOD
from chc_gating.simulate.recipe import Recipe
from chc_gating.simulate.truth import OUTLINES_FOLDER, TRUTH_CELLS_FILE, TruthCell, read_truth_cells
from chc_gating.stages.compare_slide import (
    GIANT,
    LOCATED,
    MATCH_DISTANCE_UM,
    Located,
    locate_planted,
)
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.stages.simulate import simulate
from chc_gating.storage.tables import read_table

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "slides.md"
PANEL = ROOT / "config" / "panels" / "if4.yaml"
GATES = ROOT / "config" / "gates" / "chc-slide.yaml"
_MARKED = re.compile(r"(<!-- table: slide_truth -->\n).*?(<!-- end -->)", re.DOTALL)

SIDE_PX, PIXEL_SIZE_UM = 2944, 0.5
PLANTED = {
    "CHC_EPCAM": 12,
    "CHC_CK": 16,
    "CHC_EPCAM_CK": 12,
    "CTC_EPCAM": 6,
    "CTC_CK": 7,
    "CTC_EPCAM_CK": 7,
    "dim_hybrid": 4,
    "caml": 4,
}
CROWDED = {
    "clearance_um": 0.0,
    "beside": 0.2,
    "touching": 0.3,
    "out_of_focus": 0.03,
    "debris_per_mm2": 100.0,
}
PREPARATIONS = {"gradient": 0.05, "lysed": 0.5}
"""Share of leukocytes whose nucleus has lobes: few granulocytes are left by a density gradient, and
most leukocytes of lysed blood are such."""


@dataclass(frozen=True)
class Row:
    """One preparation, kind of outlines and class: sums over slides.

    flagged : of the found ones and of the false ones, how many carry `neighbour_spill`.
    """

    preparation: str
    outlines: str
    located: Located
    flagged: tuple[int, int]
    true_nuclei: int


def write_rules(folder: Path, *, method: str, statistic: str) -> None:
    """Write the panel and gates of the demo batch, with this method and statistic."""
    panel = yaml.safe_load(PANEL.read_text(encoding="utf-8"))
    panel["segmentation"] = {"method": method}
    for channel in panel["channels"].values():
        if channel.get("marker"):
            channel["statistic"] = statistic
    for name, text in (
        ("panels/if4.yaml", yaml.safe_dump(panel)),
        ("gates/chc-slide.yaml", GATES.read_text(encoding="utf-8")),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_recipe(folder: Path, *, lobed: float, seed: int) -> Path:
    """Write the recipe of one slide."""
    slide = {
        "modality": "image",
        "file": "slide.ome.tif",
        "patient": "P1",
        "panel": "if4",
        "gates": "chc-slide",
        "width_px": SIDE_PX,
        "height_px": SIDE_PX,
        "pixel_size_um": PIXEL_SIZE_UM,
        "planted": PLANTED,
        "lobed": lobed,
        **CROWDED,
    }
    made = Recipe.model_validate({"seed": seed, "acquisitions": {"S": slide}})
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(made.model_dump(mode="json")), encoding="utf-8")
    return path


Found = tuple[Located, tuple[int, int]]


def count_slide(folder: Path, *, lobed: float, seed: int) -> dict[str, list[Found]]:
    """Simulate and count one slide; return, by kind of outlines, what was found of each class."""
    demo, panel = folder / "demo", folder / "panels" / "if4.yaml"
    simulate(write_recipe(folder, lobed=lobed, seed=seed), output=demo)
    slide = demo / "slide.ome.tif"
    cells = read_truth_cells(demo / TRUTH_CELLS_FILE)
    measured, true = folder / "measured", demo / OUTLINES_FOLDER / "S"
    segment(slide, panel=panel, output=measured)
    found = {}
    for name, labels in (("measured", measured), ("true", true)):
        output = folder / f"counted-{name}"
        measure(slide, panel=panel, labels=labels, output=output)
        gates = folder / "gates" / "chc-slide.yaml"
        gate_image(output, slide=slide, panel=panel, gates=gates, output=output, control_crops=0)
        found[name] = [
            (one, count_flagged(output, one.phenotype, cells))
            for one in locate_planted(output, cells)
        ]
    return found


def count_flagged(folder: Path, phenotype: str, cells: Sequence[TruthCell]) -> tuple[int, int]:
    """Return how many candidates of a class are flagged for a neighbour's light: of those that lie
    where one was planted, and of the others, giant cells left out.
    """
    table = read_table(folder / "candidates.parquet")
    table = table.filter(pc.equal(table["phenotype"], phenotype))
    flags = table["flags"].to_pylist()
    flagged = np.array(["neighbour_spill" in f.split(";") for f in flags], dtype=bool)
    places = np.stack([table[f"centroid_{axis}_px"].to_numpy() for axis in "yx"], axis=1)
    planted = _is_near(places, [c for c in cells if c.planted.startswith(f"{phenotype}_")])
    giant = _is_near(places, [c for c in cells if c.planted == GIANT])
    return int((flagged & planted).sum()), int((flagged & ~planted & ~giant).sum())


def _is_near(places: NDArray[np.float64], cells: Sequence[TruthCell]) -> NDArray[np.bool_]:
    """Return which places (n, 2) lie where one of the cells is."""
    others = np.array([(c.centroid_y_px, c.centroid_x_px) for c in cells]).reshape(-1, 2)
    apart = np.hypot(*(places[:, None] - others[None]).transpose(2, 0, 1))
    near: NDArray[np.bool_] = (apart <= MATCH_DISTANCE_UM / PIXEL_SIZE_UM).any(axis=1)
    return near


def run(*, method: str, statistic: str, seeds: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for preparation, lobed in PREPARATIONS.items():
        slides = []
        for seed in range(1, seeds + 1):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                write_rules(folder, method=method, statistic=statistic)
                slides.append(count_slide(folder, lobed=lobed, seed=seed))
        true_nuclei = sum(slide["true"][0][0].nuclei for slide in slides)
        for outlines in ("measured", "true"):
            for k, phenotype in enumerate(LOCATED):
                parts = [slide[outlines][k] for slide in slides]
                yield Row(
                    preparation=preparation,
                    outlines=outlines,
                    located=_add([part for part, _ in parts], phenotype),
                    flagged=(sum(f[0] for _, f in parts), sum(f[1] for _, f in parts)),
                    true_nuclei=true_nuclei,
                )


def _add(parts: Sequence[Located], phenotype: str) -> Located:
    return Located(
        phenotype,
        found=sum(part.found for part in parts),
        missed=sum(part.missed for part in parts),
        false=sum(part.false for part in parts),
        nuclei=sum(part.nuclei for part in parts),
    )


def format_table(rows: Sequence[Row], *, method: str, statistic: str, seeds: int) -> str:
    """Return the table as Markdown."""
    lines = [
        f"Method `{method}`, statistic `{statistic}`, {seeds} slides of a kind:",
        "",
        "| slides | outlines | nuclei | class | planted | found | recall | false | false per 1,000 "
        "true nuclei |",
        "|---|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        one = row.located
        per_1000 = 1000 * one.false / row.true_nuclei
        lines.append(
            f"| {row.preparation} | {row.outlines} | {one.nuclei:,} | {one.phenotype} | "
            f"{one.found + one.missed} | {one.found} | {one.recall or 0:.3f} | {one.false} | "
            f"{per_1000:.2f} |"
        )
    lines.append("")
    for preparation in PREPARATIONS:
        ours, true = (
            next(
                r
                for r in rows
                if (r.preparation, r.outlines, r.located.phenotype) == (preparation, kind, "CHC")
            )
            for kind in ("measured", "true")
        )
        excess = 1000 * (ours.located.false - true.located.false) / ours.true_nuclei
        lines.append(
            f"{preparation}: {excess:.2f} false CHC per 1,000 nuclei beyond those on true "
            f"outlines; `neighbour_spill` is raised by {ours.flagged[1]} of the "
            f"{ours.located.false} false and {ours.flagged[0]} of the {ours.located.found} found "
            f"CHC (true outlines: {true.flagged[1]} of {true.located.false} and "
            f"{true.flagged[0]} of {true.located.found})."
        )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default=DEFAULT_METHOD, help="as in a panel's segmentation")
    parser.add_argument("--statistic", default="median", help="as in a panel's channels")
    parser.add_argument("--seeds", type=int, default=3, help="slides of each kind")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write into")
    asked = parser.parse_args()
    chosen = {"method": asked.method, "statistic": asked.statistic, "seeds": asked.seeds}
    table = format_table(list(run(**chosen)), **chosen)
    print(table)
    page = asked.output.read_text(encoding="utf-8")
    asked.output.write_text(_MARKED.sub(rf"\g<1>{table}\g<2>", page), encoding="utf-8")


if __name__ == "__main__":
    main()
