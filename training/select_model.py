"""Choose a checkpoint by the F1 of what would be shipped, and write it into the package.

Each checkpoint is exported, quantised on training pictures and run, by the package's own code, on
the training and the validation pictures, without being told how large their nuclei are. On the
validation pictures alone checkpoints differ by less than chance, and a size that is badly
estimated, which is rare, does not show.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from export import load_checkpoint, measure_reach, write_facts, write_float, write_integers
from scores import NOTHING, Matches, label_picture, match_labels
from sheets import Picture, read_pictures, split_pictures

from chc_gating.imaging.network import NucleusNetwork
from chc_gating.imaging.network_diameter import find_diameter
from chc_gating.imaging.network_nuclei import Rules

VERSION = "4"
SHIPPED = Path(__file__).parents[1] / "chc_gating" / "imaging" / "models" / "nuclei.onnx"


def main() -> None:
    """Score all checkpoints of a folder and ship the best."""
    options = parse_options()
    torch.set_num_threads(1)
    parts = split_pictures(read_pictures(options.data))
    scores: dict[Path, float] = {}
    for checkpoint in sorted(options.run.glob("step*.pt")):
        model = write_models(checkpoint, parts["train"])
        network = NucleusNetwork(model)
        seen, checked = (score_network(network, parts[p], Rules()) for p in ("train", "validation"))
        scores[model] = total_f1(seen + checked)
        told = f"trained on: {describe(seen)}; validation: {describe(checked)}"
        print(f"{checkpoint.stem}: {told}", flush=True)
    best = max(scores, key=lambda model: scores[model])
    print(f"best: {best.stem}")
    if options.rules:
        try_rules(NucleusNetwork(best), parts["train"] + parts["validation"])
    SHIPPED.parent.mkdir(exist_ok=True)
    whole = best.with_name(best.name.replace("-int8", "-float"))
    for source, target in ((best, SHIPPED), (whole, options.run / "float.onnx")):
        for end in (".onnx", ".json"):
            shutil.copy(source.with_suffix(end), target.with_suffix(end))


def parse_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/image/dsb2018"))
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--rules", action="store_true", help="score other rules, but on no test")
    return parser.parse_args()


def write_models(checkpoint: Path, training: list[Picture]) -> Path:
    """Write a checkpoint as ONNX in 32 and in 8 bits; return the latter's path."""
    model = load_checkpoint(checkpoint)
    reach = measure_reach(model)
    whole = checkpoint.with_name(f"{checkpoint.stem}-float.onnx")
    small = checkpoint.with_name(f"{checkpoint.stem}-int8.onnx")
    write_float(model, whole)
    write_integers(whole, small, training)
    for path in (whole, small):
        write_facts(path, version=VERSION, reach_px=reach)
    return small


def score_network(network: NucleusNetwork, pictures: list[Picture], rules: Rules) -> Matches:
    """Return the matches of the shipped chain over pictures."""
    total = NOTHING
    for picture in pictures:
        diameter = find_diameter(picture.grey, network)
        found = label_picture(network, picture, diameter_px=diameter, rules=rules)
        total = total + match_labels(found, picture.labels)
    return total


def total_f1(matches: Matches) -> float:
    """Return what checkpoints are compared by: F1 at both limits, added."""
    return matches.f1(0.5) + matches.f1(0.7)


def describe(matches: Matches) -> str:
    """Return the scores in words."""
    return (
        f"F1 {matches.f1(0.5):.4f} at .5, {matches.f1(0.7):.4f} at .7 "
        f"({matches.found} found, {matches.true} true)"
    )


def try_rules(network: NucleusNetwork, pictures: list[Picture]) -> None:
    """Print what other rules would score; the package's are set by hand from this."""
    tried = {
        "foreground": (0.0, 0.25, 0.5, 0.75),
        "peak": (0.3, 0.4, 0.5, 0.6),
        "keep_percent": (40, 45, 50, 55, 60, 70),
        "join": (0.5, 0.8, 1.0, 1.2),
        "smallest": (0.2, 0.3, 0.35, 0.4),
    }
    for name, value in ((n, v) for n, values in tried.items() for v in values):
        rules = replace(Rules(), **{name: value})
        print(f"{name} {value}: {describe(score_network(network, pictures, rules))}", flush=True)


if __name__ == "__main__":
    main()
