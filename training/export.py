"""From a checkpoint to the file that is shipped: ONNX in 32 bits, then in 8-bit integers."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from architecture import STRIDE, NucleusUNet
from batches import split_tones
from sheets import TARGET_PX, Picture, make_sheet
from torch import nn

OPSET = 17


class TwoHeads(nn.Module):
    """The trained network with a convolution of its own for each answer.

    In 8 bits a tensor has one scale: together, the distance would have the steps of the
    foreground, which is ten times as wide.
    """

    def __init__(self, trained: NucleusUNet) -> None:
        super().__init__()
        self.trained = trained
        self.heads = nn.ModuleList()
        for part in range(2):
            head = nn.Conv2d(trained.head.in_channels, 4, 3, padding=1)
            rows = slice(4 * part, 4 * part + 4)
            head.weight.data = trained.head.weight.data[rows].clone()
            head.bias.data = trained.head.bias.data[rows].clone()
            self.heads.append(head)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return foreground and distance, each (n, 1, y, x)."""
        features = self.trained.features(image)
        foreground, distance = (self.trained.fold(head(features)) for head in self.heads)
        return foreground, distance


def load_checkpoint(path: Path) -> NucleusUNet:
    """Return the network of a checkpoint, ready to predict."""
    model = NucleusUNet()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


def write_float(model: NucleusUNet, path: Path) -> None:
    """Write the network in 32 bits, for any image whose sides are multiples of the stride."""
    sides = {"image": {0: "n", 2: "y", 3: "x"}}
    names = ["foreground", "distance"]
    torch.onnx.export(
        TwoHeads(model).eval(),
        (torch.rand(1, 2, 128, 128),),
        str(path),
        input_names=["image"],
        output_names=names,
        dynamic_axes=sides | {name: {0: "n", 2: "y", 3: "x"} for name in names},
        opset_version=OPSET,
        dynamo=False,
    )


def write_integers(float_path: Path, path: Path, pictures: list[Picture]) -> None:
    """Write the network in 8 bits; ranges are those seen on the (training) pictures.

    Weights have 7 bits: with 8, processors without VNNI instructions would overflow 16-bit sums
    and so give other answers.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(float_path), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(path),
        _PictureReader(pictures),
        quant_format=QuantFormat.QOperator,
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()


class _PictureReader:
    """Gives the quantisation one picture at a time."""

    def __init__(self, pictures: list[Picture]) -> None:
        self._images = iter([make_sheet(p, nucleus_px=TARGET_PX).image for p in pictures])

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        if image is None:
            return None
        height, width = (length // STRIDE * STRIDE for length in image.shape)
        return {"image": split_tones(image[:height, :width])[np.newaxis]}


def write_facts(path: Path, *, version: str, reach_px: int) -> None:
    """Write what is stated beside a model."""
    facts = {
        "version": version,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "target_diameter_px": TARGET_PX,
        "reach_px": reach_px,
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def measure_reach(model: NucleusUNet) -> int:
    """Return how far, in pixels, an answer looks: by what its gradient reaches.

    All weights count, and averages stand for maxima, so that no way is hidden. From every place
    within one stride, since pooling makes the reach depend on it.
    """
    heads = TwoHeads(copy.deepcopy(model))
    heads.trained.pool = nn.AvgPool2d(2)
    for weight in heads.parameters():
        nn.init.constant_(weight, 1e-2)
    side, reach = 256, 0
    for offset in range(STRIDE):
        image = torch.ones(1, 2, side, side, requires_grad=True)
        centre = side // 2 + offset
        sum(out[0, 0, centre, centre] for out in heads(image)).backward()
        rows = torch.nonzero(image.grad[0].abs().sum((0, 2))).flatten()
        reach = max(reach, centre - int(rows.min()), int(rows.max()) - centre)
    return reach
