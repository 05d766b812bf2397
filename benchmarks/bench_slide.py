"""Whole runs of segment, measure and gate-image against scikit-image, side by side.

    make bench                                   # everything, and docs/performance-slides.md
    python benchmarks/bench_slide.py --quick     # a small slide, printed only
    make big-slide                               # a slide of 40,000 px: benchmarks/big_slide.py

The slide is simulated (`chc simulate`: 4 channels, uint16, zlib, its true outlines known). Each way
runs in processes of its own with one thread, start included, the fingerprint of the raw file left
out. Found nuclei are held against the true outlines.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import yaml
from processes import Run, best, chc, join, run

HERE = Path(__file__).parent
CONFIG = HERE.parent / "config"
CHANNELS = 4
STEPS = ("segment", "measure", "gate-image")
SECTIONS = ("big slide", "many cells")
"""Sections of the document that benchmarks/big_slide.py and many_cells.py write."""


@dataclass(frozen=True)
class Score:
    """Found nuclei against true ones."""

    found: int
    f1_50: float
    f1_70: float


def simulate(folder: Path, side_px: int) -> Path:
    """Simulate a slide with nuclei that touch and rare cells; return its file."""
    recipe = {
        "seed": 7,
        "panels": str(CONFIG / "panels"),
        "gates": str(CONFIG / "gates"),
        "acquisitions": {
            "S1": {
                "modality": "image", "file": "slide.ome.tif", "patient": "P", "panel": "if4",
                "gates": "chc-slide", "width_px": side_px, "height_px": side_px,
                "density_per_mm2": 2700,
                "planted": {"CHC_EPCAM": 5, "CHC_CK": 10, "CTC_EPCAM_CK": 10},
            }
        },
    }  # fmt: skip
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    run([sys.executable, "-m", "chc_gating.cli", "simulate", str(path), "--output", str(folder)])
    return folder / "slide.ome.tif"


def write_panel(folder: Path, method: str) -> Path:
    """Write the demo's slide panel with a method."""
    panel = yaml.safe_load((CONFIG / "panels" / "if4.yaml").read_text())
    path = folder / f"{method}.yaml"
    path.write_text(yaml.safe_dump(panel | {"segmentation": {"method": method}}))
    return path


def run_stages(slide: Path, panel: Path, output: Path, *, threads: int = 1) -> dict[str, Run]:
    """Run the three stages; return each."""
    gates = CONFIG / "gates" / "chc-slide.yaml"
    done = {}
    done["segment"] = chc(
        "segment", slide, "--panel", panel, "--output", output, "--no-fingerprint", threads=threads
    )
    done["measure"] = chc(
        "measure", slide, "--panel", panel, "--labels", output, "--output", output, threads=threads
    )
    done["gate-image"] = chc(
        "gate-image", output, "--slide", slide, "--panel", panel, "--gates", gates,
        "--output", output, threads=threads,
    )  # fmt: skip
    return done


def score(truth: np.ndarray, found: np.ndarray) -> Score:
    """Return F1 at overlap over union of .5 and .7."""
    truth = np.unique(truth, return_inverse=True)[1].reshape(truth.shape)
    found = np.unique(found, return_inverse=True)[1].reshape(found.shape)
    true_px, found_px = np.bincount(truth.ravel()), np.bincount(found.ravel())
    both = (truth > 0) & (found > 0)
    pairs, shared = np.unique(truth[both] * len(found_px) + found[both], return_counts=True)
    t, f = np.divmod(pairs, len(found_px))
    overlap = shared / (true_px[t] + found_px[f] - shared)
    objects = len(true_px) + len(found_px) - 2
    f1 = [2 * int((overlap > limit).sum()) / objects for limit in (0.5, 0.7)]
    return Score(len(found_px) - 1, *f1)


