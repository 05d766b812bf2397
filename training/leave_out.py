"""Train briefly without each microscope's pictures in turn, to see how the network travels.

Each network is that of the last checkpoint, in 8 bits as it would be shipped; evaluate.py scores it
on all pictures of the microscope that it never saw.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import torch
from select_model import write_models
from sheets import read_pictures, split_pictures

STEPS = 1200
FIRST_SHARE = 0.6
"""Of the steps, in the first phase."""


def main() -> None:
    """Train, export and say what was left out, one microscope after another."""
    options = parse_options()
    torch.set_num_threads(1)
    pictures = read_pictures(options.data)
    training = split_pictures(pictures)["train"]
    for group in options.groups or sorted({p.group for p in pictures}):
        folder = options.output / group.replace(" ", "-")
        train_without(group, folder, options)
        [checkpoint] = folder.glob("step*.pt")
        model = write_models(checkpoint, [p for p in training if p.group != group])
        for end in (".onnx", ".json"):
            model.with_suffix(end).replace(options.output / f"{folder.name}{end}")
        facts_path = options.output / f"{folder.name}.json"
        facts = json.loads(facts_path.read_text(encoding="utf-8"))
        facts |= {"left_out": group, "steps": options.steps}
        facts_path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def parse_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/image/dsb2018"))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--groups", nargs="*", help="microscopes; all unless named")
    return parser.parse_args()


def train_without(group: str, folder: Path, options: argparse.Namespace) -> None:
    """Run train.py in a process of its own, for its memory and its seeds."""
    program = Path(__file__).with_name("train.py")
    first = round(FIRST_SHARE * options.steps)
    arguments = ["--data", options.data, "--output", folder]
    arguments += ["--first-steps", first, "--steps", options.steps - first]
    arguments += ["--checkpoints", 1, "--threads", options.threads, "--without-group", group]
    subprocess.run([sys.executable, program, *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
