"""Whole runs of `chc gate-flow` against FlowKit and fcsparser with numpy, side by side.

    make bench                                   # everything, and docs/performance.md
    python benchmarks/bench_flow.py --quick      # small files, printed only

Writes FCS files of 12 float32 channels with a $SPILLOVER of 8 x 8 to a temporary folder, block by
block. Every way reads, compensates, gates scatter, singlets by ratio and viability, calls three
markers and counts phenotypes; ours and one of the peers also write the tables of a result. Each
runs in a process of its own with one thread, start included, the fingerprint of the raw file left
out. Counts must be equal, those with moved cuts too, else the exit code is 1. Memory is the peak of
the process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

CHANNELS = (
    "FSC-A", "FSC-H", "SSC-A", "APC-A", "PE-A", "FITC-A", "BV421-A",
    "D5-A", "D6-A", "D7-A", "D8-A", "Time",
)  # fmt: skip
FLUORESCENCE = CHANNELS[3:11]
MATRIX = 0.1 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
CUTS = {"VIA": 3000.0, "CD45": 2000.0, "EPCAM": 3000.0, "CK": 2500.0}
PHENOTYPES = ("CHC", "CTC", "leukocyte")
MARKERS = {"CD45": "APC-A", "EPCAM": "PE-A", "CK": "FITC-A", "VIA": "BV421-A"}
ROLES = {"CD45": "leukocyte", "EPCAM": "epithelial", "CK": "epithelial", "VIA": "viability"}
INTACT = {"FSC-A": (30000.0, None), "SSC-A": (None, 150000.0)}
SINGLET = (0.9, 1.6)
GIVEN = json.dumps({"cuts": CUTS, "markers": MARKERS, "intact": INTACT, "singlet": SINGLET})
BLOCK_EVENTS = 250_000
FLOWKIT_UP_TO = 10_000_000  # it needs 4.5 GB for that many


def write_fcs(path: Path, events: int) -> None:
    """Write the file block by block, so that the writer needs little memory too."""
    values = ",".join(f"{v:.10g}" for v in MATRIX.ravel())
    keywords = {
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F",
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(len(CHANNELS)),
        "$TOT": str(events),
        "$TIMESTEP": "0.01",
        "$SPILLOVER": f"8,{','.join(FLUORESCENCE)},{values}",
    }
    for i, name in enumerate(CHANNELS, start=1):
        keywords |= {f"$P{i}N": name, f"$P{i}B": "32", f"$P{i}R": "262144", f"$P{i}E": "0,0"}
    size = events * len(CHANNELS) * 4
    begin = 4096
    offsets = {"$BEGINDATA": str(begin), "$ENDDATA": str(begin + size - 1)}
    both = {"$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0"}
    text = "|" + "".join(f"{k}|{v}|" for k, v in (keywords | offsets | both).items())
    end = begin + size - 1
    in_header = (begin, end) if end < 100_000_000 else (0, 0)
    header = "FCS3.1    " + "".join(f"{n:>8}" for n in (58, 57 + len(text), *in_header, 0, 0))
    with path.open("wb") as file:
        file.write((header + text).encode().ljust(begin))
        rng = np.random.default_rng(7)
        for first in range(0, events, BLOCK_EVENTS):
            n = min(BLOCK_EVENTS, events - first)
            file.write(draw_events(rng, n, first).tobytes())


def draw_events(rng: np.random.Generator, n: int, first: int) -> np.ndarray:
    """Debris and doublets, dead cells, leukocytes, and one epithelial event in a thousand."""
    out = np.empty((n, len(CHANNELS)), dtype=np.float32)
    out[:, 0] = rng.lognormal(11.0, 0.5, n)
    out[:, 1] = out[:, 0] / rng.normal(1.25, 0.15, n)
    out[:, 2] = rng.lognormal(10.5, 0.7, n)
    pure = rng.normal(0.0, 150.0, (n, 8))
    pure[:, 0] += np.where(rng.random(n) < 0.95, rng.lognormal(9.5, 0.5, n), 0.0)
    pure[:, 1] += np.where(rng.random(n) < 1e-3, rng.lognormal(9.5, 0.5, n), 0.0)
    pure[:, 2] += np.where(rng.random(n) < 1e-3, rng.lognormal(9.5, 0.5, n), 0.0)
    pure[:, 3] += np.where(rng.random(n) < 0.1, rng.lognormal(9.5, 0.5, n), 0.0)
    out[:, 3:11] = pure @ MATRIX
    out[:, 11] = np.arange(first, first + n) * 0.01
    return out


def write_sheets(folder: Path) -> None:
    """Write the panel and the gates as files."""
    import yaml

    scatter = {name: {"role": "scatter"} for name in ("FSC-A", "FSC-H", "SSC-A")}
    stained = {c: {"marker": m, "role": ROLES[m]} for m, c in MARKERS.items()}
    panel = {"modality": "flow", "spillover": "keyword", "channels": scatter | stained}
    gates = {
        "populations": {
            "intact": {"rectangle": {c: list(bounds) for c, bounds in INTACT.items()}},
            "singlet": {
                "parent": "intact",
                "ratio": {"of": ["FSC-A", "FSC-H"], "within": list(SINGLET)},
            },
            "viable": {"parent": "singlet", "when": "VIA-"},
        },
        "phenotype": "viable",
        "cuts": {marker: {"fixed": cut} for marker, cut in CUTS.items()},
        "phenotypes": {
            "CHC": "CD45+ and (EPCAM+ or CK+)",
            "CTC": "CD45- and (EPCAM+ or CK+)",
            "leukocyte": "CD45+ and EPCAM- and CK-",
        },
    }
    (folder / "panel.yaml").write_text(yaml.safe_dump(panel))
    (folder / "gates.yaml").write_text(yaml.safe_dump(gates))


def gate_with_flowkit(path: Path) -> dict[str, int]:
    """The counts by FlowKit: Sample, compensation, logicle, cuts on the transformed values."""
    warnings.simplefilter("ignore")
    import flowkit

    sample = flowkit.Sample(path)
    names = list(FLUORESCENCE)
    sample.apply_compensation(flowkit.Matrix(MATRIX, names, names))
    logicle = flowkit.transforms.LogicleTransform(262144, 0.5, 4.5, 0)
    sample.apply_transform(logicle)
    cut = {m: logicle.apply(np.array([[v]]))[0, 0] for m, v in CUTS.items()}
    raw = {c: sample.get_channel_events(c, source="raw") for c in CHANNELS[:3]}
    high = {
        marker: sample.get_channel_events(channel, source="xform") >= cut[marker]
        for marker, channel in MARKERS.items()
    }
    intact = (raw["FSC-A"] >= INTACT["FSC-A"][0]) & (raw["SSC-A"] < INTACT["SSC-A"][1])
    ratio = raw["FSC-A"] / raw["FSC-H"]
    singlet = intact & (ratio >= SINGLET[0]) & (ratio < SINGLET[1])
    viable = singlet & ~high["VIA"]
    epithelial = high["EPCAM"] | high["CK"]
    masks = {
        "intact": intact,
        "singlet": singlet,
        "viable": viable,
        "CHC": viable & high["CD45"] & epithelial,
        "CTC": viable & ~high["CD45"] & epithelial,
        "leukocyte": viable & high["CD45"] & ~epithelial,
    }
    return {name: int(mask.sum()) for name, mask in masks.items()}


def time_kernel(path: Path) -> dict[str, float]:
    """Seconds of the pass alone with 1 and 2 threads, and of a plain sum over the same batches."""
    from chc_gating.batch.gates import load_gates
    from chc_gating.batch.panels import load_panel
    from chc_gating.compensation import spillover_from_keyword
    from chc_gating.flow.fcs import open_fcs
    from chc_gating.gating.compile import compile_gates
    from chc_gating.gating.run import run_plan

    panel = load_panel(path.parent / "panel.yaml")
    gates = load_gates(path.parent / "gates.yaml", panel=panel)
    fcs = open_fcs(path)
    names = {"channels": fcs.channels, "labels": fcs.markers}
    spillover = spillover_from_keyword(fcs.keywords, **names)
    plan = compile_gates(panel, gates, spillover=spillover, **names)
    stream = fcs.event_stream()

    def total() -> None:
        for batch in stream.batches(65_536):
            batch.sum()

    ways = {
        "1 thread": lambda: run_plan(stream, plan),
        "2 threads": lambda: run_plan(stream, plan, threads=2),
        "sum": total,
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(6):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@dataclass(frozen=True)
class Run:
    """One process: its wall time, its peak memory, what it printed."""

    seconds: float
    peak_mb: float
    text: str


def run(command: list[str]) -> Run:
    """Run a command in a process of its own, with one thread for numpy's libraries."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        environment = os.environ | one
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # pip compiles the peers' sources
        child = subprocess.Popen(command, stdout=out, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
        out.seek(0)
        return Run(seconds, usage.ru_maxrss / 1024, out.read())


class Bench:
    """The ways over a file."""

    def __init__(self, folder: Path, peers: str) -> None:
        self.folder, self.peers = folder, peers

    def ours(self, path: Path, threads: int = 1) -> Run:
        """`chc gate-flow`; its text becomes the counts that stand in its result."""
        sheets = [f"--{name}={self.folder / name}.yaml" for name in ("panel", "gates")]
        output = self.folder / "result"
        command = [sys.executable, "-m", "chc_gating.cli", "gate-flow", str(path), *sheets]
        done = run([*command, "--output", str(output), "--no-fingerprint", f"--threads={threads}"])
        found = json.loads((output / "populations.json").read_text())
        events = {p["name"]: p["events"] for p in found["populations"] + found["phenotypes"]}
        wanted = ("intact", "singlet", "viable", *PHENOTYPES)
        return Run(done.seconds, done.peak_mb, json.dumps({k: events[k] for k in wanted}))

    def flowkit(self, path: Path) -> Run:
        """FlowKit, from the project's environment."""
        return run([sys.executable, __file__, "--flowkit", str(path)])

    def fcsparser(self, path: Path) -> Run:
        """By fcsparser and numpy in float32, counts only, from the peers' environment."""
        return run([self.peers, str(HERE / "peer_fcsparser.py"), str(path), GIVEN])

    def fcsparser_tables(self, path: Path) -> Run:
        """The same, with the tables that ours writes."""
        output = str(self.folder / "peer")
        return run([self.peers, str(HERE / "peer_tables.py"), str(path), GIVEN, output])

    def moved_counts(self) -> dict[str, list[int]]:
        """Return our counts with lower and with higher cuts."""
        found = json.loads((self.folder / "result" / "populations.json").read_text())
        counts = {p["name"]: [p["low_cut"], p["high_cut"]] for p in found["phenotypes"]}
        return {name: counts[name] for name in PHENOTYPES}

    def moved_counts_of_peer(self) -> dict[str, list[int]]:
        """Return the peer's counts with lower and with higher cuts."""
        moved = json.loads((self.folder / "peer" / "populations.json").read_text())["moved_cuts"]
        return {name: [moved["low_cut"][name], moved["high_cut"][name]] for name in PHENOTYPES}

    def compare(self, events: int, repeats: int) -> list[str]:
        """Return the table rows of one file; ways take turns, the best of each counts."""
        path = self.folder / "bench.fcs"
        write_fcs(path, events)
        self.ours(path)  # compiles kernels where they are not cached, and warms the page cache
        ways = {
            "chc gate-flow": self.ours,
            "fcsparser + numpy, the same tables": self.fcsparser_tables,
            "fcsparser + numpy, counts only": self.fcsparser,
        }
        if events <= FLOWKIT_UP_TO:
            ways["FlowKit"] = self.flowkit
        runs = {name: [] for name in ways}
        for turn in range(repeats):
            for name, way in ways.items():
                if name != "FlowKit" or turn == 0:
                    runs[name].append(way(path))
        counts = {name: json.loads(done[0].text) for name, done in runs.items()}
        if any(c != counts["chc gate-flow"] for c in counts.values()):
            raise SystemExit(f"the counts differ: {counts}")
        if self.moved_counts() != self.moved_counts_of_peer():
            raise SystemExit("the counts with moved cuts differ")
        first = min(r.seconds for r in runs["chc gate-flow"])
        return [row(events, name, done, first) for name, done in runs.items()]


def row(events: int, name: str, runs: list[Run], ours: float) -> str:
    """Return a table row."""
    seconds, peak = min(r.seconds for r in runs), max(r.peak_mb for r in runs)
    ratio = "" if name.startswith("chc") else f"{seconds / ours:.1f}"
    return f"| {events:,} | {name} | {seconds:.2f} | {peak:,.0f} | {ratio} |"


def describe_machine() -> str:
    """Return processor, versions and load, as one paragraph."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "numba", "flowkit", "pyarrow"))
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, {packages}; fcsparser 0.2.8 with numpy below 2. "
        f"Load of the machine when this began: {os.getloadavg()[0]:.1f}."
    )


def measure(sizes: list[int], large: int | None, peers: str, repeats: int) -> str:
    """Return the document."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench, path = Bench(folder, peers), folder / "bench.fcs"
        write_sheets(folder)
        rows = [line for events in sizes for line in bench.compare(events, repeats)]
        write_fcs(path, min(sizes[-1], FLOWKIT_UP_TO))
        best = json.loads(run([sys.executable, __file__, "--kernel", str(path)]).text)
        size, whole = path.stat().st_size / 1e9, bench.ours(path)
        if large is not None:
            write_fcs(path, large)
            rows.append(row(large, "chc gate-flow", [bench.ours(path)], 1.0))
    events = min(sizes[-1], FLOWKIT_UP_TO)
    return DOCUMENT.format(
        machine=machine,
        rows="\n".join(rows),
        events=f"{events:,}",
        one=best["1 thread"],
        two=best["2 threads"],
        scaling=best["1 thread"] / best["2 threads"],
        sum=best["sum"],
        kernel_rate=size / best["1 thread"],
        two_rate=size / best["2 threads"],
        sum_rate=size / best["sum"],
        whole=whole.seconds,
        whole_rate=size / whole.seconds,
    )


DOCUMENT = """# Performance

Printed by `make bench` (`benchmarks/bench_flow.py`); run it to have the numbers of your machine.
Slides are in [performance-slides.md](performance-slides.md).

{machine}

Work: read 12 float32 channels, compensate by an 8 x 8 $SPILLOVER, gate scatter, singlets and
viability, call three markers, count phenotypes. Ours and "the same tables" also count per time bin
and with cuts moved by 10 %, fill five densities of 128 x 128, count the margins of channels and
write candidates with all channels (`benchmarks/peer_tables.py`). One process and one thread each,
start included, page cache warm, the fingerprint of the raw file left out, the best of several turns
(FlowKit: one). Counts are equal, or there is no table. The last column is how many times as long as
ours.

| events | way | wall s | peak MB | ratio |
|---:|---|---:|---:|---:|
{rows}

FlowKit and fcsparser hold every event in memory; where a row is missing it was not run for that.

## The limit

{events} events, best of six, in a process that has started:

| what | s | GB/s |
|---|---:|---:|
| sum of the same batches by numpy, 1 thread | {sum:.3f} | {sum_rate:.2f} |
| the pass, 1 thread | {one:.3f} | {kernel_rate:.2f} |
| the pass, 2 threads ({scaling:.2f} times as fast, same bytes) | {two:.3f} | {two_rate:.2f} |
| the whole process, 1 thread | {whole:.2f} | {whole_rate:.2f} |

The pass is bound by computing, not by reading. A block of events is turned into columns that fit
the caches; every gate, sum and density runs along them in vector instructions.

## Start

A small file's time is that of imports: numpy, pydantic, pyarrow. numba is not among them: the
kernels are compiled once for a processor (about 20 s), and their object code is kept in
`__pycache__` beside them, from where llvmlite loads it in milliseconds (architecture.md, 12).
It is not shipped: machine code holds for one type of processor. `make` compiles it when it sets up;
on a cluster whose nodes are of several types, the first job on each compiles it anew.
"""


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small files, printed only")
    parser.add_argument("--output", type=Path, help="also write the document there")
    parser.add_argument("--peers", default=".venv-peers/bin/python", help="their interpreter")
    parser.add_argument("--flowkit", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kernel", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.flowkit or given.kernel:
        found = gate_with_flowkit(given.flowkit) if given.flowkit else time_kernel(given.kernel)
        print(json.dumps(found))
        return
    if given.quick:
        text = measure([100_000, 1_000_000], None, given.peers, 2)
    else:
        text = measure([100_000, 5_000_000, 10_000_000, 40_000_000], 100_000_000, given.peers, 5)
    print(text)
    if given.output:
        given.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
