"""Measure the shipped network on pictures it never saw, and write docs/model-card.md's tables.

    python training/evaluate.py [--data FOLDER] [--float MODEL] [--leave-out FOLDER]

--float is the same network in 32 bits, which is not shipped; --leave-out holds, for every
microscope that was left out of a training, the model of that training (`make leave-out`). A table
whose input is absent says so.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scores import NOTHING, Matches, label_picture, match_labels
from sheets import Picture, read_pictures, split_pictures

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.network import NucleusNetwork, load_network
from chc_gating.imaging.network_diameter import find_diameter
from chc_gating.imaging.network_method import NetworkMethod
from chc_gating.imaging.nuclei import segment_nuclei

ROOT = Path(__file__).resolve().parents[1]
SPLIT = ROOT / "training" / "split.tsv"
PAGE = ROOT / "docs" / "model-card.md"
Labeller = Callable[[NDArray[np.uint16]], NDArray[np.integer]]
NOISE_SEED, NOISE_PX = 20, 1024


def main() -> None:
    """Measure, print and write everything."""
    options = parse_options()
    pictures = read_pictures(options.data)
    parts = split_pictures(pictures)
    write_split(parts)
    methods = name_methods(options.float)
    test = parts["test"]
    tables: dict[str, Callable[[], str]] = {
        "split": lambda: tabulate_split(parts),
        "methods": lambda: tabulate_methods(methods, test),
        "microscopes": lambda: tabulate_microscopes(methods, test),
        "errors": lambda: tabulate_errors(test),
        "sizes": lambda: tabulate_sizes(test),
        "left out": lambda: tabulate_left_out(options.leave_out, pictures),
        "noise": lambda: tabulate_noise(methods),
        "speed": tabulate_speed,
    }
    for name in options.tables or tables:
        table = tables[name]()
        print(f"\n{name}\n{table}", flush=True)
        write_table(name, table)


def parse_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/image/dsb2018"))
    parser.add_argument("--float", type=Path, default=ROOT / "training" / "run" / "float.onnx")
    parser.add_argument("--leave-out", type=Path, default=ROOT / "training" / "left-out")
    parser.add_argument("--tables", nargs="*", help="names of tables; all unless named")
    return parser.parse_args()


def write_split(parts: dict[str, list[Picture]]) -> None:
    """Write which picture is in which part."""
    lines = ["picture\tmicroscope\tpart"]
    lines += [f"{p.name}\t{p.group}\t{part}" for part in parts for p in parts[part]]
    SPLIT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def name_methods(float_model: Path) -> dict[str, Labeller]:
    """Return every way to find nuclei that is compared; none is told the nuclei's size."""
    methods: dict[str, Labeller] = {"network, 8 bits (shipped)": run_shipped}
    if float_model.exists():
        methods["network, 32 bits"] = run_network(NucleusNetwork(float_model))
    methods["`method: watershed`"] = lambda grey: segment_nuclei(grey, method="watershed")
    methods["Otsu, distance watershed (scikit-image)"] = run_distance_watershed
    methods["Otsu, label (scikit-image)"] = run_otsu
    return methods


def run_shipped(grey: NDArray[np.uint16]) -> NDArray[np.integer]:
    """Return what `chc_gating.segment_nuclei` says."""
    return segment_nuclei(grey, method="network")


def run_network(network: NucleusNetwork) -> Labeller:
    """Return the shipped chain around a network."""

    def label(grey: NDArray[np.uint16]) -> NDArray[np.int64]:
        picture = Picture("", grey, np.zeros(grey.shape, np.int32), "")
        return label_picture(network, picture, diameter_px=find_diameter(grey, network))

    return label


def run_otsu(grey: NDArray[np.uint16]) -> NDArray[np.integer]:
    """Return connected pixels above Otsu's threshold after a blur of 1 px, of 20 px or more."""
    from skimage import filters, measure, morphology

    smooth = filters.gaussian(grey.astype(float), 1)
    mask = smooth > filters.threshold_otsu(smooth)
    return measure.label(morphology.remove_small_objects(mask, max_size=19))


