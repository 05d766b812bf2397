"""Train the network of nuclei: `python training/train.py --help`."""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from architecture import NucleusUNet, count_parameters
from batches import BROAD, REAL, Diet, draw_batch, fill_pool
from sheets import read_pictures, split_pictures
from torch import nn
from torch.nn import functional

BATCH = 12
LAST_RATE, WARM_UP = 1e-5, 300
EMA_DECAY = 0.998
DISTANCE_SHARE = 3.0


@dataclass(frozen=True)
class Phase:
    """Steps on one diet: the rate rises to a peak and falls by half a cosine.

    checkpoints : how many are kept, of the last 60 % of steps, under names with ``prefix``.
    """

    diet: Diet
    steps: int
    peak_rate: float
    checkpoints: int
    prefix: str


def main() -> None:
    """Train in two phases and keep a checkpoint now and then; select_model.py chooses."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng, second_rng = np.random.default_rng(options.seed), np.random.default_rng([options.seed, 2])
    pictures = split_pictures(read_pictures(options.data))["train"]
    if options.without_group:
        pictures = [p for p in pictures if p.group != options.without_group]
    model = NucleusUNet().to(memory_format=torch.channels_last)
    print(f"{len(pictures)} pictures, {count_parameters(model)} parameters", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    first = Phase(BROAD, options.first_steps, 3e-3, 1, "first")
    second = Phase(REAL, options.steps, 1.5e-3, options.checkpoints, "step")
    if options.start is None:
        model = run_phase(model, fill_pool(pictures, rng, BROAD), rng, first, options.output)
    else:
        model.load_state_dict(torch.load(options.start, weights_only=True))
    # Its own generator, so that --start goes on as the whole run does.
    run_phase(model, fill_pool(pictures, second_rng, REAL), second_rng, second, options.output)


def parse_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/image/dsb2018"))
    parser.add_argument("--output", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--first-steps", type=int, default=9000, help="of the first phase")
    parser.add_argument("--steps", type=int, default=21000, help="of the second phase")
    parser.add_argument("--start", type=Path, help="checkpoint that stands for the first phase")
    parser.add_argument("--checkpoints", type=int, default=4, help="in the last 60 %% of steps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without-group", help="leave out this microscope's pictures")
    return parser.parse_args()


def run_phase(model, pool, rng: np.random.Generator, phase: Phase, folder: Path) -> nn.Module:
    """Run the steps of a phase; write the averaged model at each checkpoint and return the last."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=phase.peak_rate, weight_decay=1e-3)
    average = copy.deepcopy(model).eval()
    model.train()
    keep = {
        round(phase.steps * (0.4 + 0.6 * (i + 1) / phase.checkpoints))
        for i in range(phase.checkpoints)
    }
    started, losses = time.monotonic(), []
    for step in range(1, phase.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = find_rate(step, phase)
        losses.append(run_step(model, optimizer, draw_batch(pool, BATCH, rng)))
        move_average(average, model, min(EMA_DECAY, step / (step + 10)))
        if step % 200 == 0 or step == phase.steps:
            spent = time.monotonic() - started
            print(f"step {step} loss {np.mean(losses[-200:]):.4f} {spent:.0f} s", flush=True)
        if step in keep:
            torch.save(average.state_dict(), folder / f"{phase.prefix}{step:06d}.pt")
    return average


def find_rate(step: int, phase: Phase) -> float:
    """Return the learning rate: a short rise, then half a cosine."""
    if step <= WARM_UP:
        return phase.peak_rate * step / WARM_UP
    share = (step - WARM_UP) / max(phase.steps - WARM_UP, 1)
    return LAST_RATE + (phase.peak_rate - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * share))


def run_step(model, optimizer, batch) -> float:
    """Take one step and return the loss."""
    images, foreground, distance, weight = (torch.from_numpy(part) for part in batch)
    # Half the time; the loss is taken, and the weights are kept, in 32 bits.
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predicted = model(images.contiguous(memory_format=torch.channels_last)).float()
    is_nucleus = functional.binary_cross_entropy_with_logits(
        predicted[:, :1], foreground, weight=weight
    )
    depth = (
        weight * functional.smooth_l1_loss(predicted[:, 1:], distance, beta=0.1, reduction="none")
    ).mean()
    loss = is_nucleus + DISTANCE_SHARE * depth
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged model a little towards the model, batch-norm statistics included."""
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)
    for slow, fast in zip(average.buffers(), model.buffers(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)


if __name__ == "__main__":
    main()
