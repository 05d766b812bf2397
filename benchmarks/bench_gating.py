"""Gating 5 million events: ours against FlowKit, each in a process of its own, in the same run.

    python benchmarks/bench_gating.py [--events N] [--threads N]

Writes an FCS file of 12 float32 channels with a $SPILLOVER of 8 x 8 to a temporary folder, has
both gate it (read, compensate, a rectangle of scatter, singlets by ratio, a viability cut, three
markers), compares the counts, and prints wall time, peak resident memory and the ratio. Memory is
that of the whole process, the pages of the mapped file included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

CHANNELS = (
    "FSC-A", "FSC-H", "SSC-A", "APC-A", "PE-A", "FITC-A", "BV421-A",
    "D5-A", "D6-A", "D7-A", "D8-A", "Time",
)  # fmt: skip
FLUORESCENCE = CHANNELS[3:11]
MATRIX = 0.1 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
CUTS = {"VIA": 3000.0, "CD45": 2000.0, "EPCAM": 3000.0, "CK": 2500.0}
MARKERS = {"CD45": "APC-A", "EPCAM": "PE-A", "CK": "FITC-A", "VIA": "BV421-A"}
ROLES = {"CD45": "leukocyte", "EPCAM": "epithelial", "CK": "epithelial", "VIA": "viability"}
INTACT = {"FSC-A": (30000.0, None), "SSC-A": (None, 150000.0)}
SINGLET = (0.9, 1.6)
BLOCK_EVENTS = 250_000


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


def gate_ours(path: Path, threads: int) -> dict[str, int]:
    """Counts by the compiled plan, streamed."""
    from chc_gating.compensation import spillover_from_keyword
    from chc_gating.flow.fcs import open_fcs
    from chc_gating.gating.compile import compile_gates
    from chc_gating.gating.run import run_plan
    from chc_gating.model.gates import Gates
    from chc_gating.model.panel import Panel

    scatter = {name: {"role": "scatter"} for name in ("FSC-A", "FSC-H", "SSC-A")}
    stained = {c: {"marker": m, "role": ROLES[m]} for m, c in MARKERS.items()}
    panel = Panel.model_validate({"name": "bench", "channels": scatter | stained})
    gates = Gates.model_validate(
        {
            "name": "bench",
            "populations": {
                "intact": {"rectangle": INTACT},
                "singlet": {
                    "parent": "intact",
                    "ratio": {"of": ["FSC-A", "FSC-H"], "within": SINGLET},
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
    )
    fcs = open_fcs(path)
    spillover = spillover_from_keyword(fcs.keywords, channels=fcs.channels, labels=fcs.markers)
    plan = compile_gates(
        panel, gates, channels=fcs.channels, labels=fcs.markers, spillover=spillover
    )
    found = run_plan(fcs.event_stream(), plan, threads=threads)
    populations = dict(zip(found.population_names, found.population_counts.tolist(), strict=True))
    classes = dict(zip(found.class_names, found.class_counts.tolist(), strict=True))
    return {k: (populations | classes)[k] for k in ("intact", "singlet", "viable", *PHENOTYPES)}


PHENOTYPES = ("CHC", "CTC", "leukocyte")


def gate_with_flowkit(path: Path, _threads: int) -> dict[str, int]:
    """The same counts by FlowKit: Sample, Matrix, and one gating strategy."""
    warnings.simplefilter("ignore")
    import flowkit

    sample = flowkit.Sample(path)
    strategy = flowkit.GatingStrategy()
    names = list(FLUORESCENCE)
    strategy.add_comp_matrix("spill", flowkit.Matrix(MATRIX, names, names))
    ratio = flowkit.transforms.RatioTransform(["FSC-A", "FSC-H"], 1.0, 0.0, 0.0)
    strategy.add_transform("ratio", ratio)

    def add(name: str, dimension: object, parent: tuple[str, ...]) -> None:
        dimensions = dimension if isinstance(dimension, list) else [dimension]
        strategy.add_gate(flowkit.gates.RectangleGate(name, dimensions), parent)

    def side(channel: str, low: float | None, high: float | None) -> object:
        reference = "spill" if channel in FLUORESCENCE else "uncompensated"
        return flowkit.Dimension(channel, reference, range_min=low, range_max=high)

    add("intact", [side(c, *bounds) for c, bounds in INTACT.items()], ("root",))
    within = {"range_min": SINGLET[0], "range_max": SINGLET[1]}
    add("singlet", flowkit.RatioDimension("ratio", "uncompensated", **within), ("root", "intact"))
    add("viable", side("BV421-A", None, CUTS["VIA"]), ("root", "intact", "singlet"))
    viable = ("root", "intact", "singlet", "viable")
    for marker in ("CD45", "EPCAM", "CK"):
        add(marker, side(MARKERS[marker], CUTS[marker], None), viable)
    found = strategy.gate_sample(sample)
    cd45, epcam, ck = (found.get_gate_membership(m) for m in ("CD45", "EPCAM", "CK"))
    inside = found.get_gate_membership("viable")
    epithelial = epcam | ck
    masks = {
        "intact": found.get_gate_membership("intact"),
        "singlet": found.get_gate_membership("singlet"),
        "viable": inside,
        "CHC": cd45 & epithelial,
        "CTC": inside & ~cd45 & epithelial,
        "leukocyte": cd45 & ~epithelial,
    }
    return {name: int(mask.sum()) for name, mask in masks.items()}


WAYS = {"chc_gating": gate_ours, "FlowKit": gate_with_flowkit}


def measure(way: str, path: Path, threads: int) -> dict[str, object]:
    """Run one way in a fresh process; seconds include its start."""
    command = [sys.executable, __file__, "--way", way, "--file", str(path)]
    start = time.perf_counter()
    out = subprocess.run(
        [*command, "--threads", str(threads)], check=True, capture_output=True, text=True
    ).stdout
    seconds = time.perf_counter() - start
    return {"seconds": seconds, **json.loads(out.splitlines()[-1])}


def run_way(way: str, path: Path, threads: int) -> None:
    """In the child: gate, and print counts, seconds and peak memory as JSON."""
    counts = WAYS[way](path, threads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts kibibytes
    print(json.dumps({"counts": counts, "peak_mb": peak}))


def compare(events: int, threads: int) -> None:
    """Write the file, measure both, print the table; stop where the counts differ."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.fcs"
        write_fcs(path, events)
        megabytes = path.stat().st_size / 1e6
        print(
            f"{events:,} events x {len(CHANNELS)} float32, {megabytes:.0f} MB, {threads} thread(s)"
        )
        measure("chc_gating", path, threads)  # compiles the kernels, and warms the page cache
        found = {way: measure(way, path, threads) for way in WAYS}
    ours, theirs = found["chc_gating"], found["FlowKit"]
    print(f"{'':12}{'wall s':>9}{'peak MB':>9}{'events/s':>14}")
    for way, result in found.items():
        seconds = float(str(result["seconds"]))
        peak = float(str(result["peak_mb"]))
        print(f"{way:12}{seconds:9.2f}{peak:9.0f}{events / seconds:14,.0f}")
    ratio = float(str(theirs["seconds"])) / float(str(ours["seconds"]))
    print(f"FlowKit takes {ratio:.1f} times as long")
    if ours["counts"] != theirs["counts"]:
        raise SystemExit(f"the counts differ: {ours['counts']} and {theirs['counts']}")
    print(f"counts are equal: {ours['counts']}")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--way", choices=list(WAYS))
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.way:
        run_way(given.way, given.file, given.threads)
    else:
        compare(given.events, given.threads)


if __name__ == "__main__":
    main()