def run_distance_watershed(grey: NDArray[np.uint16]) -> NDArray[np.integer]:
    """Return the usual chain of scikit-image: Otsu, distance, its maxima 5 px apart, flooding."""
    from scipy import ndimage
    from skimage import feature, segmentation

    mask = run_otsu(grey) > 0
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1)
    peaks = feature.peak_local_max(distance, min_distance=5, labels=mask.astype(int))
    seeds = np.zeros(grey.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return segmentation.watershed(-distance, seeds, mask=mask)


def score_labeller(label: Labeller, pictures: list[Picture]) -> Matches:
    """Return the matches over pictures."""
    total = NOTHING
    for picture in pictures:
        total = total + match_labels(label(picture.grey), picture.labels)
    return total


def tabulate_split(parts: dict[str, list[Picture]]) -> str:
    """Return pictures and nuclei of each microscope in each part."""
    counts = {name: Counter(p.group for p in pictures) for name, pictures in parts.items()}
    nuclei = Counter[str]()
    for picture in (p for pictures in parts.values() for p in pictures):
        nuclei[picture.group] += np.unique(picture.labels[picture.labels > 0]).size
    rows = [
        [group, str(nuclei[group]), *(str(counts[name][group]) for name in parts)]
        for group in sorted(nuclei)
    ]
    sums = [str(sum(c.values())) for c in counts.values()]
    rows.append(["all", str(sum(nuclei.values())), *sums])
    return draw_table(["microscope", "nuclei", *parts], rows)


def tabulate_methods(methods: dict[str, Labeller], pictures: list[Picture]) -> str:
    """Return the pooled scores of each method."""
    rows = []
    for name, label in methods.items():
        matches = score_labeller(label, pictures)
        rows.append([name, *_scores(matches), str(matches.found), str(matches.true)])
    return draw_table(["method", "F1 at .5", "F1 at .7", "found", "true"], rows)


def tabulate_microscopes(methods: dict[str, Labeller], pictures: list[Picture]) -> str:
    """Return the shipped network's scores by microscope, and the watershed's beside them."""
    ours, classical = methods["network, 8 bits (shipped)"], methods["`method: watershed`"]
    rows = []
    for group in sorted({p.group for p in pictures}):
        members = [p for p in pictures if p.group == group]
        network, watershed = (score_labeller(label, members) for label in (ours, classical))
        rows.append([group, str(len(members)), str(network.true), *_scores(network)])
        rows[-1] += _scores(watershed)
    header = ["microscope", "pictures", "nuclei", "F1 at .5", "at .7"]
    return draw_table([*header, "watershed at .5", "at .7"], rows)


def tabulate_errors(pictures: list[Picture]) -> str:
    """Return what became of the true nuclei that the shipped network does not match."""
    label = run_shipped
    kinds = Counter[str]()
    for picture in pictures:
        kinds.update(sort_nuclei(label(picture.grey), picture.labels))
    total = sum(kinds.values())
    rows = [[kind, str(n), f"{100 * n / total:.1f}"] for kind, n in kinds.most_common()]
    return draw_table(["true nuclei", "number", "%"], rows)


def sort_nuclei(found: NDArray[np.integer], truth: NDArray[np.integer]) -> list[str]:
    """Return for each true nucleus whether it is matched, and if not, why."""
    f = np.unique(found, return_inverse=True)[1].reshape(found.shape)
    t = np.unique(truth, return_inverse=True)[1].reshape(truth.shape)
    table = np.zeros((t.max() + 1, f.max() + 1), np.int64)
    np.add.at(table, (t, f), 1)
    shared, true_area, found_area = table[1:, 1:], table.sum(1)[1:], table.sum(0)[1:]
    union = true_area[:, np.newaxis] + found_area - shared
    covered = shared / true_area[:, np.newaxis] > 0.5
    holds = (covered.sum(0) > 1)[np.newaxis] & covered
    parts = (shared / found_area > 0.5).sum(1)
    reasons = np.select(
        [(shared > 0.5 * union).any(1), holds.any(1), parts > 1, ~covered.any(1)],
        ["matched", "joined with a neighbour", "divided", "missed, for the most part"],
        "found with another outline",
    )
    return reasons.tolist()


def tabulate_sizes(pictures: list[Picture]) -> str:
    """Return the scores of the shipped network where the diameter that it is told is wrong."""
    network, rows = load_network(), []
    for factor in (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0):
        total = NOTHING
        for picture in pictures:
            told = np.clip(factor * picture.diameter_px, 4, 200)
            found = label_picture(network, picture, diameter_px=float(told))
            total = total + match_labels(found, picture.labels)
        rows.append([f"{factor}", *_scores(total)])
    return draw_table(["told / true diameter", "F1 at .5", "at .7"], rows)


def tabulate_left_out(folder: Path, pictures: list[Picture]) -> str:
    """Return the scores on all pictures of a microscope of a network that saw none of them."""
    rows = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if "left_out" not in facts:
            continue
        members = [p for p in pictures if p.group == facts["left_out"]]
        label = run_network(NucleusNetwork(path.with_suffix(".onnx")))
        matches = score_labeller(label, members)
        rows.append([facts["left_out"], str(facts["steps"]), str(len(members)), *_scores(matches)])
    if not rows:
        return "Not measured yet: `make leave-out` trains without each microscope in turn."
    return draw_table(["left out", "steps of the training", "pictures", "F1 at .5", "at .7"], rows)


def draw_noise() -> dict[str, NDArray[np.uint16]]:
    """Return tiles of noise alone."""
    rng = np.random.default_rng(NOISE_SEED)
    shape = (NOISE_PX, NOISE_PX)
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), 1)
    return {
        "Gaussian, 1,000 +- 30": _as_grey(1000 + 30 * rng.standard_normal(shape)),
        "Poisson, mean 100": rng.poisson(100, shape).astype(np.uint16),
        "Gaussian, blurred by 1 px": _as_grey(1000 + 30 * smooth / smooth.std()),
    }


