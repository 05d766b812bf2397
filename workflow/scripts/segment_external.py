"""Find the nuclei of a slide with Cellpose, StarDist or InstanSeg; write a label image.

Runs in the tool's own environment, one block with a margin at a time; a nucleus belongs to the
block that holds its centre. `chc segment --labels-from` makes labels.tif of what is written.
Nothing is downloaded: the weights are a file (StarDist: the folder of a model).
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

# The tool's environment does not hold the project, whose readers know every kind of slide.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from chc_gating.errors import ChcError
from chc_gating.imaging.blocks import Box, spread_boxes
from chc_gating.imaging.slide import Slide, open_slide

BLOCK_PX = 2048
MARGIN_DIAMETERS = 8
PERCENTILES = (1.0, 99.8)
"""The tools want an image scaled between about these; taken over the slide, not over a block, since
a nucleus on a seam is to look the same to both.
"""

Tool = Callable[[NDArray[Any]], NDArray[np.integer]]


def load_cellpose(weights: Path, *, diameter_px: float, pixel_size_um: float) -> Tool:
    """Return Cellpose with weights of a file; versions below 4 want to be told of one channel."""
    cellpose = importlib.import_module("cellpose")
    models = importlib.import_module("cellpose.models")
    model = models.CellposeModel(gpu=False, pretrained_model=str(weights))
    old = int(str(getattr(cellpose, "version", "4")).partition(".")[0]) < 4
    more = {"channels": [0, 0]} if old else {}
    return lambda image: model.eval(image, diameter=diameter_px, normalize=False, **more)[0]


def load_stardist(weights: Path, *, diameter_px: float, pixel_size_um: float) -> Tool:
    """Return StarDist with the model of a folder."""
    models = importlib.import_module("stardist.models")
    model = models.StarDist2D(None, name=weights.name, basedir=str(weights.parent))
    return lambda image: model.predict_instances(image)[0]


def load_instanseg(weights: Path, *, diameter_px: float, pixel_size_um: float) -> Tool:
    """Return InstanSeg with the TorchScript model of a file."""
    torch = importlib.import_module("torch")
    model = importlib.import_module("instanseg").InstanSeg(torch.jit.load(str(weights)))

    def find(image: NDArray[Any]) -> NDArray[np.integer]:
        labels, _ = model.eval_small_image(image[np.newaxis], pixel_size_um, normalise=False)
        return np.asarray(labels).reshape(-1, *image.shape)[0].astype(np.int64)

    return find


LOADERS = {"cellpose": load_cellpose, "stardist": load_stardist, "instanseg": load_instanseg}


def find_blocks(shape: tuple[int, int]) -> Iterator[Box]:
    """Yield the blocks of a slide."""
    for y in range(0, shape[0], BLOCK_PX):
        for x in range(0, shape[1], BLOCK_PX):
            yield Box(y, y + BLOCK_PX, x, x + BLOCK_PX).clip(shape)


def find_levels(slide: Slide, channel: int) -> tuple[float, float]:
    """Return the grey levels to scale between, from boxes spread over the slide."""
    boxes = spread_boxes(slide.shape, count=36, side=512)
    sample = np.concatenate([slide.read_box(channel, box).ravel()[::7] for box in boxes])
    low, high = np.percentile(sample, PERCENTILES)
    return float(low), float(max(high, low + 1))


def add_block(
    target: NDArray[np.uint32], found: NDArray[np.integer], block: Box, *, outer: Box, first: int
) -> int:
    """Write the nuclei whose centre lies in a block; return the next label that is free."""
    inside = np.nonzero(found)
    values, index = np.unique(found[inside], return_inverse=True)
    areas = np.bincount(index, minlength=values.size)
    y = np.bincount(index, weights=inside[0] + 0.5, minlength=values.size) / np.maximum(areas, 1)
    x = np.bincount(index, weights=inside[1] + 0.5, minlength=values.size) / np.maximum(areas, 1)
    core = block.within(outer)
    own = (y >= core.y0) & (y < core.y1) & (x >= core.x0) & (x < core.x1)
    fresh = np.where(own, first + np.cumsum(own) - 1, 0).astype(np.uint32)
    labels = np.zeros(found.shape, np.uint32)
    labels[inside] = fresh[index]
    part = target[outer.slices]
    part[...] = np.where(part == 0, labels, part)
    return first + int(own.sum())


def segment(slide: Slide, channel: int, given: argparse.Namespace) -> None:
    """Write the label image of a slide, whole."""
    diameter_px = given.nucleus_um / slide.pixel_size_um
    tool = LOADERS[given.tool](
        given.weights, diameter_px=diameter_px, pixel_size_um=slide.pixel_size_um
    )
    low, high = find_levels(slide, channel)
    temporary = given.output.with_name(f".{given.output.name}.{os.getpid()}.tif")
    target = tifffile.memmap(
        temporary, shape=slide.shape, dtype=np.uint32, bigtiff=True, photometric="minisblack"
    )
    try:
        first = 1
        for block in find_blocks(slide.shape):
            outer = block.grow(round(MARGIN_DIAMETERS * diameter_px), slide.shape)
            image = ((slide.read_box(channel, outer) - low) / (high - low)).astype(np.float32)
            found = np.asarray(tool(image))
            first = add_block(target, found, block, outer=outer, first=first)
        target.flush()
        temporary.replace(given.output)
    finally:
        temporary.unlink(missing_ok=True)


def parse() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("--tool", choices=LOADERS, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--channel", required=True, help="the DNA channel's name")
    parser.add_argument("--channel-name", action="append", help="the panel's, in order")
    parser.add_argument("--image", type=int, default=0)
    parser.add_argument("--pixel-size-um", type=float)
    parser.add_argument("--nucleus-um", type=float, required=True)
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Segment a slide; a slide that cannot be read gets an empty image, and its fault later."""
    given = parse()
    if not given.weights.exists():
        sys.exit(f"{given.weights}: no such weights, and nothing downloads them; correct the panel")
    try:
        with open_slide(
            given.slide,
            image=given.image,
            pixel_size_um=given.pixel_size_um,
            channel_names=given.channel_name,
        ) as slide:
            (channel,) = slide.find_channels((given.channel,), panel="of this slide")
            segment(slide, channel, given)
    except ChcError as error:
        print(f"{error}\nchc segment will say so in segmentation.json", file=sys.stderr)
        tifffile.imwrite(given.output, np.zeros((1, 1), np.uint32))
    except ModuleNotFoundError as error:
        sys.exit(
            f"{given.tool} is not installed here (no module {error.name}); run snakemake with "
            "--sdm conda, or install the tool in this environment"
        )


if __name__ == "__main__":
    main()
