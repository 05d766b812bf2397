"""The network: a compact U-Net whose finest level stands at half resolution.

The image enters as 2 x 2 pixels folded into channels, and leaves the same way: nothing is lost,
and no layer runs at full resolution. There is nothing that looks at the whole image (no instance
norm, no pooling over everything), so that a tile's interior equals the whole image's.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

STRIDE = 8
"""Tile origins and sizes are multiples of this many pixels."""

WIDTHS = (48, 80, 104)
"""Channels at 1/2, 1/4 and 1/8 of the image's resolution."""


def _stem(inputs: int, outputs: int) -> nn.Sequential:
    """Return what equals folding 2 x 2 pixels into channels and a 3 x 3 block on them."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 6, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class NucleusUNet(nn.Module):
    """Foreground logit and normalised distance of an image.

    Input (n, 2, y, x): intensity and its square root, both in 0..1 or so; output (n, 2, y, x).
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [nn.Sequential(_stem(2, widths[0]), _block(widths[0], widths[0]))]
        )
        for inputs, width in pairwise(widths):
            self.down.append(nn.Sequential(_block(inputs, width), _block(width, width)))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.narrow = nn.ModuleList()
        self.join = nn.ModuleList()
        for deep, shallow in zip(widths[:0:-1], widths[-2::-1], strict=True):
            self.narrow.append(_pointwise(deep, shallow))
            self.join.append(nn.Sequential(_block(shallow, shallow), _block(shallow, shallow)))
        self.head = nn.Conv2d(widths[0], 8, 3, padding=1)
        self.fold = nn.PixelShuffle(2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (n, 2, y, x): foreground logit, distance."""
        return self.fold(self.head(self.features(image)))

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Return what the head sees: the finest level, at half resolution."""
        x = image
        levels = []
        for i, block in enumerate(self.down):
            x = block(self.pool(x) if i else x)
            levels.append(x)
        for narrow, join, level in zip(self.narrow, self.join, levels[-2::-1], strict=True):
            x = join(self.up(narrow(x)) + level)
        return x


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers are trained."""
    return sum(p.numel() for p in model.parameters())