def tabulate_noise(methods: dict[str, Labeller]) -> str:
    """Return how many objects each method finds on tiles of noise."""
    tiles = draw_noise()
    rows = [
        [name, *(str(np.unique(found[found > 0]).size) for found in map(label, tiles.values()))]
        for name, label in methods.items()
    ]
    return draw_table(["method", *tiles], rows)


def tabulate_speed() -> str:
    """Return megapixels of the slide a second, on one thread, of a simulated block."""
    rows = []
    for diameter in (12, 16, 20, 28):
        grey = _draw_nuclei(diameter)
        shape = grey.shape
        prepared = NetworkMethod().prepare(
            lambda box, grey=grey: grey[box.slices], shape, diameter_px=diameter
        )
        whole = Box(0, shape[0], 0, shape[1])
        grid = np.zeros([prepared.scale.grid_length(length) for length in shape], np.float32)
        alone = _time(lambda p=prepared, g=grid: p.network.predict(g))
        chain = _time(lambda p=prepared, g=grey, w=whole: p.label_block(g, w, outer=w))
        pixels = grey.size / 1e6
        rows.append([str(diameter), f"{pixels / alone:.1f}", f"{pixels / chain:.1f}"])
    return draw_table(["nuclei, px", "network alone, Mpx/s", "whole method, Mpx/s"], rows)


def _draw_nuclei(diameter: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng(3)
    side = 1536
    y, x = np.mgrid[:side, :side]
    pitch = 2 * diameter
    gap = np.hypot(y % pitch - diameter, x % pitch - diameter) - diameter / 2
    return _as_grey(300 + 3000 / (1 + np.exp(gap)) + 20 * rng.standard_normal((side, side)))


def _time(run: Callable[[], object]) -> float:
    """Return the best of three wall times, in seconds."""
    run()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def _as_grey(image: NDArray[np.floating]) -> NDArray[np.uint16]:
    return np.clip(np.rint(image), 0, 65535).astype(np.uint16)


def _scores(matches: Matches) -> list[str]:
    return [f"{matches.f1(0.5):.3f}", f"{matches.f1(0.7):.3f}"]


def draw_table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_table(name: str, table: str) -> None:
    """Put a table between its marks in the model card."""
    text = PAGE.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marked.search(text):
        raise SystemExit(f"{PAGE}: no place for the table {name!r}")
    text = marked.sub(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