def time_parts(slide: Path, method: str) -> dict[str, float]:
    """Seconds of what segmentation consists of, in a process that has started."""
    from chc_gating.imaging.blocks import grid_blocks
    from chc_gating.imaging.labels import write_labels
    from chc_gating.imaging.methods import choose_method
    from chc_gating.imaging.slide import open_slide

    clock = time.perf_counter
    parts = dict.fromkeys(("prepare", "read", "label", "write"), 0.0)
    with open_slide(slide) as opened, tempfile.TemporaryDirectory() as folder:
        shape = opened.shape

        def read(box):  # type: ignore[no-untyped-def]
            return opened.read_box(0, box)

        chosen, diameter_px = choose_method(method), 9.0 / opened.pixel_size_um
        for _ in range(2):  # the first time compiles or loads kernels
            start = clock()
            prepared = chosen.prepare(read, shape, diameter_px=diameter_px)
            parts["prepare"] = clock() - start
            block = next(grid_blocks(shape))
            outer = block.grow(prepared.reach_px, shape)
            prepared.label_block(read(outer), block, outer=outer)

        def labelled():  # type: ignore[no-untyped-def]
            for block in grid_blocks(shape):
                start = clock()
                outer = block.grow(prepared.reach_px, shape)
                pixels = read(outer)
                read_at = clock()
                seeds = prepared.label_block(pixels, block, outer=outer)
                parts["read"] += read_at - start
                parts["label"] += clock() - read_at
                yield seeds + 1

        start = clock()
        write_labels(Path(folder) / "labels.tif", shape, labelled())
        parts["write"] = clock() - start - parts["read"] - parts["label"]
    return parts


class Bench:
    """All ways over one slide."""

    def __init__(self, folder: Path, side_px: int, turns: int) -> None:
        import tifffile

        self.folder, self.side_px, self.turns = folder, side_px, turns
        self.slide = simulate(folder, side_px)
        self.outlines = folder / "true-outlines" / "S1" / "labels.tif"
        self.truth = tifffile.imread(self.outlines)
        self.mpx = side_px**2 / 1e6
        self.stages: dict[str, dict[str, Run]] = {}
        self.two: dict[str, dict[str, Run]] = {}
        self.scores: dict[str, Score] = {}

    def measure_method(self, method: str) -> None:
        """Run the stages with a method, with one thread and with two."""
        import tifffile

        panel, output = write_panel(self.folder, method), self.folder / method
        run_stages(self.slide, panel, output)  # compiles kernels, and warms the page cache
        for threads, kept in ((1, self.stages), (2, self.two)):
            turns = [
                run_stages(self.slide, panel, output, threads=threads) for _ in range(self.turns)
            ]
            kept[method] = {step: best([turn[step] for turn in turns]) for step in STEPS}
        self.scores[method] = score(self.truth, tifffile.imread(output / "labels.tif"))

    def run_peer(self, way: str, path: Path) -> Run:
        """Run a way of the peers once."""
        return run([sys.executable, str(HERE / "peer_slide.py"), way, str(self.slide), str(path)])

    def table(self, chain: Run) -> list[str]:
        """Return the rows of whole runs."""
        rows = []
        for method, steps in self.stages.items():
            whole = join(list(steps.values()))
            rows.append(self._row(f"`chc`, `method: {method}`", whole, self.scores[method], chain))
        rows.append(self._row("scikit-image chain", chain, self.scores["chain"], chain))
        return rows

    @staticmethod
    def _row(name: str, done: Run, found: Score, chain: Run) -> str:
        ratio = f"{chain.wall_s / done.wall_s:.1f}" if done is not chain else ""
        return (
            f"| {name} | {done.wall_s:.1f} | {done.cpu_s:.1f} | {done.peak_mb:,.0f} | "
            f"{found.found:,} | {found.f1_50:.4f} | {found.f1_70:.4f} | {ratio} |"
        )

    def step_rows(self) -> list[str]:
        """Return the rows of single stages."""
        rows = []
        for method, steps in self.stages.items():
            for step, done in steps.items():
                if step != "segment" and method != next(iter(self.stages)):
                    continue  # the other stages are the same after any method
                name = f"segment, {method}" if step == "segment" else step
                mpx = self.mpx * (1 if step == "segment" else CHANNELS)
                twice = self.two[method][step]
                rows.append(
                    f"| {name} | {done.wall_s:.2f} | {done.cpu_s:.2f} | {mpx / done.cpu_s:.0f} | "
                    f"{self.scores[method].found / done.cpu_s:,.0f} | {done.peak_mb:,.0f} | "
                    f"{twice.wall_s:.2f} | {done.wall_s / twice.wall_s:.2f} | "
                    f"{twice.peak_mb:,.0f} |"
                )
        return rows

    def part_rows(self) -> list[str]:
        """Return what segmentation consists of, by method."""
        rows = []
        for method in self.stages:
            done = run([sys.executable, __file__, "--parts", method, str(self.slide)])
            parts = json.loads(done.text)
            rates = " | ".join(f"{seconds:.2f}" for seconds in parts.values())
            rows.append(f"| {method} | {rates} | {self.mpx / parts['label']:.1f} |")
        return rows

    def measurement_rows(self) -> list[str]:
        """Return measurement alone, on the true outlines."""
        panel, output = write_panel(self.folder, "watershed"), self.folder / "measured"
        ours = best(
            [
                chc("measure", self.slide, "--panel", panel, "--labels", self.outlines.parent,
                    "--output", output)
                for _ in range(self.turns + 1)
            ]
        )  # fmt: skip
        warm = run([sys.executable, __file__, "--measure", str(self.folder)])
        seconds = json.loads(warm.text)["seconds"]
        rows = [
            f"| `chc measure`, the command | {ours.wall_s:.2f} | {ours.peak_mb:,.0f} | |",
            f"| ... in a process that has started | {seconds:.2f} | {warm.peak_mb:,.0f} | 1 |",
        ]
        names = {"measure": "regionprops_table, the same columns", "mcquant": "as mcquant does"}
        for way, name in names.items():
            done = self.run_peer(way, self.outlines)
            steps = json.loads(done.text)["steps"]
            alone = sum(steps.values())
            rows.append(f"| {name} | {alone:.2f} | {done.peak_mb:,.0f} | {alone / seconds:.0f} |")
        return rows


