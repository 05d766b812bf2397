"""Train the network of nuclei: `python training/train.py --help`."""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
from architecture import NucleusUNet, count_parameters
from batches import draw_batch, fill_pool
from sheets import read_pictures, split_pictures
from torch import nn
from torch.nn import functional

BATCH = 12
PEAK_RATE, LAST_RATE, WARM_UP = 3e-3, 1e-5, 300
EMA_DECAY = 0.998
DISTANCE_SHARE = 3.0


def main() -> None:
    """Train and keep a checkpoint now and then; select.py chooses among them."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    pictures = split_pictures(read_pictures(options.data))["train"]
    if options.without_group:
        pictures = [p for p in pictures if p.group != options.without_group]
    pool = fill_pool(pictures, rng)
    model = NucleusUNet().to(memory_format=torch.channels_last)
    print(f"{len(pictures)} pictures, {count_parameters(model)} parameters", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    run_steps(model, pool, rng, options)


def parse_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/image/dsb2018"))
    parser.add_argument("--output", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--steps", type=int, default=11000)
    parser.add_argument("--checkpoints", type=int, default=10, help="in the last 60 %% of steps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without-group", help="leave out this microscope's pictures")
    return parser.parse_args()


def run_steps(model, pool, rng: np.random.Generator, options: argparse.Namespace) -> None:
    """Run all steps; write an averaged model at each checkpoint."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-3)
    average = copy.deepcopy(model).eval()
    keep = {
        round(options.steps * (0.4 + 0.6 * (i + 1) / options.checkpoints))
        for i in range(options.checkpoints)
    }
    started, losses = time.monotonic(), []
    for step in range(1, options.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = find_rate(step, options.steps)
        losses.append(run_step(model, optimizer, draw_batch(pool, BATCH, rng)))
        move_average(average, model, min(EMA_DECAY, step / (step + 10)))
        if step % 200 == 0 or step == options.steps:
            spent = time.monotonic() - started
            print(f"step {step} loss {np.mean(losses[-200:]):.4f} {spent:.0f} s", flush=True)
        if step in keep:
            torch.save(average.state_dict(), options.output / f"step{step:06d}.pt")


def find_rate(step: int, steps: int) -> float:
    """Return the learning rate: a short rise, then half a cosine."""
    if step <= WARM_UP:
        return PEAK_RATE * step / WARM_UP
    share = (step - WARM_UP) / max(steps - WARM_UP, 1)
    return LAST_RATE + (PEAK_RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * share))


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