def time_measure(folder: Path) -> dict[str, float]:
    """Seconds of the measure stage on the true outlines, the second time in one process."""
    from chc_gating.stages.measure import measure

    for _ in range(3):
        start = time.perf_counter()
        measure(
            folder / "slide.ome.tif",
            panel=folder / "watershed.yaml",
            labels=folder / "true-outlines" / "S1",
            output=folder / "measured",
        )
        seconds = time.perf_counter() - start
    return {"seconds": seconds}


def find_methods() -> list[str]:
    """Return the methods of this version that look at the DNA channel."""
    from chc_gating.imaging.methods import choose_method

    methods = []
    for name in ("watershed", "network"):
        try:
            choose_method(name)
        except ValueError:
            continue
        methods.append(name)
    return methods


def describe_machine() -> str:
    """Return processor, versions and load, as one paragraph."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    packages = ("numpy", "numba", "scikit-image", "scipy", "tifffile", "onnxruntime")
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}, {', '.join(f'{p} {version(p)}' for p in packages)}. "
        f"Load of the machine when this began: {os.getloadavg()[0]:.1f}."
    )


def measure_all(side_px: int, turns: int) -> str:
    """Return the document, without the section of the big slide."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), side_px, turns)
        for method in find_methods():
            bench.measure_method(method)
        labels = bench.folder / "chain.npy"
        chain = best([bench.run_peer("chain", labels) for _ in range(min(turns, 2))])
        bench.scores["chain"] = score(bench.truth, np.load(labels))
        steps = json.loads(chain.text)["steps"]
        return DOCUMENT.format(
            machine=machine,
            side=f"{side_px:,}",
            nuclei=f"{len(np.unique(bench.truth)) - 1:,}",
            whole="\n".join(bench.table(chain)),
            chain="; ".join(f"{step} {seconds:.1f} s" for step, seconds in steps.items()),
            steps="\n".join(bench.step_rows()),
            parts="\n".join(bench.part_rows()),
            measurement="\n".join(bench.measurement_rows()),
        )


DOCUMENT = """# Performance on slides

Printed by `make bench` (`benchmarks/bench_slide.py`); run it to have the numbers of your machine.

{machine}

Work: a simulated slide of 4 channels x {side} x {side} px, uint16, zlib, .5 um, with {nuclei}
nuclei, a third of which touch. One thread and processes of their own, start included, page cache
warm, the best of several turns.

## Whole runs

Ours: `chc segment`, `chc measure` and `chc gate-image`, three processes. The chain: gaussian, Otsu,
fill holes, opening, distance, watershed, expand_labels, and regionprops_table of nucleus and ring
in all channels (mean, SD, least, greatest and shape; no median, no solidity, no gate, nothing
written). F1 is against the true outlines.

| way | wall s | processor s | peak MB | nuclei | F1 at .5 | F1 at .7 | times as fast |
|---|---:|---:|---:|---:|---:|---:|---:|
{whole}

The chain: {chain}.

## Stage by stage

Megapixels and nuclei are per second of one core's time, start included: megapixels of the DNA
channel for segment, of all channels for the others. The last three columns are of two threads.

| stage | wall s | processor s | Mpx/s | nuclei/s | peak MB | wall s | times as fast | peak MB |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
{steps}

What segmentation consists of, in seconds, in a process that has started: the first look at the
slide, reading the blocks (zlib) with their halo, labelling them, compressing and writing labels.
Where labelling is most of it the stage is bound by computing, and more threads help; reading is
bound by decompression.

| method | first look | read | label | write | Mpx/s of labelling |
|---|---:|---:|---:|---:|---:|
{parts}

## Measurement alone

On the true outlines. The columns of `chc measure` by regionprops_table are shape, and per channel
mean, SD, least, greatest, median, 90 % quantile, saturated and positive share, each of nucleus,
ring and cell; what else we write (background, focus, neighbours) has no equal there. "As mcquant
does" is its way, shape and then the mean of one channel after the other, of nuclei alone (mcquant
itself is on no index that this was measured from). Times include reading the image and, for ours,
writing the table.

| way | s | peak MB | times ours |
|---|---:|---:|---:|
{measurement}
"""


def find_section(text: str, name: str) -> str:
    """Return a section of the document that another program writes; empty where it is absent."""
    found = re.search(rf"<!-- {name} -->\n.*?<!-- end -->\n", text, re.DOTALL)
    return "" if found is None else found[0]


def keep_sections(text: str, path: Path) -> str:
    """Return the document with the sections of others that stand in a file already."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [find_section(old, name) for name in SECTIONS]
    return "\n".join([text, *filter(None, kept)])


def write_section(path: Path, name: str, section: str) -> None:
    """Put a section into the document, in the place of the old one."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    old = find_section(text, name)
    text = text.replace(old, section) if old else f"{text.rstrip()}\n\n{section}"
    path.write_text(text.lstrip(), encoding="utf-8")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small slide, printed only")
    parser.add_argument("--side", type=int, default=6144, help="of the slide, px")
    parser.add_argument("--turns", type=int, default=3, help="of which the best counts")
    parser.add_argument("--output", type=Path, help="also write the document there")
    parser.add_argument("--parts", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.parts:
        print(json.dumps(time_parts(Path(given.parts[1]), given.parts[0])))
    elif given.measure:
        print(json.dumps(time_measure(given.measure)))
    else:
        side, turns = (2048, 1) if given.quick else (given.side, given.turns)
        text = measure_all(side, turns)
        print(text)
        if given.output and not given.quick:
            given.output.write_text(keep_sections(text, given.output), encoding="utf-8")


if __name__ == "__main__":
    main()
